/** A BGP router of another make, as tests see it: configured from one list of neighbours, asked in its own words. */
import type { Milliseconds } from '../../../src/model/time.ts';
import type { LanHost } from '../netns.ts';

/** One neighbour as the router is configured for it. */
export interface Neighbor {
  readonly name: string;
  /** Our address. */
  readonly ip: string;
  /** The AS that the router expects us in. */
  readonly as: number;
  readonly password?: string;
  readonly multihop?: boolean;
  readonly ttlSecurity?: boolean;
  readonly gracefulRestart?: boolean;
  /** In seconds; default 90. */
  readonly hold?: number;
  readonly bfd?: boolean;
  /** Where we listen. */
  readonly port?: number;
  /** The router's own interface: the neighbour is whoever advertises itself there, and has no other name (FRR). */
  readonly link?: string;
}

/** How often BFD speaks, and how many packets may be missing. */
export interface BfdPace {
  readonly intervalMs: Milliseconds;
  readonly multiplier: number;
}

export const DEFAULT_BFD_PACE: BfdPace = { intervalMs: 300, multiplier: 3 };

export interface RouterOptions {
  readonly host: LanHost;
  readonly dir: string;
  readonly as: number;
  /** The router's own address of sessions over IPv4 and over IPv6. */
  readonly ip: string;
  readonly ip6: string;
  readonly port: number;
  readonly neighbors: readonly Neighbor[];
  /** With the neighbours that have it. */
  readonly bfdPace?: BfdPace;
  /** BIRD puts what it learns into the kernel of its host. FRR always does, GoBGP never. */
  readonly installs?: boolean;
  /** Goes before what it is started with: `chrt --rr 40`. */
  readonly wrapper?: readonly string[];
}

/** A route as the router shows it. */
export interface SeenRoute {
  readonly nextHop: string;
  /** `4200000000 4200000000` */
  readonly path: string;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  /** Kept over a restart of ours. */
  readonly stale: boolean;
}

export interface BgpRouter {
  readonly kind: string;
  start(): Promise<void>;
  /** Like a power cut: nobody is told. */
  kill(): Promise<void>;
  established(neighbor: Neighbor): Promise<boolean>;
  /** What the router says of the neighbour, for what it calls its last error and suchlike. */
  describe(neighbor: Neighbor): Promise<string>;
  /** Routes from this neighbour that the router holds, by prefix. */
  routes(neighbor: Neighbor): Promise<ReadonlyMap<string, SeenRoute>>;
  /** Administrative shutdown of the neighbour, with this communication. */
  shutdown(neighbor: Neighbor, communication: string): Promise<void>;
}

export const familyOfText = (ip: string): 4 | 6 => (ip.includes(':') ? 6 : 4);

/** `fa56ea00` and the like never appear: communities as routers print them, without brackets. */
export function words(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
