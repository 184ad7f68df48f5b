/** Keys of WireGuard: 32 bytes in base64, the public one by Curve25519 from the private one (RFC 7748). */
import { createPrivateKey, createPublicKey } from 'node:crypto';

/** 43 digits of which the last holds four bits, and one `=`. */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
/** DER of a PKCS #8 private key of X25519 (RFC 8410) up to the key itself. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** @param privateKey for which {@link isKey} holds */
export function publicKeyOf(privateKey: string): string {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, Buffer.from(privateKey, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('base64');
}
