/**
 * RENEWING: asks the server that gave the lease, and only that one, for more time (RFC 2131 §4.4.5). Its answer goes to
 * the leased address; where that stands nowhere yet, the form of INIT-REBOOT is answered by broadcast.
 */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import { rebindingOf } from '../../dhcp-client/lease-times.ts';
import type { HeldLease } from './lease.ts';
import { bindTo, loseTo } from '../../dhcp-client/outcome.ts';
import { meaningOf } from './replies.ts';
import { confirm, renew } from './requests.ts';
import { early } from '../../dhcp-client/pauses.ts';
import { halfOfRest } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered } from './state.ts';

export function enterRenewing(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const t2 = early(rebindingOf(lease), now, context.entropy);
  let again = now;
  const ask = (at: Milliseconds): ClientOutput[] => {
    again = halfOfRest(at, t2, lease.terms.leaseSeconds);
    return [{ kind: 'send', ...(context.config.standby === true ? confirm : renew)(context, lease, at) }];
  };
  return {
    // A machine that slept past T2 has no use for the server's own answer any more.
    outputs: now < t2 ? ask(now) : [],
    state: {
      name: 'RENEWING',
      lease,
      deadline: () => Math.min(again, t2),
      tick(at) {
        if (at >= t2) return { next: { to: 'REBINDING', lease } };
        return at < again ? STAY : { outputs: ask(at) };
      },
      receive(reply) {
        const meaning = meaningOf(reply, lease.terms);
        if (meaning.kind === 'ack') return bindTo<Design>({ terms: meaning.terms, since: now });
        // Nobody else has anything to refuse.
        const ours = meaning.kind === 'nak' && meaning.server === lease.terms.server;
        return ours ? loseTo<Design>(meaning, lease) : STAY;
      },
    },
  };
}
