/** The epoch of a NAT-PMP gateway (RFC 6886 §3.6). */
import type { Milliseconds } from '../../model/time.ts';

export interface EpochSample {
  /** Seconds, as the gateway said. */
  readonly epoch: number;
  /** When it was heard, monotonic. */
  readonly at: Milliseconds;
}

/**
 * Whether `next` continues `previous`: the gateway's clock must have gone on by at least 7/8 of ours, give or take
 * two seconds. If not, it has forgotten its mappings.
 */
export function isNatPmpEpochValid(previous: EpochSample, next: EpochSample): boolean {
  const expected = previous.epoch + ((next.at - previous.at) / 1000) * (7 / 8);
  return next.epoch >= expected - 2;
}
