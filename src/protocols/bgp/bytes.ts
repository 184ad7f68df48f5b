/** Reading and laying out fields in network order. */
import { ipFromBytes, type Ip } from '../../model/ip.ts';

export function u16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Takes fields one behind the other; a field that is not all there is answered with `short`'s error. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #short: () => Error;
  #at = 0;

  constructor(bytes: Uint8Array, short: () => Error) {
    this.#bytes = bytes;
    this.#short = short;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.#short();
    this.#at++;
    return value;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16();
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    if (length > this.left) throw this.#short();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }

  ipv4(): Ip {
    return ipFromBytes(this.take(4));
  }
}
