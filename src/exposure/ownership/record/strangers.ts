/**
 * Agents that are alive and not heard, as their Leases show: such as elect through Leases, and such whose heartbeats do
 * not get through (a firewall, another network). What their Leases say they own is theirs: nobody fights them for it.
 */
import { KEY } from '../../../model/annotations.ts';
import type { Lease } from '../../../model/kubernetes.ts';
import { durationOf, holderOf, isSameRecord } from '../../../model/lease.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import { addressOf, nodeOf } from '../names.ts';

export interface Stranger {
  readonly node: string;
  /** `lease`: it elects through Leases; `unheard`: its heartbeats do not arrive. */
  readonly kind: 'lease' | 'unheard';
}

export interface StrangersOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly isHeard: (node: string) => boolean;
  /** The presence of a node as the API server has it now. Rejects when it does not say. */
  readonly read: (node: string) => Promise<Lease | undefined>;
  /** Whether anybody on the LAN answers for what its Leases say it owns. Rejects where that cannot be asked. */
  readonly isServing: (node: string) => Promise<boolean>;
  readonly onChange: () => void;
}

/** After a sign of life of an agent with heartbeats: by then it is heard, if it can be. */
const PATIENCE: Milliseconds = 3000;
/** What a node wrote may be seen a moment after it died: a sign of life after it fell silent is later than this. */
const IN_FLIGHT: Milliseconds = 1000;
/** Where a Lease does not say how long it lasts. */
const DURATION: Milliseconds = 180_000;
/** An API server that does not answer is asked again this often. */
const ASK_AGAIN: Milliseconds = 1000;
/** Without an API server so many questions in a row have to go unanswered on the LAN: a busy node misses one. */
const UNANSWERED = 3;

interface Sighting {
  readonly lease: Lease | undefined;
  readonly kind: Stranger['kind'];
  readonly duration: Milliseconds;
  /** The last sign of life that was seen to be given; undefined: its Lease was there when this agent began. */
  readonly aliveAt: Milliseconds | undefined;
  /** The API server did not answer when it was asked about: the node may have been unable to renew, too. */
  readonly unasked?: true;
  /** So often nobody on the LAN answered for what it owns. */
  readonly unanswered?: number;
}

export class Strangers {
  readonly #options: StrangersOptions;
  readonly #sightings = new Map<string, Sighting>();
  readonly #heard = new Set<string>();
  readonly #proven = new Set<string>();
  readonly #silentSince = new Map<string, Milliseconds>();
  /** The first sign of life without a heartbeat. */
  readonly #unheardSince = new Map<string, Milliseconds>();
  readonly #asking = new Set<string>();
  #list: readonly Stranger[] = [];
  #timer: Timer | undefined;
  #complete = false;

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  /** Sorted by name. */
  get list(): readonly Stranger[] {
    return this.#list;
  }

  includes(node: string): boolean {
    return this.#list.some((stranger) => stranger.node === node);
  }

  /** What was observed so far is how things were when this agent began. */
  start(): void {
    this.#complete = true;
    this.review();
  }

  stop(): void {
    this.#complete = false;
    this.#timer?.cancel();
  }

  /** Takes in a Lease that was changed by somebody else. */
  observe(name: string, lease: Lease | undefined): void {
    const node = nodeOf(name);
    if (node !== undefined) this.#presence(node, lease);
    else if (lease && addressOf(lease) !== undefined) this.#ownerWritten(lease);
    this.review();
  }

  /** A node wrote itself over an address that is this node's for all it knows: it lives, and takes this one for dead. */
  took(node: string): void {
    const known = this.#sightings.get(node) ?? { lease: undefined, kind: 'unheard' as const, duration: DURATION };
    this.#sightings.set(node, { ...known, aliveAt: this.#options.clock.now() });
    this.#proven.add(node);
    this.review();
  }

