/** Network namespaces, the cables between them, and who runs inside. */
import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KubevipError } from '../model/errors.ts';
import { run, runOrThrow } from './exec.ts';
import { killHard, processId, type ProcessId } from './process.ts';

const NETNS_DIR = '/run/netns';

/** Path of a namespace, for setns(2) and nsenter(1). */
export function netnsPath(name: string): string {
  return `${NETNS_DIR}/${name}`;
}

export function netnsExists(name: string): boolean {
  return existsSync(netnsPath(name));
}

/** Names of all namespaces that begin with `prefix`. */
export function listNetns(prefix: string): string[] {
  if (!existsSync(NETNS_DIR)) return [];
  return readdirSync(NETNS_DIR)
    .filter((name) => name.startsWith(prefix))
    .sort();
}

/**
 * Creates a namespace with its loopback up, without IPv6 duplicate address detection (it costs 2 s an address),
 * and with nothing of the bridge's traffic going through netfilter.
 */
export async function createNetns(name: string): Promise<void> {
  await runOrThrow(['ip', 'netns', 'add', name]);
  await configure(name, ['link set lo up']);
  await sysctl(name, {
    'net.ipv6.conf.all.accept_dad': 0,
    'net.ipv6.conf.default.accept_dad': 0,
  });
}

/** Kills everything inside, then removes the namespace with its interfaces. One that does not exist is not an error. */
export async function deleteNetns(name: string): Promise<void> {
  if (!netnsExists(name)) return;
  // A process may fork while it is being counted, so look again until nobody is left.
  for (let round = 0; round < 100; round++) {
    const inside = processesIn(name);
    if (inside.length === 0) break;
    inside.forEach(killHard);
    await delay(5);
  }
  const result = await run(['ip', 'netns', 'delete', name]);
  if (result.code !== 0 && netnsExists(name)) {
    throw new KubevipError(`namespace ${name} cannot be removed: ${result.stderr.trim()}`, { code: 'NETNS_STUCK' });
  }
}

/** Processes whose main thread is in the namespace. */
export function processesIn(name: string): ProcessId[] {
  const path = netnsPath(name);
  // A name left without its mount (the creator was killed in between) is a plain empty file: nobody is inside.
  if (!existsSync(path)) return [];
  const inode = statSync(path).ino;
  const found: ProcessId[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || netnsInode(Number(entry)) !== inode) continue;
    const id = processId(Number(entry));
    if (id !== undefined) found.push(id);
  }
  return found;
}

function netnsInode(pid: number): number | undefined {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1]);
  } catch {
    return undefined;
  }
}

/**
 * Runs lines of ip(8) in a namespace in one process: `addr add 10.77.0.11/24 dev eth0`.
 * @throws KubevipError COMMAND_FAILED at the first line that fails.
 */
export async function configure(netns: string, lines: readonly string[]): Promise<void> {
  await runOrThrow(['ip', '-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Sets kernel parameters in a namespace. */
export async function sysctl(netns: string, values: Readonly<Record<string, number>>): Promise<void> {
  const settings = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  await runOrThrow(['sysctl', '-qw', ...settings], { netns });
}

/** Loads an nftables ruleset atomically. */
export async function loadNft(netns: string, ruleset: string): Promise<void> {
  await runOrThrow(['nft', '-f', '-'], { netns, input: ruleset });
}

export interface CableEnd {
  readonly netns: string;
  /** At most 15 characters, unique in its namespace. */
  readonly name: string;
  readonly mac?: string;
}

/** A veth pair between two namespaces, both ends down. */
export async function createCable(a: CableEnd, b: CableEnd): Promise<void> {
  const end = ({ name, mac }: CableEnd): string => `name ${name}${mac === undefined ? '' : ` address ${mac}`}`;
  await configure(a.netns, [`link add ${end(a)} type veth peer ${end(b)} netns ${b.netns}`]);
}

/**
 * Each is alone in its network. Without an address of its own a bridge has the lowest of its ports', and so another one
 * whenever a host is plugged in or out: who has an address on it is then not reached until its neighbours ask anew.
 */
const BRIDGE_MAC = '02:77:00:00:ff:01';

/** A plain switch: a bridge that forwards at once and floods multicast, so that nothing waits for it to learn. */
export async function createBridge(netns: string, name: string): Promise<void> {
  await configure(netns, [
    `link add ${name} address ${BRIDGE_MAC} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${name} up`,
  ]);
  await keepNetfilterOffBridges(netns);
}

/** The keys exist only where br_netfilter is loaded, and then default to on in every new namespace. */
async function keepNetfilterOffBridges(netns: string): Promise<void> {
  if (!existsSync('/proc/sys/net/bridge')) return;
  await sysctl(netns, {
    'net.bridge.bridge-nf-call-iptables': 0,
    'net.bridge.bridge-nf-call-ip6tables': 0,
    'net.bridge.bridge-nf-call-arptables': 0,
  });
}

/** Plugs an interface of a host into the switch and switches both ends on. */
export async function plug(host: CableEnd, bridge: { netns: string; name: string; port: string }): Promise<void> {
  await createCable({ netns: bridge.netns, name: bridge.port }, host);
  await configure(bridge.netns, [`link set ${bridge.port} master ${bridge.name} up`]);
  await configure(host.netns, [`link set ${host.name} up`]);
}
