/** What one peer is expected to be, and how it is spoken to. */
import type { Family, Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { NextHops } from '../export-policy.ts';

export interface PeerConfig {
  readonly localAs: number;
  /** The AS the peer has to be in; the same as ours: iBGP. */
  readonly peerAs: number;
  /** An IPv4 address in form only; never 0.0.0.0. */
  readonly identifier: Ip;
  /** Seconds, 0 or at least 3; the smaller one of both sides counts. */
  readonly holdTime: number;
  /** Default: a third of the hold time agreed on, which is also the most. */
  readonly keepalive?: Milliseconds;
  /** Families to be told of. */
  readonly families: readonly Family[];
  /** Wait to be called. */
  readonly passive?: boolean;
  readonly nextHops?: NextHops;
  /** Absent: routes go with the session. */
  readonly gracefulRestart?: {
    /** For how long the peer shall keep our routes while we are away, 1–4095 s. */
    readonly seconds: number;
    /** This process has taken over from one before it: told until everything has been said once. */
    readonly restarted: boolean;
  };
}

/** A connection that does not come about in this time is tried anew. */
export const CONNECT_TIMEOUT: Milliseconds = 5000;
/** A peer that has connected says OPEN in this time; RFC 4271 §8.2.2 suggests four minutes, and allows any large value. */
export const OPEN_TIMEOUT: Milliseconds = 30_000;
/** RFC 9687 §3: a peer that takes nothing for this long, or twice the hold time, is given up. */
export const SEND_HOLD_TIME: Milliseconds = 480_000;
