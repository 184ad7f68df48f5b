/** Heartbeats of agents: what one datagram says. Bytes in codec.ts, authentication in seal.ts. */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';

/** A datagram must pass every link undivided: the least IPv6 MTU is 1280, home LANs have 1500. */
export const MAX_DATAGRAM = 1400;

export interface Heartbeat {
  /** Which agents belong together: a hash of cluster and instance, 32 bits. */
  readonly group: number;
  /** Name of the sending node, 1 to 253 bytes of UTF-8. */
  readonly node: string;
  /** One life of the sending agent: random, 64 bits. */
  readonly epoch: bigint;
  /** Counts the datagrams of this life, 32 bits. */
  readonly sequence: number;
  /** The sender's monotonic clock since its life began, 48 bits: shows how long a datagram was on its way. */
  readonly uptime: Milliseconds;
  /** The sender's beat, and how many of them may be missing before it counts as dead. */
  readonly interval: Milliseconds;
  readonly missed: number;
  /** May hold addresses at all. */
  readonly ready: boolean;
  /** Hands everything over and takes nothing. */
  readonly draining: boolean;
  /** The last words of this life: what it had is free. */
  readonly leaving: boolean;
  /** False: one more datagram of the same beat, `heard` is left out. */
  readonly complete: boolean;
  /** All claims of the sender, of which `claims` are a part: how many, and {@link claimDigest} of each, XORed. */
  readonly claimCount: number;
  readonly claimDigest: number;
  /** Whom the sender hears itself. */
  readonly heard: readonly HeardPeer[];
  readonly claims: readonly AddressClaim[];
  /** Addresses that the sender had and has no more. */
  readonly dropped: readonly Ip[];
  readonly offers: readonly AddressOffer[];
  /** Claims of others, for those who cannot hear them. */
  readonly relayed: readonly RelayedClaim[];
}

export interface HeardPeer {
  /** {@link nodeHash} of its name. */
  readonly node: number;
  /** The low 32 bits. */
  readonly epoch: number;
  /** The last one heard. */
  readonly sequence: number;
  /** Since it was heard, at most 65535. */
  readonly age: Milliseconds;
  /** The sender counts it as alive. Without that it only says that it was heard, which is what a new life is proven by. */
  readonly live: boolean;
  /** The sender knows all its claims. */
  readonly synced: boolean;
}

export interface AddressClaim {
  readonly address: Ip;
  /** Counts the owners of the address, 32 bits. */
  readonly term: number;
}

export interface AddressOffer extends AddressClaim {
  /** {@link nodeHash} of the one that is to take it. */
  readonly to: number;
}

export interface RelayedClaim extends AddressClaim {
  /** {@link nodeHash} of the one that claims it. */
  readonly owner: number;
}

/** Names travel as 32 bits where the receiver knows them anyway. */
export function nodeHash(name: string): number {
  return mix(fnv(name));
}

/** What a claim adds to the digest of all claims. */
export function claimDigest(address: Ip, term: number): number {
  return mix(fnv(address) ^ Math.imul(term + 1, 0x9e3779b1));
}

/** 32-bit FNV-1a over UTF-16 units: names and addresses are ASCII. */
function fnv(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

/** The finalizer of MurmurHash3. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
