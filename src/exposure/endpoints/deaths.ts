/**
 * Of which dead nodes the endpoints are not to be believed. A node whose agent fell silent has most likely died, and it
 * takes Kubernetes most of a minute to find that out; but it may be the agent alone that died. So Kubernetes has the
 * last word: once it knows of the death, or has had long enough to.
 */
import type { Milliseconds } from '../../model/time.ts';

/** An endpoint that became ready just before the death may be published after it. */
const PUBLISHED: Milliseconds = 10_000;
/** Kubernetes' node controller gives a node up after 40 to 50 s; times several, for a control plane that lost a part. */
const KNOWN: Milliseconds = 5 * 60_000;

export interface Sight {
  /** Nodes whose agent fell silent. */
  readonly lost: readonly string[];
  /** Those of them that EndpointSlices still show a ready endpoint on. */
  readonly listed: ReadonlySet<string>;
  /** The EndpointSlices are up to date, as far as can be told. */
  readonly inContact: boolean;
  readonly now: Milliseconds;
}

export class Deaths {
  readonly #since = new Map<string, Milliseconds>();
  /** Nodes of which Kubernetes is believed again, until their agent has been heard once more. */
  readonly #settled = new Set<string>();
  #contactSince: Milliseconds | undefined;

  /** @returns the nodes whose endpoints are to be avoided. */
  update({ lost, listed, inContact, now }: Sight): Set<string> {
    for (const node of [...this.#since.keys()]) {
      if (lost.includes(node)) continue;
      this.#since.delete(node);
      this.#settled.delete(node);
    }
    this.#contactSince = inContact ? (this.#contactSince ?? now) : undefined;
    for (const node of lost) {
      const since = this.#since.get(node) ?? now;
      this.#since.set(node, since);
      if (this.#contactSince === undefined) continue;
      const known = !listed.has(node) && now - since >= PUBLISHED;
      if (known || now - Math.max(since, this.#contactSince) >= KNOWN) this.#settled.add(node);
    }
    return new Set(lost.filter((node) => !this.#settled.has(node)));
  }
}
