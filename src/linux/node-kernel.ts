/** What our agents have put into the kernel of this machine, both of them, and how it is taken away. */
import type { Kernel } from '../cluster/ports/kernel.ts';
import type { Link } from '../model/wire.ts';
import { createAddressTable, type LinuxAddressTable } from './address-table.ts';
import { MARKS, type Instance } from './mark.ts';
import { createNetwork } from './network.ts';
import { run } from './run.ts';
import { KubevipError } from '../model/errors.ts';

const INSTANCES = Object.keys(MARKS) as Instance[];

export function createNodeKernel(): Kernel {
  return {
    links,
    traces: async () => {
      const names = new Map(links().map(({ index, name }) => [index, name]));
      const addresses = withTables((table) =>
        table.owned().map(({ ip, linkIndex }) => `address ${ip} on ${names.get(linkIndex) ?? linkIndex}`),
      );
      return [...addresses, ...(await ourTables()).map((table) => `table ${table}`)];
    },
    removeTraces: async () => {
      withTables((table) => {
        for (const { linkIndex, ip } of table.owned()) table.remove(linkIndex, ip);
        return [];
      });
      for (const table of await ourTables()) await run('nft', ['delete', 'table', ...table.split(' ')]);
    },
  };
}

function links(): readonly Link[] {
  const network = createNetwork();
  try {
    return network.links();
  } finally {
    network.close();
  }
}

function withTables<T>(work: (table: LinuxAddressTable) => readonly T[]): T[] {
  return INSTANCES.flatMap((instance) => {
    const table = createAddressTable({ instance });
    try {
      return work(table);
    } finally {
      table.close();
    }
  });
}

/** `arp kubevip`, `inet kubevip-control-plane` */
async function ourTables(): Promise<string[]> {
  try {
    const { stdout } = await run('nft', ['list', 'tables']);
    const names = new Set(Object.values(MARKS).map(({ table }) => table));
    return stdout.split('\n').flatMap((line) => {
      const [word, family, name] = line.trim().split(' ');
      return word === 'table' && family !== undefined && name !== undefined && names.has(name)
        ? [`${family} ${name}`]
        : [];
    });
  } catch (error) {
    // Without nft the agents have made none.
    if (error instanceof KubevipError && error.code === 'RUN_NOT_FOUND') return [];
    throw error;
  }
}
