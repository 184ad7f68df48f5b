/**
 * Heartbeats as bytes, network order: 34 bytes of numbers, the name after its length, then five lists, each after its length in one byte.
 * An address is its size (4 or 16) and its bytes. One value has one form: what a decoder accepts encodes to itself.
 */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import type { AddressClaim, AddressOffer, Heartbeat, HeardPeer, RelayedClaim } from './message.ts';
import { MAX_BODY } from './seal.ts';

const FLAG = { ready: 1, draining: 2, leaving: 4, complete: 8 } as const;
const HEARD_FLAG = { live: 1, synced: 2 } as const;
const FIXED = 35;
const MAX_NAME = 253;
const MAX_LIST = 255;
const HEARD_SIZE = 15;
/** Slower than once a minute nobody beats. */
const MAX_INTERVAL = 60_000;

/** Bytes of one claim in a datagram. Offers and relayed claims take four more. */
export function claimSize(address: Ip): number {
  return (familyOf(address) === 4 ? 5 : 17) + 4;
}

/** Bytes that are left for claims, dropped addresses, offers and relayed claims beside a name and what is heard. */
export function roomFor(node: string, heard: number): number {
  return MAX_BODY - FIXED - new TextEncoder().encode(node).length - 5 - heard * HEARD_SIZE;
}

/** @throws RangeError for a beat that does not fit one datagram, or a number out of range */
export function encodeHeartbeat(beat: Heartbeat): Uint8Array {
  const out = new Writer(MAX_BODY);
  const name = new TextEncoder().encode(beat.node);
  if (name.length === 0 || name.length > MAX_NAME) throw new RangeError(`a name of ${name.length} bytes`);
  out.u32(beat.group);
  out.u32(Number(beat.epoch >> 32n));
  out.u32(Number(beat.epoch & 0xffffffffn));
  out.u32(beat.sequence);
  out.u16(Math.floor(beat.uptime / 2 ** 32));
  out.u32(beat.uptime % 2 ** 32);
  out.u16(beat.interval);
  out.u8(beat.missed);
  out.u8(
    (beat.ready ? FLAG.ready : 0) |
      (beat.draining ? FLAG.draining : 0) |
      (beat.leaving ? FLAG.leaving : 0) |
      (beat.complete ? FLAG.complete : 0),
  );
  out.u32(beat.claimCount);
  out.u32(beat.claimDigest);
  out.u8(name.length);
  out.bytes(name);
  out.list(beat.heard, (peer) => {
    out.u32(peer.node);
    out.u32(peer.epoch);
    out.u32(peer.sequence);
    out.u16(peer.age);
    out.u8((peer.live ? HEARD_FLAG.live : 0) | (peer.synced ? HEARD_FLAG.synced : 0));
  });
  out.list(beat.claims, (claim) => out.claim(claim));
  out.list(beat.dropped, (address) => out.address(address));
  out.list(beat.offers, (offer) => {
    out.claim(offer);
    out.u32(offer.to);
  });
  out.list(beat.relayed, (claim) => {
    out.claim(claim);
    out.u32(claim.owner);
  });
  return out.done();
}

