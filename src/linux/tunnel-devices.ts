/**
 * Interfaces of WireGuard: the kernel's by rtnetlink, or where it has none those of wireguard-go(8), which speaks the same
 * in user space; keys and far ends by wg(8), which knows both.
 */
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import type { TunnelDevices } from '../exposure/announcement/tunnel/port.ts';
import { concat } from '../model/bytes.ts';
import { KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { AF } from './constants.ts';
import { loadLibc } from './libc.ts';
import { TUNNELS, type Instance } from './mark.ts';
import { withMemoryFile } from './memory-file.ts';
import { IFF_UP, IFLA, INFO, linkHeader, listLinks, removeLink, u32, type LinkRow } from './netlink/links.ts';
import { attribute, cString, nested, NLM } from './netlink/message.ts';
import { RTM } from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';
import { findProgram, programEnv } from './programs.ts';
import { run } from './run.ts';
import { wireguardConf } from './wireguard-conf.ts';

const TUN = '/dev/net/tun';
/** Where wireguard-go listens for wg, by name of the interface. */
const SOCKETS = '/var/run/wireguard';
/** One that has lost its interface takes its socket away within a moment. */
const LEAVING: Milliseconds = 2000;
/** What is missing may be installed or loaded meanwhile. */
const LOOK_AGAIN: Milliseconds = 30_000;
const PROBE = 'kubevip-wg';
/** linux/ip.h, IFLA_INET_CONF of linux/if_link.h */
const INET_CONF = 1;
const RP_FILTER = 8;
const LOOSE = 2;

export interface TunnelDevicesOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Whose tunnels these are. */
  readonly instance: Instance;
}

export interface LinuxTunnelDevices extends TunnelDevices {
  /** For people, and the log: what makes the tunnels here. */
  readonly means: string;
}

/** Each call opens sockets of its own. */
export function createTunnelDevices({ netns, instance }: TunnelDevicesOptions): LinuxTunnelDevices {
  const libc = loadLibc();
  const where = netns === undefined ? {} : { netns };
  const { group } = TUNNELS[instance];
  const withSocket = <T>(work: (netlink: NetlinkSocket) => T): T => {
    const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
    try {
      return work(netlink);
    } finally {
      netlink.close();
    }
  };
  const isOurs = (row: LinkRow): boolean => row.group === group;
  const find = (name: string): LinkRow | undefined =>
    withSocket((netlink) => listLinks(netlink).find((row) => row.name === name));

  let means: Means | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  const meansNow = (): Means => {
    const now = performance.now();
    if (means === undefined || (typeof means === 'object' && now - lookedAt > LOOK_AGAIN)) {
      means = withSocket(lookForMeans);
      lookedAt = now;
    }
    return means;
  };

  const wg = async (args: readonly string[], stdin?: number): Promise<string> => {
    const options = { ...where, env: programEnv(), ...(stdin === undefined ? {} : { stdin }) };
    const { code, stdout, stderr } = await run('wg', args, options);
    if (code === 0) return stdout;
    // Of a line that it does not understand wg says which, and a key may stand in it.
    const said = (stderr.trim().split('\n')[0] ?? '').replace(/[A-Za-z0-9+/]{40,}=*/g, '(not shown)');
    throw new KubevipError(`wg ${args[0]} ended with ${code}: ${said}`, { code: 'WG_FAILED' });
  };

  /** wireguard-go goes into the background by itself, once the interface is there. */
  const startInUserSpace = async (name: string): Promise<void> => {
    await waitForSocket(join(SOCKETS, `${name}.sock`));
    const env = { ...programEnv(), LOG_LEVEL: undefined, WG_PROCESS_FOREGROUND: undefined };
    const { code, stderr } = await run('wireguard-go', [name], { ...where, env });
    if (code !== 0) {
      const said = stderr.trim().split('\n').at(-1) ?? '';
      throw new KubevipError(`wireguard-go made no interface ${name}: ${said}`, { code: 'WIREGUARD_GO_FAILED' });
    }
    // What is in the background sets the MTU once more before it answers.
    await wg(['show', name, 'listen-port']);
  };

  return {
    get means() {
      const found = meansNow();
      return typeof found === 'object' ? found.missing : found;
    },
    obstacle: () => {
      const found = meansNow();
      return typeof found === 'object' ? found.missing : undefined;
    },
    ensure: async (name, mtu) => {
      if (!find(name)) {
        const found = meansNow();
        if (typeof found === 'object') throw new KubevipError(found.missing, { code: 'NO_WIREGUARD' });
        if (found === KERNEL) withSocket((netlink) => createLink(netlink, name, group));
        else await startInUserSpace(name);
        // Before anything else, so that a crash leaves none that nobody knows to be ours.
        withSocket((netlink) => adopt(netlink, name, group));
      }
      const row = find(name);
      if (!row || !isOurs(row))
        throw new KubevipError(
          row
            ? `there is an interface ${name} already, and it is not ours: give the tunnel another name`
            : `interface ${name} went away`,
          { code: 'LINK_TAKEN' },
        );
      if (!row.up || row.mtu !== mtu) withSocket((netlink) => setUp(netlink, row, mtu));
      return row.index;
    },
    configure: async (tunnel, endpoint, keepalive, anew) => {
      const conf = wireguardConf(tunnel, endpoint, keepalive);
      // The program has the file when this returns, and it ends with that.
      const how = anew ? 'setconf' : 'syncconf';
      await withMemoryFile(conf, (fd) => wg([how, tunnel.name, '/dev/stdin'], fd));
    },
    remove: (name) =>
      withSocket((netlink) => {
        const row = listLinks(netlink).find((one) => one.name === name && isOurs(one));
        if (row) removeLink(netlink, row);
      }),
    owned: () =>
      withSocket((netlink) =>
        listLinks(netlink)
          .filter(isOurs)
          .map(({ name }) => name),
      ),
    lastHandshake: async (name) => {
      const lines = (await wg(['show', name, 'latest-handshakes'])).trim().split('\n');
      return Math.max(0, ...lines.map((line) => Number(line.split('\t')[1] ?? 0)));
    },
  };
}

