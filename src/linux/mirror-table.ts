/** Frames copied from one interface to another by nftables, in the family netdev: 5.16 of the kernel or later. */
import type { Copying, MirrorTable } from '../exposure/mirror/port.ts';
import { KubevipError } from '../model/errors.ts';
import { loadLibc } from './libc.ts';
import { SERVICE_TABLES } from './mark.ts';
import { NETLINK_NETFILTER, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { changeElements, listElements, type NftSet } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { ownTables } from './own-traces.ts';
import { run } from './run.ts';

const TABLE = SERVICE_TABLES.mirror;
/** NFPROTO_NETDEV */
const ALIVE: NftSet = { family: 5, table: TABLE, set: 'alive' };
/** IFNAMSIZ: names in the kernel's sets are filled up with zeroes. */
const NAME_LENGTH = 16;
/** Of the copying, unless it is set again; as nft writes it. */
const LIFETIME = '20s';

export interface MirrorTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createMirrorTable({ netns }: MirrorTableOptions = {}): MirrorTable {
  const where = netns === undefined ? {} : { netns };
  let before: Copying | undefined;
  return {
    set: async (copying) => {
      // A kernel without this family knows none of its tables, and there is nothing to remove.
      if (copying === undefined && !(await ownTables(netns)).includes(`table netdev ${TABLE}`)) return;
      if (copying && before && isSame(copying, before) && keepAlive(netns, copying)) return;
      before = undefined;
      const { code, stderr } = await run('nft', ['-f', '-'], { input: mirrorScript(copying), ...where });
      if (code !== 0) throw refused(stderr);
      before = copying;
    },
  };
}

/**
 * Both directions: `ingress` is before and `egress` behind everything else that nftables does. Interfaces are names in the
 * rules and numbers in the kernel, so another one of the same name needs them anew.
 */
function mirrorScript(copying: Copying | undefined): string {
  // Made first, since deleting a table that does not exist fails.
  const clear = `table netdev ${TABLE}\ndelete table netdev ${TABLE}\n`;
  if (!copying) return clear;
  const [from, to] = [`"${copying.from.name}"`, `"${copying.to.name}"`];
  const chain = (hook: 'ingress' | 'egress', key: 'iifname' | 'oifname', priority: number): string[] => [
    `chain ${hook} {`,
    `type filter hook ${hook} device ${from} priority ${priority}; policy accept;`,
    `${key} @${ALIVE.set} dup to ${to}`,
    '}',
  ];
  return [
    clear,
    `table netdev ${TABLE} {`,
    `set ${ALIVE.set} {`,
    'type ifname',
    'flags timeout',
    `timeout ${LIFETIME}`,
    `elements = { ${from} }`,
    '}',
    ...chain('ingress', 'iifname', -500),
    ...chain('egress', 'oifname', 500),
    '}',
    '',
  ].join('\n');
}

/** One transaction: nothing is missing in between, as it would be with the hooks of a new table. @returns false: it is gone. */
function keepAlive(netns: string | undefined, { from }: Copying): boolean {
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_NETFILTER), libc);
  const key = new Uint8Array(NAME_LENGTH);
  key.set(new TextEncoder().encode(from.name));
  try {
    if (listElements(netlink, ALIVE).length === 0) return false;
    changeElements(netlink, ALIVE, { remove: [key], add: [key] });
    return true;
  } catch (error) {
    if (error instanceof OsError && error.errno === 'ENOENT') return false;
    throw error;
  } finally {
    netlink.close();
  }
}

function isSame(a: Copying, b: Copying): boolean {
  return a.from.index === b.from.index && a.to.index === b.to.index && a.from.name === b.from.name;
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that copy traffic: ${said}`, {
    code: 'NFT_FAILED',
    hints: [
      'nftables 1.0 or later, Linux 5.16 or later with nftables’ family netdev and the capability NET_ADMIN are needed',
    ],
  });
}
