/**
 * Authentication of heartbeats. A datagram is `"KV"`, the version, a zero, the id of the key (32 bits), the body, and the
 * first 16 bytes of HMAC-SHA256 over all before (RFC 2104 §5 allows to truncate to half). Nothing of the body is looked
 * at before the hash is right.
 */
import { DecodeError } from '../../model/errors.ts';
import { MAX_DATAGRAM } from './message.ts';

export const HEARTBEAT_VERSION = 1;
const MAGIC = 0x4b56;
const HEADER = 8;
const TAG = 16;
/** What a body may have at most, in bytes. */
export const MAX_BODY = MAX_DATAGRAM - HEADER - TAG;

/** HMAC-SHA256, 32 bytes. Given, for the cryptography is not ours. */
export type KeyedHash = (key: Uint8Array, bytes: Uint8Array) => Uint8Array;

/** A shared secret, and how it is called on the wire. */
export interface SealKey {
  readonly id: number;
  readonly secret: Uint8Array;
}

/** Tells keys apart without telling anything of them: 32 bits of a hash under the key itself. */
export function keyIdOf(secret: Uint8Array, hash: KeyedHash): number {
  const digest = hash(secret, new TextEncoder().encode('kubevip heartbeat key id'));
  return new DataView(digest.buffer, digest.byteOffset, digest.byteLength).getUint32(0);
}

/** @throws RangeError for a body of more than {@link MAX_BODY} bytes */
export function seal(body: Uint8Array, key: SealKey, hash: KeyedHash): Uint8Array {
  if (body.length > MAX_BODY) throw new RangeError(`a heartbeat has at most ${MAX_BODY} bytes, not ${body.length}`);
  const bytes = new Uint8Array(HEADER + body.length + TAG);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, MAGIC);
  view.setUint8(2, HEARTBEAT_VERSION);
  view.setUint32(4, key.id);
  bytes.set(body, HEADER);
  bytes.set(hash(key.secret, bytes.subarray(0, HEADER + body.length)).subarray(0, TAG), HEADER + body.length);
  return bytes;
}

/**
 * The body of a datagram that one of the keys was used for.
 * @throws DecodeError whose message is one of few, without anything of the datagram in it
 */
export function unseal(datagram: Uint8Array, keys: readonly SealKey[], hash: KeyedHash): Uint8Array {
  if (datagram.length > MAX_DATAGRAM) throw new DecodeError('a heartbeat that is too long');
  if (datagram.length < HEADER + TAG) throw new DecodeError('a heartbeat that is cut off');
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (view.getUint16(0) !== MAGIC) throw new DecodeError('not a heartbeat');
  if (view.getUint8(2) !== HEARTBEAT_VERSION) throw new DecodeError('a heartbeat of another version');
  const id = view.getUint32(4);
  const end = datagram.length - TAG;
  const tag = datagram.subarray(end);
  let known = false;
  // Ids of 32 bits may collide: every key of that id is tried.
  for (const key of keys) {
    if (key.id !== id) continue;
    known = true;
    if (isEqual(tag, hash(key.secret, datagram.subarray(0, end)))) return datagram.subarray(HEADER, end);
  }
  throw new DecodeError(known ? 'a heartbeat with a wrong hash' : 'a heartbeat under a key that is not known');
}

/** Takes the same time whatever differs. */
function isEqual(tag: Uint8Array, digest: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < TAG; i++) difference |= (tag[i] ?? 0) ^ (digest[i] ?? 0);
  return difference === 0;
}
