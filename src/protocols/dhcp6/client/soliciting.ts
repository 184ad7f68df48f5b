/**
 * SOLICITING: the servers on the link are asked what they offer, and one offer is taken (RFC 8415 §18.2.1, §18.2.9), unless
 * a server leases what it gives at once (Rapid Commit, §18.2.10).
 */
import type { Milliseconds } from '../../../model/time.ts';
import { number } from '../options.ts';
import type { ClientOutput } from './events.ts';
import type { LeaseTerms } from './lease.ts';
import { isCommitted, meaningOf, type Meaning } from './replies.ts';
import { release, solicit } from './requests.ts';
import { PACE, Retransmission } from './retransmission.ts';
import { STAY, type Context, type Entered, type Step } from './state.ts';

/**
 * From the first offer on. The RFC waits for the rest of the first second, and a Service is waited for: what another server
 * offers comes within milliseconds, unless it is far away.
 */
const PATIENCE: Milliseconds = 100;
/** Of a server that is not to be waited past (§21.8). */
const UTMOST = 255;

interface Best {
  readonly terms: LeaseTerms;
  readonly preference: number;
  readonly until: Milliseconds;
}

/** The delay of up to a second that the RFC wants first is for machines that all boot when the power comes back. */
export function enterSoliciting(context: Context, now: Milliseconds): Entered {
  const again = new Retransmission(PACE.solicit, context.entropy, now);
  let best: Best | undefined;
  const ask = (at: Milliseconds): ClientOutput[] => {
    again.sent(at);
    return [{ kind: 'send', ...solicit(context, at) }];
  };
  const take = ({ ip, server, serverId }: LeaseTerms): Step => ({
    outputs: [{ kind: 'offered', ip, server }],
    next: { to: 'REQUESTING', offer: { ip, server, serverId } },
  });
  /** Nothing can be used of what is given beside the one address. */
  const granted = ({ terms, besides }: Extract<Meaning, { kind: 'granted' }>, at: Milliseconds): Step => {
    const lease = { terms, since: now };
    const back = besides.map((ip): ClientOutput => {
      const exchange = { ...context, transaction: number(context.entropy.bytes(3)), begunAt: at };
      return { kind: 'send', ...release(exchange, { ...terms, ip }, at) };
    });
    return {
      outputs: [...back, { kind: 'bound', lease }],
      next: { to: 'BOUND', lease },
    };
  };
  return {
    outputs: ask(now),
    state: {
      name: 'SOLICITING',
      deadline: () => Math.min(again.due, best?.until ?? Infinity),
      tick(at) {
        if (best !== undefined && at >= best.until) return take(best.terms);
        return at < again.due ? STAY : { outputs: ask(at) };
      },
      receive(reply, at) {
        const meaning = meaningOf(reply, context.config, context.wish);
        if (meaning.kind === 'granted' && isCommitted(reply)) return granted(meaning, at);
        if (meaning.kind !== 'offer') return STAY;
        const { terms, preference } = meaning;
        if (preference === UTMOST || terms.ip === context.wish) return take(terms);
        const until = best?.until ?? at + PATIENCE;
        if (best === undefined || preference > best.preference) best = { terms, preference, until };
        return STAY;
      },
      // Spread over a second: everybody else on this link waits for the same server.
      hurry: (at) => {
        again.due = Math.min(again.due, at + context.entropy.fraction() * 1000);
      },
    },
  };
}
