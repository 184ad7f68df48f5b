/** The states in which nothing is asked for: INIT, BOUND, DECLINING and STOPPED. */
import type { Milliseconds } from '../../../model/time.ts';
import { renewalOf } from '../../dhcp4/client/lease.ts';
import { early, pauseAfterRefusal } from '../../dhcp4/client/retransmission.ts';
import type { ClientOutput } from './events.ts';
import type { HeldLease } from './lease.ts';
import { isReplyTo } from './replies.ts';
import { decline } from './requests.ts';
import { PACE, Retransmission } from './retransmission.ts';
import { STAY, type Context, type Entered } from './state.ts';

/** As for DHCPv4, so that a server without a free address is not run down. */
const REST: Milliseconds = 10_000;

/** Waits out the pause after a refusal. */
export function enterInit(context: Context, now: Milliseconds): Entered {
  const start = now + pauseAfterRefusal(context.refusals, context.entropy);
  return {
    outputs: [],
    state: {
      name: 'INIT',
      deadline: () => start,
      tick: (at) => (at < start ? STAY : { next: { to: 'SOLICITING' } }),
      receive: () => STAY,
    },
  };
}

/** The lease is ours, and nothing is sent until T1. */
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

/** Tells the server that somebody else has the address until it has heard it (RFC 8415 §18.2.8), and rests. */
export function enterDeclining(context: Context, lease: HeldLease, now: Milliseconds): Entered {
  const again = new Retransmission(PACE.decline, context.entropy, now);
  const end = now + REST;
  let heard = false;
  let wanted = false;
  const tell = (at: Milliseconds): ClientOutput[] => {
    again.sent(at);
    return [{ kind: 'send', ...decline(context, lease.terms, at) }];
  };
  const quiet = (): boolean => heard || again.isOver;
  return {
    outputs: tell(now),
    state: {
      name: 'DECLINING',
      deadline: () => (quiet() ? end : Math.min(again.due, end)),
      tick(at) {
        if (at >= end) return { next: { to: wanted ? 'INIT' : 'STOPPED' } };
        return quiet() || at < again.due ? STAY : { outputs: tell(at) };
      },
      receive(reply) {
        heard ||= isReplyTo(context.config, reply);
        return STAY;
      },
      start: () => {
        wanted = true;
      },
    },
  };
}

/** Says nothing and hears nothing until it is started again. */
export function enterStopped(): Entered {
  return {
    outputs: [],
    state: { name: 'STOPPED', deadline: () => undefined, tick: () => STAY, receive: () => STAY },
  };
}
