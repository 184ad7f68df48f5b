/** What spreading the VIP's traffic over the API servers needs from outside. */
import type { Family, Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';

/** An API server, by address and port. */
export interface ApiBackend {
  readonly ip: Ip;
  readonly port: number;
  /** It is this node's own. */
  readonly here: boolean;
}

/**
 * `out`: it does not serve now, and what is under way there may still come to its end; `dead`: nothing there answers any
 * more.
 */
export type BackendAnswer =
  { readonly state: 'ready' } | { readonly state: 'out' | 'dead' | 'silent'; readonly message: string };

export interface AskedBackend {
  readonly answer: BackendAnswer;
  /** Lets go of the connection that the answer came by. */
  release(): void;
}

export interface BackendProbes {
  /**
   * Asks once whether it is ready to serve, by a connection of its own, which then stands until it is released.
   * `onLost`: it has ended before that. Never rejects.
   */
  ask(backend: ApiBackend, timeout: Milliseconds, onLost: () => void): Promise<AskedBackend>;
  /** Whether its port takes connections at all. Never rejects. */
  readonly answers: (backend: ApiBackend, timeout: Milliseconds) => Promise<boolean>;
}

/** Where new connections to one port of some addresses go. All are of one family. */
export interface Spread {
  readonly family: Family;
  readonly vips: readonly Ip[];
  /** Of the VIP. */
  readonly port: number;
  /** Of this node's own API server. */
  readonly herePort: number;
  /** For those of other machines and of pods. None: they stay on this node. */
  readonly outside: readonly ApiBackend[];
  /** For those of the node itself. None: likewise. */
  readonly inside: readonly ApiBackend[];
}

/** The kernel's rules for it, marked as ours. */
export interface SpreadTable {
  /** The whole of what shall hold, in one transaction; nothing of it stays in the kernel for an empty list. */
  set(spreads: readonly Spread[]): Promise<void>;
  /**
   * Ends connections to `port` of `vips` that were led to other machines: to those in `to` alone, if given. Their clients
   * are told at once as long as the address is here.
   */
  cut(vips: readonly Ip[], port: number, to?: readonly Ip[]): void;
}
