/**
 * Keeps the labels of this node as they shall be (`enable_node_labeling`), and takes ours from nodes that do not look
 * after theirs any more: whoever died did not take them away.
 */
import type { Clock, Milliseconds } from '../../model/time.ts';
import { Upkeep, type Onlooker } from '../upkeep.ts';
import type { Labels, NodeLabelStore } from './port.ts';

/** Many addresses that come or go together are one write. */
const TOGETHER: Milliseconds = 500;
/** Somebody may have changed them by hand, or a node have died. */
const AGAIN: Milliseconds = 60_000;
const NOT_YET: Milliseconds = 1000;

export interface NodeLabelsOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly store: NodeLabelStore;
  /** Otherwise labels of an earlier run are removed, and that is all. */
  readonly enabled: boolean;
  readonly isOurs: (key: string) => boolean;
  /** The labels this node shall have; undefined: that is not known yet. */
  readonly wanted: () => Readonly<Record<string, string>> | undefined;
  /** Whether this agent is to take the labels of that other node away. */
  readonly cleans: (node: string) => boolean;
  readonly onError?: (error: unknown) => void;
}

export function createNodeLabels(options: NodeLabelsOptions): Onlooker {
  const { node, clock, store, enabled, isOurs, wanted, cleans, onError } = options;
  const bring = async (own: Readonly<Record<string, string>>, others: boolean): Promise<void> => {
    const nodes = await store.read();
    for (const [name, labels] of nodes) {
      if (name !== node && !(others && cleans(name))) continue;
      const patch = difference(labels, name === node ? own : {}, isOurs);
      if (patch) await store.patch(name, patch);
    }
  };
  let cleared = false;
  return new Upkeep({
    clock,
    together: TOGETHER,
    work: async () => {
      if (cleared) return undefined;
      const own = wanted();
      if (own === undefined) return NOT_YET;
      try {
        await bring(enabled ? own : {}, enabled);
      } catch (error) {
        // Without the feature there is usually no right to write nodes either.
        if (enabled) throw error;
      }
      cleared = !enabled;
      return enabled ? AGAIN : undefined;
    },
    clear: () => (enabled ? bring({}, false) : Promise.resolve()),
    ...(onError ? { onError } : {}),
  });
}

function difference(
  present: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
  isOurs: (key: string) => boolean,
): Labels | undefined {
  const stale = Object.keys(present).filter((key) => isOurs(key) && !(key in wanted));
  const changed = Object.entries(wanted).filter(([key, value]) => present[key] !== value);
  if (stale.length === 0 && changed.length === 0) return undefined;
  return Object.fromEntries([...stale.map((key) => [key, undefined] as const), ...changed]);
}