const KERNEL = 'WireGuard of the kernel';
const USER_SPACE = 'wireguard-go, since this kernel has no WireGuard';
type Means = typeof KERNEL | typeof USER_SPACE | { readonly missing: string };

function lookForMeans(netlink: NetlinkSocket): Means {
  const missing = (what: string): Means => ({ missing: `no tunnels can be made on this node: ${what}` });
  if (findProgram('wg') === undefined) return missing('the program wg is not installed; install wireguard-tools');
  if (kernelHasWireguard(netlink)) return KERNEL;
  if (findProgram('wireguard-go') === undefined)
    return missing('this kernel has no WireGuard; load its module (modprobe wireguard), or install wireguard-go');
  if (!existsSync(TUN)) return missing(`this kernel has no WireGuard, and wireguard-go needs ${TUN}: modprobe tun`);
  return USER_SPACE;
}

/** By trying: asking for one makes the kernel load the module. */
function kernelHasWireguard(netlink: NetlinkSocket): boolean {
  try {
    createLink(netlink, PROBE, 0);
  } catch (error) {
    return error instanceof OsError && error.errno === 'EEXIST';
  }
  const probe = listLinks(netlink).find(({ name }) => name === PROBE);
  if (probe) removeLink(netlink, probe);
  return true;
}

function createLink(netlink: NetlinkSocket, name: string, group: number): void {
  const body = concat(
    linkHeader(0, 0),
    attribute(IFLA.IFNAME, cString(name)),
    attribute(IFLA.GROUP, u32(group)),
    nested(IFLA.LINKINFO, attribute(INFO.KIND, cString('wireguard'))),
  );
  netlink.request(RTM.NEWLINK, NLM.CREATE | NLM.EXCL, body, `make interface ${name}`);
}

function adopt(netlink: NetlinkSocket, name: string, group: number): void {
  const body = concat(linkHeader(0, 0), attribute(IFLA.IFNAME, cString(name)), attribute(IFLA.GROUP, u32(group)));
  netlink.request(RTM.NEWLINK, 0, body, `mark interface ${name}`);
}

/**
 * Clients behind the far end are routed elsewhere as far as the kernel knows: it must not take that for forged. By netlink,
 * since /proc/sys may not be written to in a container.
 */
function setUp(netlink: NetlinkSocket, { index, name }: LinkRow, mtu: number): void {
  const loose = nested(IFLA.AF_SPEC, nested(AF.INET, nested(INET_CONF, attribute(RP_FILTER, u32(LOOSE)))));
  const body = concat(linkHeader(index, IFF_UP), attribute(IFLA.MTU, u32(mtu)), loose);
  netlink.request(RTM.NEWLINK, 0, body, `bring interface ${name} up`);
}

/** Of an earlier wireguard-go of that interface: it would take away that of the next one. */
async function waitForSocket(path: string): Promise<void> {
  const deadline = performance.now() + LEAVING;
  while (existsSync(path) && performance.now() < deadline) await delay(10);
  rmSync(path, { force: true });
}
