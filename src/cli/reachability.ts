/** The machine the CLI runs on, or a namespace of it, as what `expose` tries its promises from. */
import type { Reachability } from '../workflows/reachability.ts';

/** @param netns name of a network namespace; undefined: where we are. */
export function createReachability(netns: string | undefined): Reachability {
  return {
    async tcp(ip, port, timeout, signal) {
      const { tryTcp } = await import('../linux/tcp-reachability.ts');
      return await tryTcp(ip, port, { timeout, netns, signal });
    },
    resolve: () => Promise.resolve(undefined),
  };
}
