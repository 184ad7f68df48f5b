/** REQUESTING: one offer is taken, the server has to grant it (RFC 8415 §18.2.2). */
import type { Milliseconds } from '../../../model/time.ts';
import { bindTo } from '../../dhcp-client/outcome.ts';
import type { ClientOutput } from './events.ts';
import { meaningOf } from './replies.ts';
import { request } from './requests.ts';
import { PACE, Retransmission } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered, type Offer } from './state.ts';

export function enterRequesting(context: Context, offer: Offer, now: Milliseconds): Entered {
  const again = new Retransmission(PACE.request, context.entropy, now);
  const ask = (at: Milliseconds): ClientOutput[] => {
    again.sent(at);
    return [{ kind: 'send', ...request(context, offer, at) }];
  };
  return {
    outputs: ask(now),
    state: {
      name: 'REQUESTING',
      asked: offer,
      deadline: () => again.due,
      tick(at) {
        if (at < again.due) return STAY;
        return again.isOver ? { next: { to: 'INIT' } } : { outputs: ask(at) };
      },
      receive(reply) {
        const meaning = meaningOf(reply, context.config, offer.ip);
        if (meaning.kind === 'granted' && meaning.terms.serverId === offer.serverId)
          return bindTo<Design>({ terms: meaning.terms, since: now });
        if (meaning.kind !== 'refused' || meaning.serverId !== offer.serverId) return STAY;
        const { server, text } = meaning;
        const count = context.refusals + 1;
        return { outputs: [{ kind: 'refused', server, text, count }], next: { to: 'INIT', refused: true } };
      },
    },
  };
}
