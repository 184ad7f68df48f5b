/** BOUND: the lease is ours, and nothing is sent until T1 (RFC 2131 §4.4.5). */
import { renewalOf, type HeldLease } from './lease.ts';
import { early } from './retransmission.ts';
import { STAY, type Context, type Entered } from './state.ts';

export function enterBound(context: Context, lease: HeldLease): Entered {
  const t1 = early(renewalOf(lease), lease.since, context.entropy);
  return {
    outputs: [],
    state: {
      name: 'BOUND',
      lease,
      deadline: () => (t1 === Infinity ? undefined : t1),
      tick: (at) => (at < t1 ? STAY : { next: { to: 'RENEWING', lease } }),
      receive: () => STAY,
    },
  };
}
