/** Active: the peer could not be reached; it may call meanwhile, and is called again when ConnectRetryTimer expires. */
import { STAY, type Context, type Entered } from './state.ts';

export function enterActive(context: Context): Entered {
  return {
    outputs: [],
    state: {
      name: 'Active',
      deadline: () => context.callAt,
      tick: (at) => (context.callAt !== undefined && at >= context.callAt ? { next: { to: 'Connect' } } : STAY),
    },
  };
}