  /** Who is heard may have changed. */
  review(): void {
    if (!this.#complete) return;
    const { clock, isHeard, onChange } = this.#options;
    const now = clock.now();
    const list: Stranger[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [node, { kind, aliveAt, duration }] of this.#sightings) {
      if (isHeard(node)) {
        this.#heard.add(node);
        this.#proven.delete(node);
        this.#unheardSince.delete(node);
        continue;
      }
      if (this.#heard.delete(node)) this.#silentSince.set(node, now);
      const isProven = this.#proven.has(node);
      const silentSince = isProven ? undefined : this.#silentSince.get(node);
      if (aliveAt === undefined || aliveAt < (silentSince ?? Number.NEGATIVE_INFINITY) + IN_FLIGHT) continue;
      if (now >= aliveAt + duration) {
        this.#unheardSince.delete(node);
        if (!this.includes(node)) continue;
        // The silence may be the API server's: until that says so itself nobody is gone.
        this.#ask(node);
        list.push({ node, kind });
        continue;
      }
      const first = this.#unheardSince.get(node) ?? aliveAt;
      this.#unheardSince.set(node, first);
      const isKnown = kind === 'lease' || isHurried(duration) || isProven || this.includes(node);
      const since = isKnown ? aliveAt : first + PATIENCE;
      next = Math.min(next, since > now ? since : aliveAt + duration);
      if (since <= now) list.push({ node, kind });
    }
    list.sort((a, b) => (a.node < b.node ? -1 : 1));
    this.#timer?.cancel();
    if (Number.isFinite(next)) this.#timer = clock.after(next - now, () => this.review());
    const isNews = JSON.stringify(list) !== JSON.stringify(this.#list);
    this.#list = list;
    if (isNews) onChange();
  }

  /**
   * Whether it renewed its presence unseen. After an outage of the API server everybody has his time again. During one
   * there is the LAN to be asked: what nobody answers for is nobody's.
   */
  #ask(node: string): void {
    if (this.#asking.has(node)) return;
    this.#asking.add(node);
    const { read, clock } = this.#options;
    const asked = this.#sightings.get(node);
    const settle = (then: (known: Sighting) => void): void => {
      this.#asking.delete(node);
      const known = this.#sightings.get(node);
      // Heard of since: the answer may be older than that.
      if (this.#complete && known && known.aliveAt === asked?.aliveAt) then(known);
      this.review();
    };
    read(node).then(
      (lease) =>
        settle(({ lease: before, kind, duration }) => {
          if (lease !== undefined && !isSameRecord(before, lease)) return this.#presence(node, lease);
          const aliveAt = asked?.unasked ? clock.now() : undefined;
          this.#sightings.set(node, { lease: before, kind, duration, aliveAt });
        }),
      async () => {
        const isServing = await this.#options.isServing(node).catch(() => true);
        clock.after(ASK_AGAIN, () =>
          settle((known) => {
            const unanswered = isServing ? 0 : (known.unanswered ?? 0) + 1;
            const aliveAt = unanswered < UNANSWERED ? known.aliveAt : undefined;
            this.#sightings.set(node, { ...known, aliveAt, unasked: true, unanswered });
          }),
        );
      },
    );
  }

  #presence(node: string, lease: Lease | undefined): void {
    if (node === this.#options.node) return;
    if (holderOf(lease) === undefined) {
      this.#unheardSince.delete(node);
      this.#sightings.delete(node);
      return;
    }
    const known = this.#sightings.get(node);
    if (known?.lease && isSameRecord(known.lease, lease)) return;
    const kind = lease?.metadata.annotations?.[KEY.heartbeat] === undefined ? 'lease' : 'unheard';
    const duration = durationOf(lease, DURATION);
    // One that renews its Lease every second shows soon enough whether it still does; until then it counts.
    const isAlive = this.#complete || kind === 'lease' || isHurried(duration);
    this.#sightings.set(node, {
      lease,
      kind,
      duration,
      aliveAt: isAlive ? this.#options.clock.now() : undefined,
    });
  }

  /** Whoever writes itself into the Lease of an address is alive. */
  #ownerWritten(lease: Lease): void {
    const holder = holderOf(lease);
    const known = holder === undefined ? undefined : this.#sightings.get(holder);
    if (holder === undefined || !known || !this.#complete) return;
    this.#sightings.set(holder, { ...known, aliveAt: this.#options.clock.now() });
  }
}

/** As by election: it has found agents that it does not hear. */
function isHurried(duration: Milliseconds): boolean {
  return duration < DURATION;
}
