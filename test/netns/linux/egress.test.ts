/**
 * A node with two pods behind a bridge of its own, a network plugin that masquerades what leaves the cluster, another
 * node with a pod, and a machine outside that says whom it sees.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { egressOf } from '../../../src/exposure/egress/rules.ts';
import { runOrThrow } from '../../../src/lab/exec.ts';
import { configure, createBridge, createNetns, plug } from '../../../src/lab/netns.ts';
import { createEgressTable } from '../../../src/linux/egress-table.ts';
import { ownTables, removeOwnTables } from '../../../src/linux/own-traces.ts';
import { parseCidr } from '../../../src/model/cidr.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createLan, eventually, type HostDaemon, type Lan } from '../../support/netns.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const VIPS = { 4: '10.77.0.200', 6: '2001:db8:77::200' } as const;
const NODE = { 4: '10.77.0.11', 6: '2001:db8:77::11' } as const;
const OUTSIDE = { 4: '10.77.0.13', 6: '2001:db8:77::13' } as const;
const POD = { 4: '10.88.11.2', 6: 'fd88:11::2' } as const;
const STRANGER = '10.88.11.3';
const FAR_POD = '10.88.12.2';
/** A Service of the cluster with a pod on the network of its host, as the API server is one. */
const CLUSTER_IP = '10.96.0.50';
const FAMILIES = [4, 6] as const;

const SERVER = `
for (const port of [80, 443]) require('node:net').createServer((s) => {
  s.on('error', () => {}); const me = s.remoteAddress.replace('::ffff:', ''); s.write(me + '\\n'); s.on('data', () => s.write(me + '\\n'));
}).listen(port, '::');
require('node:dgram').createSocket('udp6').on('message', function (m, f) { this.send(f.address.replace('::ffff:', ''), f.port, f.address); }).bind(53, '::');
process.stdout.write('listening');
`;
const CLIENT = `
const [host, port, source] = process.argv.slice(1);
const end = (text) => { console.log(text.trim()); process.exit(0); };
setTimeout(end, 3000, 'silence');
if (port === '53') {
  const s = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
  s.on('message', (m) => end(String(m))).on('error', (e) => end(e.code)).bind(Number(source || 0), () => s.send('?', 53, host));
} else require('node:net').connect({ host, port: Number(port) }).on('data', (d) => end(String(d))).on('error', (e) => end(e.code));
`;
/** Stays connected, asks again and again, and prints each answer and how it ended. */
const STAYS = `
const s = require('node:net').connect({ host: process.argv[1], port: 80 });
s.on('data', (d) => console.log(String(d).trim())).on('error', (e) => { console.log(e.code); process.exit(0); });
setInterval(() => s.write('?'), 50);
`;

let lan: Lan<'node' | 'n2' | 'out'>;
const pods: Record<string, string> = {};
async function see(host: string, port = 80, from = 'pod', source = ''): Promise<string> {
  const argv = [process.execPath, '-e', CLIENT, host, `${port}`, source];
  return (await runOrThrow(argv, { netns: pods[from] ?? '' })).trim();
}
/** A connection that a pod keeps, once it was answered under that name. */
async function staying(name: string): Promise<HostDaemon> {
  const pod = pods['pod'] ?? '';
  const daemon = lan.hosts.node.daemon(['ip', 'netns', 'exec', pod, process.execPath, '-e', STAYS, OUTSIDE[4]]);
  await eventually('an answer', () => daemon.log().includes(name));
  return daemon;
}
const service = (annotations: Record<string, string> = {}): Service => {
  const one = servedService('web', Object.values(VIPS));
  const all = { ...one.metadata.annotations, 'kubevip.dev/egress': 'true', ...annotations };
  return { ...one, metadata: { ...one.metadata, annotations: all } };
};
const wanted = (annotations?: Record<string, string>, holds = true) =>
  egressOf({
    node: 'node',
    services: [service(annotations)],
    slices: [sliceOf('web', [[POD[4], 'node']]), sliceOf('web', [[POD[6], 'node']])],
    nodes: [],
    networks: [parseCidr('10.88.0.0/16')!, parseCidr('fd88::/16')!],
    holds: () => holds,
  });
const table = () => createEgressTable({ netns: lan.hosts.node.netns });

async function pod(name: string, netns: string, ...addresses: string[]): Promise<void> {
  pods[name] = `${lan.bridge.slice(0, -'sw'.length)}${name}`;
  await createNetns(pods[name]);
  const number = Object.keys(pods).length.toString(16).padStart(2, '0');
  await plug({ netns: pods[name], name: 'eth0', mac: `02:88:00:00:00:${number}` }, { netns, name: 'cni0', port: name });
  await configure(
    pods[name],
    addresses.map((address) => `addr add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`),
  );
}

