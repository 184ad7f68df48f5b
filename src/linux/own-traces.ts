/** What our agents, both of them, have put into the kernel of a machine: addresses, routes and links by mark, nftables by name. */
import type { VlanLinks } from '../exposure/vlan/port.ts';
import { KubevipError, messageOf } from '../model/errors.ts';
import { createAddressTable, type LinuxAddressTable } from './address-table.ts';
import { loadLibc } from './libc.ts';
import { openLinkTable } from './link-table.ts';
import { MARKS, OWN_TABLES, type Instance } from './mark.ts';
import { withNetns } from './netns.ts';
import { agentRoutes } from './route-table.ts';
import { programEnv } from './programs.ts';
import { run } from './run.ts';
import { createTunnelDevices, type LinuxTunnelDevices } from './tunnel-devices.ts';
import { createTunnelWays, type LinuxTunnelWays } from './tunnel-ways.ts';
import { createVlanTable } from './vlan-links.ts';

/** @param netns network namespace by name; this process's own when absent. @returns `address 192.168.1.40 on eth0` @throws OsError */
export function ownAddresses(netns?: string): string[] {
  const links = withNetns(netns, () => openLinkTable(loadLibc()));
  const names = new Map(links.links().map(({ index, name }) => [index, name]));
  links.close();
  return withAddressTables(netns, (table) =>
    table.owned().map(({ ip, linkIndex }) => `address ${ip} on ${names.get(linkIndex) ?? linkIndex}`),
  );
}

/** @param netns likewise. @returns `route to 192.168.1.40 in table 198` @throws OsError */
export function ownRoutes(netns?: string): string[] {
  return agentRoutes(netns).map(({ ip, table }) => `route to ${ip} in table ${table}`);
}

/** @throws OsError */
export function removeOwnRoutes(netns?: string): void {
  for (const route of agentRoutes(netns)) route.remove();
}

/** @throws OsError */
export function removeOwnAddresses(netns?: string): void {
  withAddressTables(netns, (table) => {
    for (const { linkIndex, ip } of table.owned()) table.remove(linkIndex, ip);
    return [];
  });
}

/** VLAN interfaces made for Services, and those of tunnels. @returns `interface eth0.200` @throws OsError */
export function ownLinks(netns?: string): string[] {
  const tunnels = tunnelDevices(netns).flatMap((devices) => devices.owned());
  return [...vlans(netns).owned(), ...tunnels].map((name) => `interface ${name}`);
}

/** @throws OsError */
export function removeOwnLinks(netns?: string): void {
  const links = vlans(netns);
  for (const name of links.owned()) links.remove(name);
  for (const devices of tunnelDevices(netns)) for (const name of devices.owned()) devices.remove(name);
}

/** Rules of routing for what comes through tunnels. @returns `rule for mark 0x6b770000` @throws OsError */
export function ownRules(netns?: string): string[] {
  return withTunnelWays(netns, (ways) => ways.owned().map((mark) => `rule for mark 0x${mark.toString(16)}`));
}

/** @throws OsError */
export function removeOwnRules(netns?: string): void {
  withTunnelWays(netns, (ways) => {
    ways.removeRules();
    return [];
  });
}

function withTunnelWays(netns: string | undefined, work: (ways: LinuxTunnelWays) => readonly string[]): string[] {
  return (Object.keys(MARKS) as Instance[]).flatMap((instance) => {
    const ways = createTunnelWays({ instance, ...(netns === undefined ? {} : { netns }) });
    try {
      return work(ways);
    } finally {
      ways.close();
    }
  });
}

function tunnelDevices(netns: string | undefined): LinuxTunnelDevices[] {
  return (Object.keys(MARKS) as Instance[]).map((instance) =>
    createTunnelDevices({ instance, ...(netns === undefined ? {} : { netns }) }),
  );
}

function vlans(netns: string | undefined): VlanLinks {
  return createVlanTable(netns === undefined ? {} : { netns });
}

/** @returns `table inet kubevip`; none where nft is not installed: agents that have it make some. @throws KubevipError NFT_FAILED */
export async function ownTables(netns?: string): Promise<string[]> {
  let listed: string;
  try {
    listed = await nft(['list', 'tables'], netns);
  } catch (error) {
    if (error instanceof KubevipError && error.code === 'RUN_NOT_FOUND') return [];
    // A kernel without nf_tables has none either.
    if (/not supported/i.test(messageOf(error))) return [];
    throw error;
  }
  return listed
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('table ') && OWN_TABLES.has(line.split(' ')[2] ?? ''));
}

/** @throws KubevipError NFT_FAILED */
export async function removeOwnTables(netns?: string): Promise<void> {
  for (const table of await ownTables(netns)) {
    try {
      await nft(['delete', ...table.split(' ')], netns);
    } catch (error) {
      // An agent that ends takes its own away.
      if ((await ownTables(netns)).includes(table)) throw error;
    }
  }
}

async function nft(args: readonly string[], netns: string | undefined): Promise<string> {
  const options = { env: programEnv(), ...(netns === undefined ? {} : { netns }) };
  const { code, stdout, stderr } = await run('nft', args, options);
  if (code === 0) return stdout;
  throw new KubevipError(`nft ${args.join(' ')} ended with ${code}: ${stderr.trim()}`, { code: 'NFT_FAILED' });
}

function withAddressTables<T>(netns: string | undefined, work: (table: LinuxAddressTable) => readonly T[]): T[] {
  return (Object.keys(MARKS) as Instance[]).flatMap((instance) => {
    const table = createAddressTable({ instance, ...(netns === undefined ? {} : { netns }) });
    try {
      return work(table);
    } finally {
      table.close();
    }
  });
}
