/**
 * Whether somebody on the link uses an address (RFC 5227 §2.1, RFC 4862 §5.4). The fast variant of small LANs: the 1 to
 * 2 s between probes that the RFCs ask for allow for switches that keep a port shut after it came up, which a node's
 * port has long since.
 */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Dialect } from './dialect.ts';

export interface ProbeTiming {
  /** PROBE_NUM of the RFC. */
  readonly count: number;
  /** Between probes, and after the last one for its answer. */
  readonly interval: Milliseconds;
  /** Up to this much is added to each interval, so that two hosts that begin together do not stay in step. */
  readonly jitter: Milliseconds;
}

export const FAST_PROBE: ProbeTiming = { count: 3, interval: 50, jitter: 10 };

export type ProbeResult =
  | { readonly state: 'free' }
  /** `simultaneous`: another host is probing for it at this moment. */
  | { readonly state: 'used'; readonly by: Mac; readonly simultaneous: boolean };

export interface Prober<Frame> {
  /** To be called at each deadline; gives what to send. */
  advance(now: Milliseconds): readonly Frame[];
  /** A frame from the link. */
  handle(frame: Frame): void;
  /** Undefined once there is a result. */
  deadline(): Milliseconds | undefined;
  result(): ProbeResult | undefined;
}

export interface ProberOptions {
  readonly ip: Ip;
  /** Of the link that probes. */
  readonly mac: Mac;
  /** The first probe is due now. */
  readonly now: Milliseconds;
  /** For each probe, to know it when it comes back: {@link NONCE_BYTES} of chance. */
  readonly nonce: () => Uint8Array;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  readonly timing?: ProbeTiming;
}

/** RFC 7527 §4.1 */
export const NONCE_BYTES = 6;

export function createProber<Frame>(dialect: Dialect<Frame>, options: ProberOptions): Prober<Frame> {
  const { ip, mac, timing = FAST_PROBE } = options;
  const nonces: Uint8Array[] = [];
  let due = options.now;
  let result: ProbeResult | undefined;
  return {
    advance: (time) => {
      if (result || time < due) return [];
      if (nonces.length === timing.count) {
        result = { state: 'free' };
        return [];
      }
      const nonce = options.nonce();
      nonces.push(nonce);
      due = time + timing.interval + options.fraction() * timing.jitter;
      return [dialect.probe(mac, ip, nonce)];
    },
    handle: (frame) => {
      if (result || dialect.isEcho(frame, mac) || nonces.some((nonce) => dialect.isEcho(frame, mac, nonce))) return;
      const claim = dialect.claim(frame);
      // RFC 5227 §2.1.1: the other host's probe counts from the first of ours on.
      const probe = dialect.probed(frame);
      if (claim?.ip === ip) result = { state: 'used', by: claim.mac, simultaneous: false };
      else if (probe?.ip === ip) result = { state: 'used', by: probe.mac, simultaneous: true };
    },
    deadline: () => (result ? undefined : due),
    result: () => result,
  };
}
