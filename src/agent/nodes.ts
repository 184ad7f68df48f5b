/** What the Node objects say about who may have addresses. */
import { EXCLUDE_LABEL, KEY } from '../model/annotations.ts';
import type { Node } from '../model/kubernetes.ts';
import type { Watcher } from '../kube/watcher/watcher.ts';

/** Names of the nodes that carry Kubernetes' label against load balancers, whatever its value, in order. */
export function excludedNodes(nodes: Iterable<Node>): string[] {
  return namesOf(nodes, ({ metadata }) => metadata.labels?.[EXCLUDE_LABEL] !== undefined);
}

/** Names of the nodes that addresses are to leave (`kubevip handover`), in order. */
export function drainingNodes(nodes: Iterable<Node>): string[] {
  return namesOf(nodes, ({ metadata }) => metadata.annotations?.[KEY.draining] !== undefined);
}

/** Of these names those whose Node is there, as far as Nodes are known: one that was deleted has left the cluster for good. */
export function existing(
  names: readonly string[],
  watcher: Pick<Watcher<Node>, 'isSynced' | 'store'> | undefined,
): readonly string[] {
  if (names.length === 0 || watcher?.isSynced !== true) return names;
  const there = new Set([...watcher.store.list()].map(({ metadata }) => metadata.name));
  return names.filter((name) => there.has(name));
}

/** The same of a watch that goes on. Without one nobody is excluded, and nobody drained. */
export class NodeFacts {
  readonly #watcher: Pick<Watcher<Node>, 'store' | 'onChange'> | undefined;
  readonly #honorsLabel: boolean;

  constructor(watcher: Pick<Watcher<Node>, 'store' | 'onChange'> | undefined, honorsLabel: boolean) {
    this.#watcher = watcher;
    this.#honorsLabel = honorsLabel;
  }

  excluded(): string[] {
    return this.#honorsLabel ? excludedNodes(this.#watcher?.store.list() ?? []) : [];
  }

  draining(): string[] {
    return drainingNodes(this.#watcher?.store.list() ?? []);
  }

  /** What is reported of nodes changes all the time; this hardly ever. @returns the way to stop */
  onChange(callback: () => void): () => void {
    const facts = (): string => JSON.stringify([this.excluded(), this.draining()]);
    let before = facts();
    const stop = this.#watcher?.onChange(() => {
      const now = facts();
      if (now === before) return;
      before = now;
      callback();
    });
    return stop ?? (() => undefined);
  }
}

function namesOf(nodes: Iterable<Node>, which: (node: Node) => boolean): string[] {
  return [...nodes]
    .filter(which)
    .map(({ metadata }) => metadata.name)
    .sort();
}