/** @throws DecodeError */
export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  if (bytes.length > MAX_BODY) throw new DecodeError(`a heartbeat has at most ${MAX_BODY} bytes, not ${bytes.length}`);
  const input = new Reader(bytes);
  const group = input.u32();
  const epoch = (BigInt(input.u32()) << 32n) | BigInt(input.u32());
  const sequence = input.u32();
  const uptime = input.u16() * 2 ** 32 + input.u32();
  const interval = input.u16();
  const missed = input.u8();
  if (interval === 0 || interval > MAX_INTERVAL) throw new DecodeError(`an interval of ${interval} ms`);
  if (missed === 0) throw new DecodeError('a node that counts as dead without missing a beat');
  const flags = input.u8();
  if ((flags & ~0x0f) !== 0) throw new DecodeError(`unknown flags ${flags}`);
  const claimCount = input.u32();
  const claimDigest = input.u32();
  const node = input.name();
  const beat: Heartbeat = {
    group,
    node,
    epoch,
    sequence,
    uptime,
    interval,
    missed,
    ready: (flags & FLAG.ready) !== 0,
    draining: (flags & FLAG.draining) !== 0,
    leaving: (flags & FLAG.leaving) !== 0,
    complete: (flags & FLAG.complete) !== 0,
    claimCount,
    claimDigest,
    heard: input.list(() => input.heard()),
    claims: input.list(() => input.claim()),
    dropped: input.list(() => input.address()),
    offers: input.list((): AddressOffer => ({ ...input.claim(), to: input.u32() })),
    relayed: input.list((): RelayedClaim => ({ ...input.claim(), owner: input.u32() })),
  };
  input.end();
  return beat;
}

class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): void {
    this.#number(value, 1, 0xff);
    this.#view.setUint8(this.#at - 1, value);
  }

  u16(value: number): void {
    this.#number(value, 2, 0xffff);
    this.#view.setUint16(this.#at - 2, value);
  }

  u32(value: number): void {
    this.#number(value, 4, 0xffffffff);
    this.#view.setUint32(this.#at - 4, value);
  }

  bytes(bytes: Uint8Array): void {
    this.#take(bytes.length);
    this.#bytes.set(bytes, this.#at - bytes.length);
  }

  address(address: Ip): void {
    const bytes = addressToBytes(address);
    this.u8(bytes.length);
    this.bytes(bytes);
  }

  claim(claim: AddressClaim): void {
    this.address(claim.address);
    this.u32(claim.term);
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    if (items.length > MAX_LIST) throw new RangeError(`a list of ${items.length}, at most ${MAX_LIST}`);
    this.u8(items.length);
    for (const item of items) write(item);
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  #number(value: number, size: number, limit: number): void {
    if (!Number.isInteger(value) || value < 0 || value > limit)
      throw new RangeError(`${value} is not in 0 to ${limit}`);
    this.#take(size);
  }

  #take(size: number): void {
    this.#at += size;
    if (this.#at > this.#bytes.length) throw new RangeError('a heartbeat that does not fit one datagram');
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  name(): string {
    const length = this.u8();
    if (length === 0 || length > MAX_NAME) throw new DecodeError(`a name of ${length} bytes`);
    const bytes = this.#slice(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new DecodeError('a name that is not UTF-8');
    }
  }

  address(): Ip {
    const size = this.u8();
    if (size !== 4 && size !== 16) throw new DecodeError(`an address of ${size} bytes`);
    return addressFromBytes(this.#slice(size));
  }

  claim(): AddressClaim {
    return { address: this.address(), term: this.u32() };
  }

  heard(): HeardPeer {
    const peer = { node: this.u32(), epoch: this.u32(), sequence: this.u32(), age: this.u16() };
    const flags = this.u8();
    if ((flags & ~0x03) !== 0) throw new DecodeError(`unknown flags ${flags} of a peer`);
    return { ...peer, live: (flags & HEARD_FLAG.live) !== 0, synced: (flags & HEARD_FLAG.synced) !== 0 };
  }

  list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.u8(); left > 0; left--) items.push(read());
    return items;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new DecodeError(`${this.#bytes.length - this.#at} bytes too many`);
  }

  #slice(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new DecodeError('a heartbeat that is cut off');
    this.#at = at + size;
    return at;
  }
}

/** As in the model, but without BigInt for IPv4: a thousand claims are read in one go. */
function addressToBytes(address: Ip): Uint8Array {
  return familyOf(address) === 4 ? Uint8Array.from(address.split('.'), Number) : ipToBytes(address);
}

function addressFromBytes(bytes: Uint8Array): Ip {
  return bytes.length === 4 ? (bytes.join('.') as Ip) : ipFromBytes(bytes);
}
