/** The machine the CLI runs on, or a namespace of it, as what `expose` tries its promises from. */
import type { Reachability } from '../workflows/reachability.ts';
import { foregroundClock } from './clock.ts';

/** @param netns name of a network namespace; undefined: where we are. */
export function createReachability(netns: string | undefined): Reachability {
  return {
    async tcp(ip, port, timeout, signal) {
      const { tryTcp } = await import('../linux/tcp-reachability.ts');
      return await tryTcp(ip, port, { timeout, netns, signal });
    },
    async resolve(host, timeout, signal) {
      // Sockets bound to an interface are made by Linux calls.
      if (process.platform !== 'linux') return undefined;
      const [{ createNetwork }, { systemEntropy }, { resolveName }] = await Promise.all([
        import('../linux/network.ts'),
        import('../linux/entropy.ts'),
        import('../workflows/resolve-name.ts'),
      ]);
      const network = createNetwork(netns === undefined ? {} : { netns });
      try {
        return await resolveName(host, { network, clock: foregroundClock, entropy: systemEntropy, timeout, signal });
      } finally {
        network.close();
      }
    },
  };
}
