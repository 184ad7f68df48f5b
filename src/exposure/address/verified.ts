/**
 * What is known about addresses that nobody of us uses: probed and found free, or answered by a stranger.
 * The next free ones of each pool are kept verified, so that a new Service waits for no probe.
 */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import { messageOf } from '../../model/errors.ts';
import { pause, type Clock, type Milliseconds } from '../../model/time.ts';
import type { AddressProber } from './port.ts';

/** A free address may be given out this long after its probe: a host that came since shows up in our own watch. */
const FREE_FOR: Milliseconds = 30_000;
/** A stranger's address is not asked about again for this long. */
const TAKEN_FOR: Milliseconds = 30_000;
/** Whoever answers for an address that was freed so little time ago may be the agent that is about to let it go. */
const LETTING_GO: Milliseconds = 5_000;
/** Between two questions about such an address. */
const ASK_AGAIN: Milliseconds = 200;
/** A probe that could not be made (interface away) is tried again after this long. */
const BROKEN_FOR: Milliseconds = 3_000;

export type Knowledge =
  | { readonly state: 'free' }
  | { readonly state: 'taken'; readonly mac: Mac }
  | { readonly state: 'unprobed' }
  | { readonly state: 'broken'; readonly message: string };

export class VerifiedAddresses {
  readonly #prober: AddressProber;
  readonly #clock: Clock;
  readonly #known = new Map<Ip, { readonly knowledge: Knowledge; readonly until: Milliseconds }>();
  readonly #probing = new Set<Ip>();
  readonly #freed = new Map<Ip, Milliseconds>();
  /** Freed, and somebody still answers. */
  readonly #lettingGo = new Set<Ip>();
  readonly #changed: (ip: Ip) => void;

  /** @param changed called when a probe has ended, or has shown that it will not end soon. */
  constructor(prober: AddressProber, clock: Clock, changed: (ip: Ip) => void) {
    this.#prober = prober;
    this.#clock = clock;
    this.#changed = changed;
  }

  /** What is known now; asks the LAN in the background when that is nothing. */
  look(ip: Ip, link: string): Knowledge {
    const entry = this.#known.get(ip);
    if (entry && entry.until > this.#clock.now()) return entry.knowledge;
    void this.#probe(ip, link);
    return { state: 'unprobed' };
  }

  /** Whether the last answer still counts. */
  isKnown(ip: Ip): boolean {
    return (this.#known.get(ip)?.until ?? 0) > this.#clock.now();
  }

  /** Whether its last owner was heard after a Service gave it back: others are to be had sooner. */
  isBeingLetGo(ip: Ip): boolean {
    return this.#lettingGo.has(ip);
  }

  /** Ask again before the answer grows old. */
  keepWarm(ip: Ip, link: string): void {
    const entry = this.#known.get(ip);
    const half = entry?.knowledge.state === 'free' ? FREE_FOR / 2 : 0;
    if (!entry || entry.until - half <= this.#clock.now()) void this.#probe(ip, link);
  }

  /** The address has been given out: what was known says nothing any more. */
  forget(ip: Ip): void {
    this.#known.delete(ip);
  }

  /** A Service of ours has given the address back just now. */
  freed(ip: Ip): void {
    this.#known.delete(ip);
    this.#freed.set(ip, this.#clock.now());
  }

  async #probe(ip: Ip, link: string): Promise<void> {
    if (this.#probing.has(ip)) return;
    this.#probing.add(ip);
    let knowledge: Knowledge;
    try {
      const mac = await this.#ask(ip, link);
      knowledge = mac === undefined ? { state: 'free' } : { state: 'taken', mac };
    } catch (error) {
      knowledge = { state: 'broken', message: messageOf(error) };
    }
    this.#probing.delete(ip);
    this.#lettingGo.delete(ip);
    const lasts = { free: FREE_FOR, taken: TAKEN_FOR, broken: BROKEN_FOR, unprobed: 0 }[knowledge.state];
    this.#known.set(ip, { knowledge, until: this.#clock.now() + lasts });
    this.#changed(ip);
  }

  async #ask(ip: Ip, link: string): Promise<Mac | undefined> {
    for (;;) {
      const mac = await this.#prober.probe(ip, link);
      const freed = this.#freed.get(ip) ?? Number.NEGATIVE_INFINITY;
      if (mac === undefined || this.#clock.now() - freed > LETTING_GO) {
        this.#freed.delete(ip);
        return mac;
      }
      if (!this.#lettingGo.has(ip)) {
        this.#lettingGo.add(ip);
        this.#changed(ip);
      }
      await pause(this.#clock, ASK_AGAIN);
    }
  }
}
