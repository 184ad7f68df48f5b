/**
 * The states in which more time is asked for: RENEWING from the server that gave the lease (RFC 8415 §18.2.4), REBINDING
 * from any (§18.2.5), and RESUMING when another node goes on with the lease: its link-local address is another one than the
 * server knows, for which the RFC wants a renewal before T1, too. The lease is used meanwhile.
 */
import type { Milliseconds } from '../../../model/time.ts';
import { expiryOf, rebindingOf } from '../../dhcp-client/lease-times.ts';
import { early } from '../../dhcp-client/pauses.ts';
import { bindTo, loseTo, loseToTime } from '../../dhcp-client/outcome.ts';
import { STATUS } from '../codes.ts';
import type { ClientOutput, Outgoing, Reply } from './events.ts';
import type { HeldLease } from './lease.ts';
import { meaningOf, type Meaning } from './replies.ts';
import { rebind, renew, request } from './requests.ts';
import { PACE, Retransmission, type Pace } from './retransmission.ts';
import {
  STAY,
  type Context,
  type Design,
  type Entered,
  type Next,
  type Offer,
  type StateName,
  type Step,
} from './state.ts';

/** How long the server is asked about a lease that another node had; that it does not answer does not end it. */
const RESUMING_FOR: Milliseconds = 10_000;

export function enterResuming(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  // A lease that had run out by this node's clock is asked about as well: it may be this clock that is ahead.
  const until = now + RESUMING_FOR;
  // There may be another server by now, and another prefix.
  const silent = (at: Milliseconds): Next | undefined =>
    at >= expiryOf(lease) ? undefined : { to: 'CONFIRMING', lease };
  return enter(context, lease, now, { name: 'RESUMING', pace: PACE.confirm, ask: renew, until, silent });
}

export function enterRenewing(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const until = early(rebindingOf(lease), now, context.entropy);
  const silent = (): Next => ({ to: 'REBINDING', lease });
  return enter(context, lease, now, { name: 'RENEWING', pace: PACE.renew, ask: renew, until, silent });
}

export function enterRebinding(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const until = expiryOf(lease);
  return enter(context, lease, now, {
    name: 'REBINDING',
    pace: PACE.rebind,
    ask: rebind,
    until,
    silent: () => undefined,
  });
}

/** The server has no record of the lease: it is requested like an offer, so that the address stays (§18.2.10.1). */
export function enterRestoring(context: Context, lease: HeldLease, by: Offer, now: Milliseconds): Entered {
  const until = expiryOf(lease);
  const ask = (at: Context, { ip }: Offer, when: Milliseconds): Outgoing => request(at, { ...by, ip }, when);
  const silent = (at: Milliseconds): Next | undefined => (at >= until ? undefined : { to: 'REBINDING', lease });
  return enter(context, lease, now, { name: 'RESTORING', pace: PACE.request, ask, until, silent });
}

interface Asking {
  readonly name: StateName;
  readonly pace: Pace;
  readonly ask: (context: Context, lease: Offer, now: Milliseconds) => Outgoing;
  readonly until: Milliseconds;
  /** Where to go when nobody has answered; undefined: the lease is over. */
  readonly silent: (now: Milliseconds) => Next | undefined;
}

function enter(context: Context, lease: HeldLease, now: Milliseconds, asking: Asking): Entered {
  const { name, pace, until, silent } = asking;
  const again = new Retransmission(pace, context.entropy, now);
  const ask = (at: Milliseconds): ClientOutput[] => {
    again.sent(at);
    return [{ kind: 'send', ...asking.ask(context, lease.terms, at) }];
  };
  return {
    outputs: now < until ? ask(now) : [],
    state: {
      name,
      lease,
      deadline: () => Math.min(again.due, until),
      tick(at) {
        if (at < until && at < again.due) return STAY;
        if (at < until && !again.isOver) return { outputs: ask(at) };
        const next = silent(at);
        return next === undefined ? loseToTime<Design>(lease) : { next };
      },
      receive: (reply) => answered(meaning(context, lease, reply), lease, now, name),
    },
  };
}

function meaning(context: Context, lease: HeldLease, reply: Reply): Meaning {
  return meaningOf(reply, context.config, lease.terms.ip);
}

/** @param since when the question was first asked. */
function answered(meaning: Meaning, lease: HeldLease, since: Milliseconds, name: StateName): Step {
  if (meaning.kind === 'granted') return bindTo<Design>({ terms: meaning.terms, since });
  if (meaning.kind !== 'refused') return STAY;
  const { server, serverId, code } = meaning;
  // Where every server is asked, one that does not know the lease says nothing about the one that gave it.
  if (name === 'REBINDING' && serverId !== lease.terms.serverId && code !== STATUS.noBinding) return STAY;
  if (code === STATUS.noBinding && name !== 'RESTORING')
    return { next: { to: 'RESTORING', lease, by: { ip: lease.terms.ip, server, serverId } } };
  // A server in trouble may be out of it the next time (§18.2.10).
  if (code === STATUS.unspecFail || code === STATUS.useMulticast) return STAY;
  return loseTo<Design>(meaning, lease);
}
