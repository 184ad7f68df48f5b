/**
 * Whether somebody on the link uses an address (RFC 5227 §2.1). The fast variant of small LANs: the RFC's 1 to 2 s
 * between probes allow for switches that keep a port shut after it came up, which a node's port has long since.
 */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';
import { arpProbe, claimedBy, type ArpFrame } from './packet.ts';

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

export interface Prober {
  /** To be called at each deadline; gives what to send. */
  advance(now: Milliseconds): readonly ArpFrame[];
  /** A frame from the link. */
  handle(frame: ArpFrame): void;
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
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  readonly timing?: ProbeTiming;
}

export function createProber({ ip, mac, now, fraction, timing = FAST_PROBE }: ProberOptions): Prober {
  let sent = 0;
  let due = now;
  let result: ProbeResult | undefined;
  return {
    advance: (time) => {
      if (result || time < due) return [];
      if (sent === timing.count) {
        result = { state: 'free' };
        return [];
      }
      sent++;
      due = time + timing.interval + fraction() * timing.jitter;
      return [arpProbe(mac, ip)];
    },
    handle: (frame) => {
      if (result || frame.senderMac === mac) return;
      const claimed = claimedBy(frame);
      if (claimed === ip) result = { state: 'used', by: frame.senderMac, simultaneous: false };
      // RFC 5227 §2.1.1: the other host's probe counts from the first of ours on.
      else if (claimed === undefined && frame.operation === 'request' && frame.targetIp === ip) {
        result = { state: 'used', by: frame.senderMac, simultaneous: true };
      }
    },
    deadline: () => (result ? undefined : due),
    result: () => result,
  };
}
