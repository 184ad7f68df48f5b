/** Labels of Node objects: read from a watch or by asking, written by merge patch. */
import type { NodeLabelStore } from '../exposure/labels/port.ts';
import type { Node } from '../model/kubernetes.ts';
import { isApiError } from './errors.ts';
import type { Resource } from './resource.ts';
import { FIELD_MANAGER } from './service-writer.ts';

const WITHIN_MS = 5000;

export interface NodeLabelStoreOptions {
  readonly nodes: Pick<Resource<Node>, 'patch' | 'list'>;
  /** From a watch over all of them; otherwise the API server is asked. */
  readonly known?: () => Iterable<Node>;
}

export function createNodeLabelStore({ nodes, known }: NodeLabelStoreOptions): NodeLabelStore {
  return {
    read: async () => {
      const all = known ? [...known()] : (await nodes.list({}, { timeoutMs: WITHIN_MS })).items;
      return new Map(all.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
    },
    patch: async (name, labels) => {
      const entries = Object.entries(labels).map(([key, value]) => [key, value ?? null] as const);
      const body = { metadata: { labels: Object.fromEntries(entries) } };
      try {
        await nodes.patch({ name }, body, { type: 'merge', fieldManager: FIELD_MANAGER, timeoutMs: WITHIN_MS });
      } catch (error) {
        if (!isApiError(error, 'NOT_FOUND')) throw error;
      }
    },
  };
}
