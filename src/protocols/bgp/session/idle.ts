/** Idle: nothing is tried until it is time to (DampPeerOscillations, RFC 4271 §8.1.1). */
import { STAY, type Context, type Entered } from './state.ts';

export function enterIdle(context: Context): Entered {
  return {
    outputs: [],
    state: {
      name: 'Idle',
      deadline: () => context.callAt,
      tick: (at) => (context.callAt !== undefined && at >= context.callAt ? { next: { to: 'Connect' } } : STAY),
    },
  };
}
