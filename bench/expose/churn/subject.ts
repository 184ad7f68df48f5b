/** One Service of the churn: what it was last told to be, and since when it is that. */
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import type { LanWatch } from './lan.ts';
import type { Life } from './plan.ts';
import { whatIsWrong, type Wish } from './wish.ts';

/** An address that nobody has answered for during this time, though asked every 25 ms, is silent. */
const SILENT_MS = 150;
/**
 * An address that was not answered for during this time, though asked so often, is lost. It is asked every second, but a
 * busy machine comes to that late, and one frame lost is no address lost.
 */
const SILENT_FOR_GOOD = { ms: 3500, asked: 3 };

export interface Surroundings {
  readonly lan: LanWatch;
  /** Whether the record of any Service has the address now. */
  readonly isTaken: (ip: Ip) => boolean;
  /** MAC of a node. */
  readonly macOf: (node: string) => string;
}

export class Subject {
  readonly life: Life;
  wish: Wish | 'gone' = 'gone';
  /** performance.now() of the answer to the last change; undefined before birth and while a change is on its way. */
  changedAt: number | undefined;
  rightSince: number | undefined;
  /** What is not right yet. */
  wrong = 'not looked at yet';
  /** What was wrong since the last change, and from when on. */
  readonly #history: { readonly at: number; readonly wrong: string }[] = [];
  /** It was right, and then was not any more without having been changed. */
  readonly relapses: string[] = [];
  /** Every address that was ever on record for it. */
  readonly addresses = new Set<Ip>();
  /** Since when the Service shows what it shall, whatever the LAN says. */
  #shownSince: number | undefined;

  constructor(life: Life) {
    this.life = life;
  }

  /** Nothing said about the Service counts until {@link changed}. */
  changing(wish: Wish | 'gone'): void {
    this.wish = wish;
    this.changedAt = undefined;
    this.rightSince = undefined;
    this.#shownSince = undefined;
    this.#history.length = 0;
  }

  changed(): void {
    this.changedAt = performance.now();
  }

  /** Milliseconds from the last change until it was right for good; undefined while it is not. */
  get took(): number | undefined {
    if (this.changedAt === undefined || this.rightSince === undefined) return undefined;
    return Math.max(0, this.rightSince - this.changedAt);
  }

  /** Looks again. `service`: as last seen. */
  look(service: Service | undefined, surroundings: Surroundings): void {
    for (const ip of (service && readAssigned(service)?.ips) ?? []) this.addresses.add(ip);
    if (this.changedAt === undefined) return;
    const wrong = this.#whatIsShownWrong(service) ?? this.#whatIsHeardWrong(service, surroundings, this.changedAt);
    if (wrong === undefined) return;
    if (this.rightSince !== undefined) this.relapses.push(`${this.life.name}: ${wrong}`);
    this.rightSince = undefined;
    if (this.#history.at(-1)?.wrong !== wrong) this.#history.push({ at: performance.now() - this.changedAt, wrong });
    this.wrong = wrong;
  }

  /** For people: what it waited for, one after the other. */
  get story(): string {
    return this.#history.map(({ at, wrong }) => `${at.toFixed(0)} ms: ${wrong}`).join(' → ');
  }

  #whatIsShownWrong(service: Service | undefined): string | undefined {
    const wrong =
      this.wish === 'gone'
        ? service && `still there (finalizers: ${(service.metadata.finalizers ?? []).join() || 'none'})`
        : service
          ? whatIsWrong(service, this.wish)
          : 'not there';
    if (wrong === undefined) this.#shownSince ??= performance.now();
    else this.#shownSince = undefined;
    return wrong;
  }

  #whatIsHeardWrong(
    service: Service | undefined,
    { lan, isTaken, macOf }: Surroundings,
    changedAt: number,
  ): string | undefined {
    const now = performance.now();
    if (this.wish === 'gone' || !this.wish.exposed) {
      // What is heard of the address from now on is about somebody else.
      if (this.rightSince !== undefined) return undefined;
      const lasts = [...this.addresses].filter((ip) => !isTaken(ip)).map((ip) => lan.last(ip)?.at ?? 0);
      const silentSince = Math.max(this.#shownSince ?? now, ...lasts);
      if (lasts.length > 0 && now - silentSince < SILENT_MS) return 'the address may still be answered for';
      this.rightSince = silentSince;
      return undefined;
    }
    const ip = service && readAssigned(service)?.ips[0];
    const claim = ip && lan.last(ip);
    const silent = claim && claim.at < now - SILENT_FOR_GOOD.ms && lan.askedInVain(ip) >= SILENT_FOR_GOOD.asked;
    if (!claim || claim.at < changedAt || silent === true) return `nobody answers for ${ip}`;
    const owner = service.metadata.annotations?.[KEY.vipHost] ?? '';
    if (claim.mac !== macOf(owner)) return `${claim.mac} answers for ${ip}, and not ${owner}`;
    this.rightSince ??= now;
    return undefined;
  }
}
