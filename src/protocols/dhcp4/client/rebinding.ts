/** REBINDING: its server is silent, so any server may prolong the lease (RFC 2131 §4.4.5). At its end it is lost. */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import { expiryOf } from '../../dhcp-client/lease-times.ts';
import type { HeldLease } from './lease.ts';
import { bindTo, loseTo, loseToTime, weigh, type Refusal } from '../../dhcp-client/outcome.ts';
import { meaningOf } from './replies.ts';
import { confirm, rebind } from './requests.ts';
import { backOff, halfOfRest } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered } from './state.ts';

/**
 * Every second request has the form of INIT-REBOOT: its answer is a broadcast, where the answer to a rebinding goes to
 * the leased address, and is lost if the trouble is that this address cannot be reached. So the second one follows soon.
 */
export function enterRebinding(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const end = expiryOf(lease);
  let attempt = 0;
  let again = now;
  let refusal: Refusal | undefined;
  const ask = (at: Milliseconds): ClientOutput[] => {
    attempt++;
    again = attempt === 1 ? at + backOff(attempt, context.entropy) : halfOfRest(at, end, lease.terms.leaseSeconds);
    return [{ kind: 'send', ...(attempt % 2 === 1 ? rebind : confirm)(context, lease, at) }];
  };
  return {
    outputs: now < end ? ask(now) : [],
    state: {
      name: 'REBINDING',
      lease,
      deadline: () => Math.min(again, end, refusal?.countsAt ?? Infinity),
      tick(at) {
        if (at >= end) return loseToTime<Design>(lease);
        if (refusal !== undefined && at >= refusal.countsAt) return loseTo<Design>(refusal, lease);
        return at < again ? STAY : { outputs: ask(at) };
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
