/** DECLINING: tells the server that somebody else has the address until it has heard it (RFC 8415 §18.2.8), and rests. */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import type { HeldLease } from './lease.ts';
import { isReplyTo } from './replies.ts';
import { decline } from './requests.ts';
import { PACE, Retransmission } from './retransmission.ts';
import { STAY, type Context, type Entered } from './state.ts';

/** As for DHCPv4, so that a server without a free address is not run down. */
const REST: Milliseconds = 10_000;

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
