/**
 * INIT-REBOOT and REBOOTING: goes on with a lease that another node was given (RFC 2131 §4.4.2). The lease is used
 * meanwhile; a server that stays silent does not end it.
 */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import { expiryOf, rebindingOf } from '../../dhcp-client/lease-times.ts';
import type { HeldLease } from './lease.ts';
import { bindTo, loseTo, loseToTime, weigh, type Refusal } from '../../dhcp-client/outcome.ts';
import { meaningOf } from './replies.ts';
import { confirm } from './requests.ts';
import { backOff } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered } from './state.ts';

const ATTEMPTS = 4;
/** How long is asked at least where T2, or the end, has passed by this node's clock: it may be that one that is ahead. */
const GRACE = 10_000;

export function enterRebooting(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  // From T2 on it is a lease whose server does not answer, whichever node asks.
  const end = Math.max(rebindingOf(lease), now + GRACE);
  let attempt = 0;
  let again = now;
  let refusal: Refusal | undefined;
  const ask = (at: Milliseconds): ClientOutput[] => {
    attempt++;
    again = at + backOff(attempt, context.entropy);
    return [{ kind: 'send', ...confirm(context, lease, at) }];
  };
  return {
    outputs: ask(now),
    state: {
      name: 'REBOOTING',
      lease,
      deadline: () => Math.min(again, end, refusal?.countsAt ?? Infinity),
      tick(at) {
        if (refusal !== undefined && at >= refusal.countsAt) return loseTo<Design>(refusal, lease);
        if (at >= end) return at < expiryOf(lease) ? { next: { to: 'REBINDING', lease } } : loseToTime<Design>(lease);
        if (at < again) return STAY;
        return attempt < ATTEMPTS ? { outputs: ask(at) } : { next: { to: 'BOUND', lease } };
      },
      receive(reply, at) {
        const meaning = meaningOf(reply, lease.terms);
        if (meaning.kind === 'ack') return bindTo<Design>({ terms: meaning.terms, since: now });
        if (meaning.kind !== 'nak') return STAY;
        const isOwn = meaning.server === lease.terms.server;
        if (refusal === undefined || isOwn) refusal = weigh(meaning, isOwn, at);
        return at >= refusal.countsAt ? loseTo<Design>(refusal, lease) : STAY;
      },
    },
  };
}
