/** SELECTING: DISCOVER is out; the first usable OFFER is taken (RFC 2131 §4.4.1). */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import { meaningOf } from './replies.ts';
import { discover } from './requests.ts';
import { backOff } from './retransmission.ts';
import { STAY, type Context, type Entered } from './state.ts';

/** A router that was switched off is back within this time; the RFC allows twice as long. */
const LONGEST_PAUSE = 32_000;

export function enterSelecting(context: Context, now: Milliseconds): Entered {
  let attempt = 0;
  let deadline = now;
  let askedAt = now;
  const ask = (at: Milliseconds): ClientOutput[] => {
    attempt++;
    askedAt = at;
    deadline = at + backOff(attempt, context.entropy, LONGEST_PAUSE);
    return [{ kind: 'send', ...discover(context, at) }];
  };
  return {
    outputs: ask(now),
    state: {
      name: 'SELECTING',
      deadline: () => deadline,
      tick: (at) => (at < deadline ? STAY : { outputs: ask(at) }),
      receive(reply) {
        const meaning = meaningOf(reply);
        if (meaning.kind !== 'offer') return STAY;
        const { ip, server } = meaning;
        return {
          outputs: [{ kind: 'offered', ip, server }],
          next: { to: 'REQUESTING', offer: { ip, server, askedAt } },
        };
      },
      // Spread over a second: everybody else on this link waits for the same server.
      hurry: (at) => {
        deadline = Math.min(deadline, at + context.entropy.fraction() * 1000);
      },
    },
  };
}
