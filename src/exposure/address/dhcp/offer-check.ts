/**
 * Whether somebody uses an address that a server offers (RFC 2131 §4.4.1). Asked from the OFFER on, so that most of it
 * passes while the server makes up its mind.
 */
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import { pause, type Clock, type Milliseconds } from '../../../model/time.ts';
import type { ProbeTiming } from '../../../protocols/acd/prober.ts';

/**
 * Far shorter than for an address of a pool, since this one has been given out by somebody whose job it is to know.
 * Hosts that are awake answer within a millisecond or two; who answers later meets the announcement's own watch.
 */
export const OFFER_PROBE: ProbeTiming = { count: 3, interval: 4, jitter: 0 };
/** The answer may be of one of our own agents that has not yet let go of an address just lost; a stranger stays. */
const SECOND_LOOK: Milliseconds = 500;

export type Verdict = 'unasked' | 'asking' | 'free' | { readonly by: Mac };

type Probe = (ip: Ip, signal: AbortSignal) => Promise<Mac | undefined>;

export interface OfferCheckParts {
  readonly clock: Clock;
  /** Who uses the address; undefined: nobody. Rejects when it cannot be asked. Without it nothing is asked. */
  readonly probe: Probe | undefined;
  /** There is a verdict. */
  readonly changed: () => void;
}

export class OfferCheck {
  readonly #parts: OfferCheckParts;
  #current: { readonly ip: Ip; readonly abort: AbortController; verdict: Verdict } | undefined;

  constructor(parts: OfferCheckParts) {
    this.#parts = parts;
  }

  /** Goes on if it is about this address already. */
  begin(ip: Ip): void {
    const { probe } = this.#parts;
    if (probe === undefined || this.#current?.ip === ip) return;
    this.forget();
    const current = { ip, abort: new AbortController(), verdict: 'asking' as Verdict };
    this.#current = current;
    void this.#ask(probe, ip, current.abort.signal).then((verdict) => {
      if (this.#current !== current) return;
      current.verdict = verdict;
      this.#parts.changed();
    });
  }

  verdict(ip: Ip): Verdict {
    return this.#current?.ip === ip ? this.#current.verdict : 'unasked';
  }

  forget(): void {
    this.#current?.abort.abort();
    this.#current = undefined;
  }

  async #ask(probe: Probe, ip: Ip, signal: AbortSignal): Promise<Verdict> {
    try {
      if ((await probe(ip, signal)) === undefined) return 'free';
      await pause(this.#parts.clock, SECOND_LOOK);
      const by = await probe(ip, signal);
      return by === undefined ? 'free' : { by };
    } catch {
      // An interface that cannot be asked on cannot be announced on either, and that is where it is said.
      return 'free';
    }
  }
}
