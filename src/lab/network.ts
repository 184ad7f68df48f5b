/** Namespaces and cables of a lab: everything of it that is neither a process nor a file. */
import { setTimeout as delay } from 'node:timers/promises';
import { run, runOrThrow } from './exec.ts';
import type { LabOptions } from './options.ts';
import { FIXED_HOSTS, LAN, LAN6, macOf, MANAGEMENT, netnsOf, nodeAddresses, nodeName, WAN } from './layout.ts';
import type { LabPaths } from './layout.ts';
import { isPoweredOff, setPoweredOff } from './state.ts';
import { configure, createBridge, createCable, createNetns, deleteNetns, netnsExists, plug, sysctl } from './netns.ts';

export function nodeNames(options: LabOptions): string[] {
  return Array.from({ length: options.nodes }, (_, i) => nodeName(i));
}

/** Whether all but the nodes is there. What is inside was complete before the lab's state was written. */
export function networkExists(paths: LabPaths): boolean {
  return FIXED_HOSTS.every((host) => netnsExists(netnsOf(paths, host)));
}

/** Builds the network; nothing of it may exist. */
export async function buildNetwork(paths: LabPaths, options: LabOptions): Promise<void> {
  await Promise.all(FIXED_HOSTS.map((host) => createNetns(netnsOf(paths, host))));
  await Promise.all([buildSwitches(paths), buildWan(paths, options)]);
  await Promise.all([
    plugIntoLan(paths, options, 'router', LAN.router),
    plugIntoLan(paths, options, 'laptop', LAN.laptop),
    ...nodeNames(options).map((node) => buildNode(paths, options, node)),
  ]);
  await applyWan(paths, options);
}

async function buildSwitches(paths: LabPaths): Promise<void> {
  const management = netnsOf(paths, 'mgmt');
  await Promise.all([createBridge(netnsOf(paths, 'lan'), 'br0'), createBridge(management, 'br0')]);
  await configure(management, [`addr add ${MANAGEMENT.api}/24 dev br0`]);
}

/** One node, plugged into both switches. It may not exist. */
async function buildNode(paths: LabPaths, options: LabOptions, node: string): Promise<void> {
  const netns = netnsOf(paths, node);
  const { lan, management, pods, pods6 } = nodeAddresses(node);
  const others = nodeNames(options)
    .filter((other) => other !== node)
    .map(nodeAddresses);
  await createNetns(netns);
  await plugIntoLan(paths, options, node, lan);
  await plug({ netns, name: 'mgmt0' }, { netns: netnsOf(paths, 'mgmt'), name: 'br0', port: `p-${node}` });
  await sysctl(netns, {
    'net.ipv4.ip_forward': 1,
    ...(options.ipv6 ? { 'net.ipv6.conf.all.forwarding': 1 } : {}),
  });
  await configure(netns, [
    `addr add ${management}/24 dev mgmt0`,
    // Pods of the other nodes, as a CNI plugin with host gateways would route them. What of its own prefix has no pod
    // must not go out by the default route.
    `route add unreachable ${pods}`,
    ...others.map((other) => `route add ${other.pods} via ${other.lan}`),
    ...(options.ipv6
      ? [`route add unreachable ${pods6}`, ...others.map((other) => `route add ${other.pods6} via ${other.lan6}`)]
      : []),
  ]);
}

/** eth0 with an address of each family and prefix, and the router as default gateway. */
async function plugIntoLan(paths: LabPaths, options: LabOptions, host: string, address: string): Promise<void> {
  const netns = netnsOf(paths, host);
  const number = Number(address.split('.')[3]);
  const port = { netns: netnsOf(paths, 'lan'), name: 'br0', port: `p-${host}` };
  // Addresses are given here, and always the same: what the router advertises besides would come at any time.
  await sysctl(netns, { 'net.ipv6.conf.default.accept_ra': 0 });
  await plug({ netns, name: 'eth0', mac: macOf(number) }, port);
  const lines = [`addr add ${address}/${LAN.prefixLength} dev eth0`];
  if (host !== 'router') lines.push(`route add default via ${LAN.router}`);
  if (options.ipv6) {
    lines.push(...[LAN6.prefix, LAN6.localPrefix].map((prefix) => `addr add ${inPrefix(prefix, number)} dev eth0`));
    if (host !== 'router') lines.push(`route add default via ${LAN6.gateway} dev eth0`);
  }
  await configure(netns, lines);
}

