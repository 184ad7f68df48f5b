/**
 * SELECTING: DISCOVER is out; the first usable OFFER is taken (RFC 2131 §4.4.1). With two servers on the LAN the slower
 * one may be the one that knows this client: an OFFER of the wished address is waited for, for a moment.
 */
import type { Milliseconds } from '../../../model/time.ts';
import type { ClientOutput } from './events.ts';
import { meaningOf } from './replies.ts';
import { discover } from './requests.ts';
import { backOff } from './retransmission.ts';
import { STAY, type Context, type Entered, type Offer, type Step } from './state.ts';

/** A router that was switched off is back within this time; the RFC allows twice as long. */
const LONGEST_PAUSE = 32_000;
/** From the first OFFER of another address than the wished one. */
const WISH_PATIENCE = 100;

export function enterSelecting(context: Context, now: Milliseconds): Entered {
  let attempt = 0;
  let again = now;
  let askedAt = now;
  let second: { readonly offer: Offer; readonly until: Milliseconds } | undefined;
  const ask = (at: Milliseconds): ClientOutput[] => {
    attempt++;
    askedAt = at;
    again = at + backOff(attempt, context.entropy, LONGEST_PAUSE);
    return [{ kind: 'send', ...discover(context, at) }];
  };
  const take = (offer: Offer): Step => ({
    outputs: [{ kind: 'offered', ip: offer.ip, server: offer.server }],
    next: { to: 'REQUESTING', offer },
  });
  return {
    outputs: ask(now),
    state: {
      name: 'SELECTING',
      deadline: () => Math.min(again, second?.until ?? Infinity),
      tick(at) {
        if (second !== undefined && at >= second.until) return take(second.offer);
        return at < again ? STAY : { outputs: ask(at) };
      },
      receive(reply, at) {
        const meaning = meaningOf(reply);
        if (meaning.kind !== 'offer') return STAY;
        const { ip, server, serverMac } = meaning;
        const offer = { ip, server, serverMac, askedAt };
        if (context.wish === undefined || context.wish === ip) return take(offer);
        second ??= { offer, until: at + WISH_PATIENCE };
        return STAY;
      },
      // Spread over a second: everybody else on this link waits for the same server.
      hurry: (at) => {
        again = Math.min(again, at + context.entropy.fraction() * 1000);
      },
    },
  };
}
