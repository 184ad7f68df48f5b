/** What our agents have put into the kernel, and the routes there, as text for a dump. */
import { messageOf } from '../model/errors.ts';
import { ipFromBytes } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { decodeAttributes, viewOf, type NetlinkMessage } from './netlink/message.ts';
import { RTM } from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { openLinkTable } from './link-table.ts';
import { ownAddresses, ownTables } from './own-traces.ts';
import { programEnv } from './programs.ts';
import { run } from './run.ts';

export interface KernelState {
  readonly addresses: readonly string[];
  /** As nft writes them, a line each. */
  readonly tables: readonly string[];
  readonly routes: readonly string[];
}

/** A part that cannot be read says why in its place. @param netns network namespace by name */
export async function kernelState(netns?: string): Promise<KernelState> {
  return {
    addresses: orWhy(() => ownAddresses(netns)),
    tables: await tableLines(netns).catch((error: unknown) => [messageOf(error)]),
    routes: orWhy(() => routeLines(netns)),
  };
}

function orWhy(read: () => string[]): string[] {
  try {
    return read();
  } catch (error) {
    return [messageOf(error)];
  }
}

async function tableLines(netns: string | undefined): Promise<string[]> {
  const options = { env: programEnv(), ...(netns === undefined ? {} : { netns }) };
  const lines: string[] = [];
  for (const table of await ownTables(netns)) {
    const { stdout } = await run('nft', ['list', ...table.split(' ')], options);
    lines.push(...stdout.trimEnd().split('\n'));
  }
  return lines;
}

const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15 } as const;
const LOCAL_TABLE = 255;
/** RTM_F_CLONED: remembered by the kernel, no route of anybody. */
const CLONED = 0x200;
const TYPES: Readonly<Record<number, string>> = { 1: 'unicast', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };

/** Of all tables but the kernel's own of local addresses. */
function routeLines(netns: string | undefined): string[] {
  const libc = loadLibc();
  const links = withNetns(netns, () => openLinkTable(libc), libc);
  const names = new Map(links.links().map(({ index, name }) => [index, name]));
  links.close();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
  try {
    return netlink
      .dump(RTM.GETROUTE, new Uint8Array(12), 'list routes')
      .flatMap((message) => routeLine(message, names));
  } finally {
    netlink.close();
  }
}

/** `struct rtmsg` and attributes. */
function routeLine({ body }: NetlinkMessage, links: ReadonlyMap<number, string>): string[] {
  if (body.length < 12) return [];
  const attributes = decodeAttributes(body.subarray(12));
  const number = (type: number): number | undefined => {
    const value = attributes.get(type);
    return value?.length === 4 ? viewOf(value).getUint32(0, true) : undefined;
  };
  const ip = (type: number): string | undefined => {
    const value = attributes.get(type);
    return value?.length === 4 || value?.length === 16 ? ipFromBytes(value) : undefined;
  };
  const table = number(RTA.TABLE) ?? body[4] ?? 0;
  if (table === LOCAL_TABLE || (viewOf(body).getUint32(8, true) & CLONED) !== 0) return [];
  const link = number(RTA.OIF);
  const via = ip(RTA.GATEWAY);
  return [
    [
      TYPES[body[7] ?? 0] ?? `type ${body[7]}`,
      body[1] === 0 ? 'default' : `${ip(RTA.DST) ?? '?'}/${body[1]}`,
      ...(via === undefined ? [] : [`via ${via}`]),
      ...(link === undefined ? [] : [`dev ${links.get(link) ?? link}`]),
      `table ${table} proto ${body[5]}`,
    ].join(' '),
  ];
}
