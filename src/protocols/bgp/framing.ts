/** Messages out of a stream of bytes: marker, length, type (RFC 4271 §4.1), checked as §6.1 says. */
import { concat } from '../../model/bytes.ts';
import { u16 } from './bytes.ts';
import { ERROR, HEADER_BYTES, HEADER_ERROR, MAX_MESSAGE_BYTES, MESSAGE } from './codes.ts';
import { BgpDecodeError } from './error.ts';

export interface Frame {
  readonly type: number;
  /** What is behind the header. */
  readonly body: Uint8Array;
}

export interface Framer {
  /**
   * Takes what arrived, and gives every message that is complete now, one by one. Keeps less than one message between
   * calls. What is behind an error means nothing any more.
   * @throws BgpDecodeError while iterating.
   */
  push(chunk: Uint8Array): Generator<Frame, void, undefined>;
}

/** Shortest and longest whole message of each type. */
const LENGTHS: Readonly<Record<number, readonly [number, number]>> = {
  [MESSAGE.open]: [29, MAX_MESSAGE_BYTES],
  [MESSAGE.update]: [23, MAX_MESSAGE_BYTES],
  [MESSAGE.notification]: [21, MAX_MESSAGE_BYTES],
  [MESSAGE.keepalive]: [19, 19],
  [MESSAGE.routeRefresh]: [23, MAX_MESSAGE_BYTES],
};

export function createFramer(): Framer {
  /** A message that is not all there yet. */
  const held = new Uint8Array(MAX_MESSAGE_BYTES);
  let filled = 0;
  return {
    *push(chunk) {
      // Not as a Buffer, whose slice() would share memory with what comes next.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      let at = 0;
      while (at < bytes.length) {
        const left = bytes.subarray(at);
        if (filled === 0 && left.length >= HEADER_BYTES) {
          const { type, length } = header(left);
          if (left.length >= length) {
            at += length;
            yield { type, body: left.subarray(HEADER_BYTES, length) };
            continue;
          }
        }
        const needed = filled < HEADER_BYTES ? HEADER_BYTES : header(held).length;
        const taken = left.subarray(0, needed - filled);
        held.set(taken, filled);
        filled += taken.length;
        at += taken.length;
        if (filled < HEADER_BYTES) continue;
        const { type, length } = header(held);
        if (filled < length) continue;
        filled = 0;
        yield { type, body: held.slice(HEADER_BYTES, length) };
      }
    },
  };
}

/** @throws RangeError for a message that would be longer than BGP allows. */
export function frame(type: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  const length = HEADER_BYTES + body.length;
  if (length > MAX_MESSAGE_BYTES) throw new RangeError(`a BGP message has at most ${MAX_MESSAGE_BYTES} bytes`);
  return concat(new Uint8Array(16).fill(0xff), u16(length), [type], body);
}

function header(bytes: Uint8Array): { type: number; length: number } {
  for (let i = 0; i < 16; i++) {
    if (bytes[i] !== 0xff) throw refused(HEADER_ERROR.notSynchronized, 'a marker that is not all ones');
  }
  const length = (bytes[16] ?? 0) * 256 + (bytes[17] ?? 0);
  const type = bytes[18] ?? 0;
  const lengths = LENGTHS[type];
  if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) {
    throw refused(HEADER_ERROR.badLength, `a message of ${length} bytes`, u16(length));
  }
  if (lengths === undefined) throw refused(HEADER_ERROR.badType, `message type ${type}`, Uint8Array.of(type));
  if (length < lengths[0] || length > lengths[1]) {
    throw refused(HEADER_ERROR.badLength, `a message of type ${type} with ${length} bytes`, u16(length));
  }
  return { type, length };
}

function refused(subcode: number, message: string, data?: Uint8Array): BgpDecodeError {
  return new BgpDecodeError(ERROR.header, subcode, message, data);
}
