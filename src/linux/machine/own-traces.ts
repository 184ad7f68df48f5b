/** What agents of ours have put into the kernel of this machine: addresses by their mark, tables of nftables by name. */
import type { CommandResult } from '../../cluster/ports/preflight.ts';
import { createAddressTable } from '../address-table.ts';
import { loadLibc } from '../libc.ts';
import { openLinkTable } from '../link-table.ts';
import { MARKS, type Instance } from '../mark.ts';
import { withNetns } from '../netns.ts';

type Run = (command: string, args: readonly string[]) => Promise<CommandResult | undefined>;

/** Never throws: what this user may not see is not there. */
export async function ownTraces(netns: string | undefined, run: Run): Promise<string[]> {
  const tables = (await run('nft', ['list', 'tables']))?.stdout ?? '';
  const names = new Set(Object.values(MARKS).map(({ table }) => table));
  return [
    ...addresses(netns),
    ...tables
      .split('\n')
      .filter((line) => names.has(line.trim().split(' ')[2] ?? ''))
      .map((line) => line.trim()),
  ];
}

function addresses(netns: string | undefined): string[] {
  try {
    const table = withNetns(netns, () => openLinkTable(loadLibc()));
    const names = new Map(table.links().map(({ index, name }) => [index, name]));
    table.close();
    return (Object.keys(MARKS) as Instance[]).flatMap((instance) => {
      const own = createAddressTable({ instance, ...(netns === undefined ? {} : { netns }) });
      const held = own.owned().map(({ ip, linkIndex }) => `address ${ip} on ${names.get(linkIndex) ?? linkIndex}`);
      own.close();
      return held;
    });
  } catch {
    return [];
  }
}