/** `2001:db8:77::/64`, 50 → `2001:db8:77::50/64` */
function inPrefix(prefix: string, number: number): string {
  return prefix.replace('::/', `::${number}/`);
}

async function buildWan(paths: LabPaths, options: LabOptions): Promise<void> {
  const [router, internet] = [netnsOf(paths, 'router'), netnsOf(paths, 'internet')];
  await createCable({ netns: router, name: 'wan0' }, { netns: internet, name: 'eth0' });
  await sysctl(router, {
    'net.ipv4.ip_forward': 1,
    ...(options.ipv6 ? { 'net.ipv6.conf.all.forwarding': 1 } : {}),
  });
  await Promise.all([configure(router, ['link set wan0 up']), configure(internet, ['link set eth0 up'])]);
}

/** Addresses and routes of the WAN, as the options say; those of earlier options go. */
export async function applyWan(paths: LabPaths, options: LabOptions): Promise<void> {
  const [router, internet] = [netnsOf(paths, 'router'), netnsOf(paths, 'internet')];
  const wan = WAN[options.wan];
  await configure(internet, [
    'addr flush dev eth0 scope global',
    `addr add ${wan.internet}/${wan.prefixLength} dev eth0`,
    ...(options.ipv6
      ? [`addr add ${LAN6.wanInternet}/64 dev eth0`, `route replace ${LAN6.prefix} via ${LAN6.wanRouter}`]
      : []),
  ]);
  await configure(router, [
    'addr flush dev wan0 scope global',
    `addr add ${wan.router}/${wan.prefixLength} dev wan0`,
    `route replace default via ${wan.internet}`,
    ...(options.ipv6
      ? [`addr add ${LAN6.wanRouter}/64 dev wan0`, `route replace default via ${LAN6.wanInternet}`]
      : []),
  ]);
}

/**
 * Takes a node out with no chance to say goodbye: its ports at the switches go down first, then everything on it is
 * killed, then what its kernel held is gone too. One that does not exist is not an error.
 */
export async function removeNode(paths: LabPaths, node: string): Promise<void> {
  const netns = netnsOf(paths, node);
  if (!netnsExists(netns)) return;
  const line = `link set p-${node} down`;
  await Promise.all([configure(netnsOf(paths, 'lan'), [line]), configure(netnsOf(paths, 'mgmt'), [line])]);
  await deleteNetns(netns);
  // The kernel takes a namespace apart in its own time; a cable goes at once, with both of its ends.
  for (const lan of ['lan', 'mgmt']) await run(['ip', '-n', netnsOf(paths, lan), 'link', 'delete', `p-${node}`]);
}

/** A node without its namespace is a node without power; what was left half-built is built anew. */
export async function ensureNode(paths: LabPaths, options: LabOptions, node: string): Promise<void> {
  if (!isPoweredOff(paths, node) && netnsExists(netnsOf(paths, node))) return;
  setPoweredOff(paths, node, true);
  await removeNode(paths, node);
  await buildNode(paths, options, node);
  setPoweredOff(paths, node, false);
}

/**
 * Pulls (false) or plugs (true) the LAN cable of a host at the switch; the host keeps running. Returns when the switch
 * forwards again: the kernel takes up to a second to notice a cable that was pulled just before.
 */
export async function setCable(paths: LabPaths, host: string, up: boolean): Promise<void> {
  const netns = netnsOf(paths, 'lan');
  await configure(netns, [`link set p-${host} ${up ? 'up' : 'down'}`]);
  const deadline = performance.now() + 5000;
  while (up && performance.now() < deadline) {
    const port = await runOrThrow(['bridge', 'link', 'show', 'dev', `p-${host}`], { netns });
    if (port.includes('state forwarding')) return;
    await delay(10);
  }
}

/** Makes the switch forget (false) or serve (true) a host's port at once; the host sees no loss of carrier. */
export async function setForwarding(paths: LabPaths, host: string, on: boolean): Promise<void> {
  await configure(netnsOf(paths, 'lan'), [`link set p-${host} ${on ? 'master br0' : 'nomaster'}`]);
}
