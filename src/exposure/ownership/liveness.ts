/**
 * Which nodes have a live agent, from the Leases that the agents renew. A node that falls silent is only
 * suspect until a fresh read confirms it, for the silence may be our own watch's.
 */
import type { Lease } from '../../model/kubernetes.ts';
import { durationOf, holderOf, isSameRecord } from '../../model/lease.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Takeover } from './port.ts';

interface Sighting {
  readonly lease: Lease | undefined;
  /** When the record was last seen to change, by our own clock. */
  readonly changedAt: Milliseconds;
  readonly duration: Milliseconds;
  readonly state: 'live' | 'dead';
  /** When it was found to be dead. */
  readonly diedAt?: Milliseconds;
  /** The API server did not answer when it was asked about: the node may have been unable to renew, too. */
  readonly unasked?: true;
}

/** For the account of a takeover. */
export type Passing = Pick<Takeover, 'lastHeard' | 'detected'> & { readonly cause: 'death' | 'leaving' };

export class NodeLiveness {
  readonly #self: string;
  readonly #duration: Milliseconds;
  readonly #nodes = new Map<string, Sighting>();

  /** @param duration of a presence that does not say its own. */
  constructor(self: string, duration: Milliseconds) {
    this.#self = self;
    this.#duration = duration;
  }

  /** The presence of `node` as the watch shows it. A Lease without a holder was given up: dead at once. */
  observe(node: string, lease: Lease | undefined, now: Milliseconds): void {
    const known = this.#nodes.get(node);
    if (lease === undefined) {
      // Buried. That of one that lives was deleted by hand: its agent still believes in it, for as long as it was good.
      if (this.passing(node)?.cause === 'death') this.#nodes.delete(node);
      return;
    }
    if (holderOf(lease) === undefined) {
      this.#nodes.set(node, { lease, changedAt: now, duration: 0, state: 'dead' });
    } else if (!known || !isSameRecord(known.lease, lease)) {
      this.#nodes.set(node, { lease, changedAt: now, duration: durationOf(lease, this.#duration), state: 'live' });
    }
  }

  /**
   * The node wrote itself into the Lease of an address. It may have come back from the dead, and this is seen
   * before its presence is: it has its time again.
   */
  signOfLife(node: string, now: Milliseconds): void {
    if (node === this.#self) return;
    const known = this.#nodes.get(node);
    const duration = known?.duration ?? 0;
    const time = { changedAt: now, duration: duration > 0 ? duration : this.#duration };
    this.#nodes.set(node, { lease: known?.lease, ...time, state: 'live' });
  }

  /** Live nodes whose presence has run out as far as the watch shows: to be read afresh, then {@link verified}. */
  suspects(now: Milliseconds): readonly string[] {
    return [...this.#nodes].flatMap(([node, { state, changedAt, duration }]) =>
      state === 'live' && node !== this.#self && now >= changedAt + duration ? [node] : [],
    );
  }

  /** The read of a suspect's presence failed. It may have been heard of since it was sent. */
  unverified(node: string, now: Milliseconds): void {
    const known = this.#nodes.get(node);
    if (known && this.suspects(now).includes(node)) this.#nodes.set(node, { ...known, unasked: true });
  }

  /** What a fresh read of a suspect's presence gave. */
  verified(node: string, lease: Lease | undefined, now: Milliseconds): void {
    const known = this.#nodes.get(node);
    if (known && lease !== undefined && !isSameRecord(known.lease, lease)) this.observe(node, lease, now);
    // After an outage of the API server everybody has his time again, or whoever reads first would bury the others.
    else if (known?.unasked) this.#nodes.set(node, sighting(known, now));
    // Heard of since the read was sent: its answer may be older than that.
    // Without a Lease its agent has ended and tidied up.
    else if (known && now >= known.changedAt + known.duration)
      this.#nodes.set(node, { ...known, lease, state: 'dead', diedAt: now });
  }

  /** Nodes that fell silent with their presence in hand, sorted: whoever ends in order gives it up. */
  lost(): readonly string[] {
    return [...this.#nodes.keys()].filter((node) => this.passing(node)?.cause === 'death').sort();
  }

  /** How a node that is not live came to its end; undefined while it lives, and for one never heard of. */
  passing(node: string): Passing | undefined {
    const known = this.#nodes.get(node);
    if (!known || node === this.#self || known.state === 'live') return undefined;
    const { lease, changedAt, diedAt = changedAt } = known;
    if (holderOf(lease) === undefined) return { cause: 'leaving', detected: changedAt };
    return { cause: 'death', lastHeard: changedAt, detected: diedAt };
  }

  isLive(node: string): boolean {
    return node === this.#self || this.#nodes.get(node)?.state === 'live';
  }

  /** Sorted, this node included. */
  live(): readonly string[] {
    const others = [...this.#nodes.keys()].filter((node) => node !== this.#self && this.isLive(node));
    return [this.#self, ...others].sort();
  }

  /** When the next node becomes suspect. */
  deadline(): Milliseconds | undefined {
    const ends = [...this.#nodes].flatMap(([node, { state, changedAt, duration }]) =>
      state === 'live' && node !== this.#self ? [changedAt + duration] : [],
    );
    return ends.length === 0 ? undefined : Math.min(...ends);
  }
}

function sighting({ lease, duration, state }: Sighting, changedAt: Milliseconds): Sighting {
  return { lease, duration, state, changedAt };
}
