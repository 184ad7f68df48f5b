/** The nonce of a PCP mapping (RFC 6887 §11.1), which proves to the server whose mapping it is. */
import { createHash } from 'node:crypto';
import type { WantedPort } from './port.ts';

/**
 * 12 bytes that follow from Service, protocol and internal port: every node goes on with the same mapping, even when
 * the record of it is lost. The RFC wants it hard to guess for others, and a UID has 122 random bits; whoever can read
 * it from the API may delete the Service anyway.
 */
export function pcpNonce(uid: string, port: Pick<WantedPort, 'protocol' | 'internalPort'>): Uint8Array {
  const hash = createHash('sha256').update(`kubevip pcp ${uid} ${port.protocol} ${port.internalPort}`).digest();
  return Uint8Array.from(hash.subarray(0, 12));
}
