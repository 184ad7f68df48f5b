/** INIT: no lease and nothing under way; waits out the pause after a refusal, then asks (RFC 2131 §4.4.1). */
import type { Milliseconds } from '../../../model/time.ts';
import { pauseAfterRefusal } from './retransmission.ts';
import { STAY, type Context, type Entered } from './state.ts';

/**
 * The random delay of 1–10 s that the RFC wants here is for machines that all boot when the power comes back.
 * Services come one by one, and are waited for.
 */
export function enterInit(context: Context, now: Milliseconds): Entered {
  const start = now + pauseAfterRefusal(context.refusals, context.entropy);
  return {
    outputs: [],
    state: {
      name: 'INIT',
      deadline: () => start,
      tick: (at) => (at < start ? STAY : { next: { to: 'SELECTING' } }),
      receive: () => STAY,
    },
  };
}
