/**
 * Who has an address, asked for from the router: the answers must not mend what the laptop's kernel knows of its
 * neighbours, since how long that is wrong is part of what is measured.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { createNetwork } from '../../src/linux/network.ts';
import type { Ip } from '../../src/model/ip.ts';
import { watchLan } from '../expose/churn/lan.ts';
import type { BenchLan } from '../expose/bench-lab.ts';

const EVERY_MS = 20;

export interface Witness {
  /**
   * The node that answers for an address. @param unless another node than this one is waited for.
   * @throws Error after 60 s.
   */
  holder(address: Ip, unless?: string): Promise<string>;
  /** When the last claim of an address was heard, by performance.now(). */
  heardAt(address: Ip): number;
  close(): void;
}

export function openWitness({ paths, nodes }: Pick<BenchLan, 'paths' | 'nodes'>): Witness {
  const network = createNetwork({ netns: netnsOf(paths, 'router') });
  const link = network.links().find(({ name }) => name === 'eth0');
  if (!link) throw new Error('the router has no eth0');
  const watch = watchLan({ network, link });
  const nodeOf = (mac: string): string => nodes.find((node) => nodeAddresses(node).mac === mac) ?? mac;
  return {
    async holder(address, unless) {
      const start = performance.now();
      for (;;) {
        watch.ask(address);
        await delay(EVERY_MS);
        const claim = watch.last(address);
        if (claim && claim.at >= start && nodeOf(claim.mac) !== unless) return nodeOf(claim.mac);
        if (performance.now() - start > 60_000)
          throw new Error(`nobody ${unless === undefined ? '' : `but ${unless} `}answers for ${address}`);
      }
    },
    heardAt: (address) => watch.last(address)?.at ?? 0,
    close: () => {
      watch.close();
      network.close();
    },
  };
}