beforeAll(async () => {
  lan = await createLan({ nodes: ['node', 'n2', 'out'] });
  const { node, n2, out } = lan.hosts;
  for (const [i, host] of [node, n2, out].entries())
    await host.ip8(`addr add 2001:db8:77::${11 + i}/64 dev eth0 nodad`);
  for (const host of [node, n2]) {
    await host.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
    await createBridge(host.netns, 'cni0');
  }
  await node.ip8(
    'addr add 10.88.11.1/24 dev cni0',
    'addr add fd88:11::1/64 dev cni0 nodad',
    `addr add ${VIPS[4]}/32 dev eth0`,
    `addr add ${VIPS[6]}/128 dev eth0 nodad preferred_lft 0`,
    'route add 10.88.12.0/24 via 10.77.0.12',
  );
  await n2.ip8('addr add 10.88.12.1/24 dev cni0', 'route add 10.88.11.0/24 via 10.77.0.11');
  await pod('pod', node.netns, `${POD[4]}/24`, `${POD[6]}/64`);
  await pod('stranger', node.netns, `${STRANGER}/24`);
  await pod('far', n2.netns, `${FAR_POD}/24`);
  await configure(pods['pod'] ?? '', ['route add default via 10.88.11.1', 'route add default via fd88:11::1']);
  await configure(pods['stranger'] ?? '', ['route add default via 10.88.11.1']);
  await configure(pods['far'] ?? '', ['route add default via 10.88.12.1']);
  const plugin = `
    table ip cni { chain post { type nat hook postrouting priority 100; ip saddr 10.88.0.0/16 ip daddr != 10.88.0.0/16 masquerade; }; }
    table ip6 cni { chain post { type nat hook postrouting priority 100; ip6 saddr fd88::/16 ip6 daddr != fd88::/16 masquerade; }; }
    table ip proxy { chain pre { type nat hook prerouting priority -100; ip daddr ${CLUSTER_IP} dnat to ${OUTSIDE[4]}; }; }`;
  await node.must(['nft', '-f', '-'], { input: plugin });
  const servers = [out.daemon([process.execPath, '-e', SERVER])];
  servers.push(n2.daemon(['ip', 'netns', 'exec', pods['far'] ?? '', process.execPath, '-e', SERVER]));
  for (const server of servers) await eventually('the server', () => server.log().includes('listening'));
});
afterAll(() => lan.dispose());

describe('pods of a Service with egress', () => {
  beforeEach(() => table().set({ rules: [], inside: [] }));

  it('leave in the name of its address, in both families, ahead of the network plugin; others do not', async () => {
    for (const family of FAMILIES) expect(await see(OUTSIDE[family])).toBe(NODE[family]);
    await table().set(wanted());
    for (const family of FAMILIES) {
      for (const port of [80, 53]) expect([port, await see(OUTSIDE[family], port)]).toEqual([port, VIPS[family]]);
      const ping = ['ping', '-c', '1', '-W', '2', OUTSIDE[family]];
      await expect(runOrThrow(ping, { netns: pods['pod'] ?? '' })).resolves.toContain('1 received');
    }
    expect(await see(OUTSIDE[4], 80, 'stranger')).toBe(NODE[4]);
  });

  it('are seen as themselves by other pods, and as before by what kube-proxy leads to', async () => {
    await table().set(wanted());
    expect(await see(FAR_POD)).toBe(POD[4]);
    expect(await see(CLUSTER_IP)).toBe(NODE[4]);
  });

  it('do so to the ports and networks that are named, and not to those that are denied', async () => {
    await table().set(wanted({ 'kube-vip.io/egress-destination-ports': 'tcp:443,udp:53' }));
    const seen = async () => [await see(OUTSIDE[4], 80), await see(OUTSIDE[4], 443), await see(OUTSIDE[4], 53)];
    expect(await seen()).toEqual([NODE[4], VIPS[4], VIPS[4]]);
    await table().set(wanted({ 'kube-vip.io/egress-allowed-networks': '192.0.2.0/24,2001:db8:77::/64' }));
    expect([await see(OUTSIDE[4]), await see(OUTSIDE[6])]).toEqual([NODE[4], VIPS[6]]);
    await table().set(wanted({ 'kube-vip.io/egress-denied-networks': `${OUTSIDE[4]},2001:db8:99::/64` }));
    expect([await see(OUTSIDE[4]), await see(OUTSIDE[6])]).toEqual([NODE[4], VIPS[6]]);
  });

  it('go on under the node’s name when the address leaves: what cannot be answered is cut, UDP included', async () => {
    const one = table();
    await one.set(wanted());
    expect(await see(OUTSIDE[4], 53, 'pod', '5353')).toBe(VIPS[4]);
    const stays = await staying(VIPS[4]);
    await one.set(wanted({}, false));
    await eventually('the end of the connection', () => /ECONNRESET|EPIPE/.test(stays.log()));
    expect(await see(OUTSIDE[4], 53, 'pod', '5353')).toBe(NODE[4]);
  });

  it('keep the TCP connections that they have when it begins, unless those are to be cut', async () => {
    const [one, stays] = [table(), await staying(NODE[4])];
    await one.set(wanted());
    const before = stays.log().length;
    await eventually('another answer', () => stays.log().length > before);
    expect(stays.log()).not.toMatch(/ECONN|EPIPE/);
    const other = table();
    await other.set(wanted({ 'kube-vip.io/flush-conntrack': 'true' }));
    await eventually('the end of the connection', () => /ECONNRESET|EPIPE/.test(stays.log()));
  });

  it('go back to the node’s name when the agent is gone, and nothing is left of the rules', async () => {
    const { netns } = lan.hosts.node;
    await table().set(wanted());
    expect(await see(OUTSIDE[4])).toBe(VIPS[4]);
    await eventually('rules that have run out', async () => (await see(OUTSIDE[4])) === NODE[4]);
    expect(await see(OUTSIDE[6])).toBe(NODE[6]);
    expect(await ownTables(netns)).toEqual(['table ip kubevip-egress', 'table ip6 kubevip-egress']);
    await removeOwnTables(netns);
    await table().set(wanted());
    await table().set({ rules: [], inside: [] });
    expect(await ownTables(netns)).toEqual([]);
  });
});
