/** The kernel of this machine, as steps of bootstrapping see it. */
import type { Kernel } from '../cluster/ports/kernel.ts';
import { createNetwork } from './network.ts';
import {
  ownAddresses,
  ownLinks,
  ownRoutes,
  ownRules,
  ownTables,
  removeOwnAddresses,
  removeOwnLinks,
  removeOwnRoutes,
  removeOwnRules,
  removeOwnTables,
} from './own-traces.ts';

export function createNodeKernel(): Kernel {
  return {
    links: () => {
      const network = createNetwork();
      try {
        return network.links();
      } finally {
        network.close();
      }
    },
    // Who is not root may not look at tables.
    traces: async () => [
      ...ownAddresses(),
      ...ownLinks(),
      ...ownRoutes(),
      ...ownRules(),
      ...(await ownTables().catch(() => [])),
    ],
    removeTraces: async () => {
      removeOwnRoutes();
      removeOwnAddresses();
      removeOwnLinks();
      removeOwnRules();
      await removeOwnTables();
    },
  };
}
