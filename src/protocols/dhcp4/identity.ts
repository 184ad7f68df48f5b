/**
 * Who a Service is to a DHCP server. Both names come from its UID alone, so every node is the same client, and the
 * server goes on with the same lease whichever node asks.
 */
import { createHash } from 'node:crypto';
import { macFromBytes, type Mac } from '../../model/mac.ts';

export interface ClientIdentity {
  /** `chaddr`. No interface has this address, and no frame is sent from it. */
  readonly mac: Mac;
  /** Option 61. */
  readonly clientId: Uint8Array;
}

const NODE_SPECIFIC = 0xff;
const DUID_UUID = 4;
const IAID = [0, 0, 0, 1] as const;

/**
 * - `mac`: 44 bits of a hash in a locally administered unicast address (IEEE 802c, quadrant AAI): servers that know
 *   only hardware addresses still tell Services apart.
 * - `clientId`: the form of RFC 4361 §6.1, type 255, an IAID and a DUID. The DUID is of type UUID (RFC 6355), and the
 *   UUID is the Service's UID itself; so the same client can be told in DHCPv6, and found in a server's lease file.
 */
export function identityOf(uid: string): ClientIdentity {
  const hash = createHash('sha256').update(`kubevip dhcp4 ${uid}`).digest();
  const mac = macFromBytes(Uint8Array.of((hash.readUInt8(0) & 0xf0) | 0x02, ...hash.subarray(1, 6)));
  return { mac, clientId: Uint8Array.of(NODE_SPECIFIC, ...IAID, 0, DUID_UUID, ...uuidOf(uid, hash)) };
}

/** UIDs are UUIDs on every API server known; any other text is hashed into one of version 8 (RFC 9562 §5.8). */
function uuidOf(uid: string, hash: Uint8Array): Uint8Array {
  const hex = uid.replaceAll('-', '');
  if (/^[0-9a-f]{32}$/i.test(hex)) return Uint8Array.from(Buffer.from(hex, 'hex'));
  const uuid = Uint8Array.from(hash.subarray(16, 32));
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}
