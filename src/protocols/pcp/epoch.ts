/** The epoch of a PCP server (RFC 6887 §8.5): a clock that starts anew whenever the server forgets its mappings. */
import type { Milliseconds } from '../../model/time.ts';

export interface EpochSample {
  /** Seconds, as the server said. */
  readonly epoch: number;
  /** When it was heard, monotonic. */
  readonly at: Milliseconds;
}

/** Whether `next` continues `previous`; if not, the server has lost its state in between. */
export function isPcpEpochValid(previous: EpochSample, next: EpochSample): boolean {
  // One second backwards happens when answers overtake each other.
  if (next.epoch + 1 < previous.epoch) return false;
  const client = Math.floor((next.at - previous.at) / 1000);
  const server = next.epoch - previous.epoch;
  // Either clock may run up to 1/16 slower than the other, and two seconds are lost to rounding.
  return client + 2 >= server - Math.floor(server / 16) && server + 2 >= client - Math.floor(client / 16);
}
