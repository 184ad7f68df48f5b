/** HMAC-SHA256 (RFC 2104). */
import { createHmac } from 'node:crypto';

export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(bytes).digest();
}
