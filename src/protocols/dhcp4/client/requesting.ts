/** REQUESTING: one offer is taken, the server has to confirm it (RFC 2131 §4.4.1). */
import type { Milliseconds } from '../../../model/time.ts';
import { bindTo } from '../../dhcp-client/outcome.ts';
import type { ClientOutput } from './events.ts';
import { meaningOf } from './replies.ts';
import { select } from './requests.ts';
import { backOff } from './retransmission.ts';
import { STAY, type Context, type Design, type Entered, type Offer } from './state.ts';

/** Transmissions before the offer counts as void: about a minute (RFC 2131 §3.1.5). */
const ATTEMPTS = 4;

export function enterRequesting(context: Context, offer: Offer, now: Milliseconds): Entered {
  let attempt = 0;
  let deadline = now;
  const ask = (at: Milliseconds): ClientOutput[] => {
    attempt++;
    deadline = at + backOff(attempt, context.entropy);
    return [{ kind: 'send', ...select(context, offer) }];
  };
  return {
    outputs: ask(now),
    state: {
      name: 'REQUESTING',
      asked: offer,
      deadline: () => deadline,
      tick(at) {
        if (at < deadline) return STAY;
        return attempt < ATTEMPTS ? { outputs: ask(at) } : { next: { to: 'INIT' } };
      },
      receive(reply) {
        const meaning = meaningOf(reply, offer);
        if (meaning.kind === 'ack' && meaning.terms.server === offer.server)
          return bindTo<Design>({ terms: meaning.terms, since: now });
        if ((meaning.kind === 'nak' || meaning.kind === 'useless') && meaning.server === offer.server) {
          const { server } = meaning;
          const text = meaning.kind === 'nak' ? meaning.text : meaning.problem;
          const count = context.refusals + 1;
          return { outputs: [{ kind: 'refused', server, text, count }], next: { to: 'INIT', refused: true } };
        }
        return STAY;
      },
    },
  };
}
