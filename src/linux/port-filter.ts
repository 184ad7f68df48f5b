/** Service security in the kernel, by nft(8): all rules in one transaction. */
import type { GuardedAddress, PortFilter } from '../exposure/security/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Family } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { SERVICE_TABLES } from './mark.ts';
import { NETLINK_NETFILTER, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { listElements } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { GUARDED, portFilterScript } from './port-filter-script.ts';
import { run } from './run.ts';

/** NFPROTO_INET */
const INET = 1;

export interface PortFilterOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createPortFilter({ netns }: PortFilterOptions = {}): PortFilter {
  const table = SERVICE_TABLES.ports;
  const where = netns === undefined ? {} : { netns };
  let before: string | undefined;
  return {
    set: async (addresses) => {
      const script = portFilterScript(table, addresses);
      if (script === before && addresses.length > 0 && stands(netns, table, addresses)) return;
      const { code, stderr } = await run('nft', ['-f', '-'], { input: script, ...where });
      if (code !== 0) throw refused(stderr);
      before = script;
    },
  };
}

/** Whether the kernel still has what was set: whoever flushes a ruleset flushes all of it. */
function stands(netns: string | undefined, table: string, addresses: readonly GuardedAddress[]): boolean {
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_NETFILTER), libc);
  try {
    return ([4, 6] as const).every((family: Family) => {
      const wanted = addresses.filter(({ address }) => familyOf(address) === family).length;
      return listElements(netlink, { family: INET, table, set: GUARDED[family] }).length === wanted;
    });
  } catch (error) {
    if (error instanceof OsError && error.errno === 'ENOENT') return false;
    throw error;
  } finally {
    netlink.close();
  }
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that close the other ports of addresses: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later, the kernel’s connection tracking and the capability NET_ADMIN are needed'],
  });
}
