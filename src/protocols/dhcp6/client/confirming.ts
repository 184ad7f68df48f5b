/**
 * CONFIRMING: every server is asked whether the address still belongs to the link (RFC 8415 §18.2.3), for the link may be
 * another one: it came back, or the server that gave the lease is not there. The lease is used meanwhile, and silence says
 * nothing about it.
 */
import type { Milliseconds } from '../../../model/time.ts';
import { expiryOf } from '../../dhcp-client/lease-times.ts';
import { loseTo, loseToTime, weigh, type Refusal } from '../../dhcp-client/outcome.ts';
import type { HeldLease } from './lease.ts';
import { confirmationOf } from './replies.ts';
import { confirm } from './requests.ts';
import { PACE, Retransmission } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered } from './state.ts';

/** CNF_MAX_DELAY: all leases on a link are asked about when it comes back. */
const SPREAD: Milliseconds = 1000;
/** CNF_MAX_RD */
const PATIENCE: Milliseconds = 10_000;

export function enterConfirming(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const begun = now + SPREAD * context.entropy.fraction();
  const end = expiryOf(lease);
  const until = Math.min(begun + PATIENCE, end);
  const again = new Retransmission(PACE.confirm, context.entropy, begun);
  let refusal: Refusal | undefined;
  return {
    outputs: [],
    state: {
      name: 'CONFIRMING',
      lease,
      deadline: () => Math.min(again.due, until, refusal?.countsAt ?? Infinity),
      tick(at) {
        if (at >= end) return loseToTime<Design>(lease);
        if (refusal !== undefined && at >= refusal.countsAt) return loseTo<Design>(refusal, lease);
        if (at >= until) return { next: { to: 'BOUND', lease } };
        if (at < again.due) return STAY;
        again.sent(at);
        return { outputs: [{ kind: 'send', ...confirm({ ...context, begunAt: begun }, lease.terms, at) }] };
      },
      receive(reply, at) {
        const answer = confirmationOf(reply, context.config);
        if (answer === undefined) return STAY;
        if (answer.isOnLink) return { next: { to: 'BOUND', lease } };
        const isOwn = answer.serverId === lease.terms.serverId;
        if (isOwn) return loseTo<Design>(answer, lease);
        refusal ??= weigh(answer, isOwn, at);
        return STAY;
      },
    },
  };
}
