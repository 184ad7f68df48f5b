/**
 * What kube-vip has beside addresses: closed ports, egress, a copy of the traffic, labels on nodes, a dump, a configuration
 * file; and nothing left of it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import { netnsOf } from '../../src/lab/layout.ts';
import { configure, createCable, createNetns, deleteNetns } from '../../src/lab/netns.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { KEY } from '../../src/model/annotations.ts';
import { run } from '../../src/lab/exec.ts';
import { agentPid } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { nodeSnapshot } from '../support/node-snapshot.ts';

const OPTIONS: LabOptionsInput = { nodes: 2, dhcp: { pingCheck: false } };
const NODES = ['n1', 'n2'] as const;
const LABEL = 'service-provided.kube-vip.io/web.default';
/** Something of the node itself that listens at every address. */
const OTHER = 2222;
const LISTENER = `require('node:http').createServer((q, a) => a.end('node')).listen(${OTHER}, '::')`;

let lab: TestLab;
let ips: string[];
let before: string[][];

const agents = async (agentEnv: Record<string, string>): Promise<void> => {
  await labUp(lab.id, { ...OPTIONS, agentEnv });
};
const ingress = async (name: string): Promise<string[]> => {
  const { status } = await lab.cluster.resource('Service').get({ name, namespace: 'default' });
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
};
const labels = async (node: string): Promise<Record<string, string>> => {
  const { metadata } = await lab.cluster.resource('Node').get({ name: node });
  return Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([key]) => key.includes('kube-vip')));
};
const labelled = async (): Promise<string[]> => {
  const all = await Promise.all(NODES.map(async (node) => [node, (await labels(node))[LABEL]] as const));
  return all.flatMap(([node, value]) => (value === undefined ? [] : [node]));
};
const ownerOf = async (ip: string): Promise<string | undefined> => {
  const found = await Promise.all(
    NODES.map(async (node) => (await lab.on(node, 'ip', '-o', 'addr')).stdout.includes(` ${ip}/`)),
  );
  return NODES.find((_, i) => found[i]);
};
const url = (ip: string, port: number): string => `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}/`;
const open = async (ip: string, port: number): Promise<boolean> =>
  (await lab.curl('laptop', url(ip, port))) !== undefined;

beforeAll(async () => {
  lab = await startLab({ ...OPTIONS, agents: false });
  await lab.deployment('web', 2);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209,2001:db8:77::200-2001:db8:77::209' });
  await lab.running(2);
  // As `manifest rbac --enableNodeLabeling` has it.
  const roles = lab.cluster.resource('ClusterRole');
  const role = await roles.get({ name: 'kubevip' });
  const more = { apiGroups: [''], resources: ['nodes'], verbs: ['patch'] };
  await roles.replace({ ...role, rules: [...((role as { rules?: object[] }).rules ?? []), more] } as never);
  for (const node of NODES)
    await lab.on(node, 'ip', 'link', 'add', 'mir0', 'up', 'type', 'veth', 'peer', 'name', 'mir1');
  for (const node of NODES) await lab.on(node, 'ip', 'link', 'set', 'mir1', 'up');
  before = await Promise.all(NODES.map((node) => nodeSnapshot(lab, node)));
  for (const node of NODES)
    void lab.on(node, 'timeout', '600', process.execPath, '-e', LISTENER).catch(() => undefined);
  await agents({
    enable_service_security: 'true',
    enable_node_labeling: 'true',
    mirror_dest_interface: 'mir0',
  });
  await lab.cluster.resource('Service').create({
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      ipFamilyPolicy: 'PreferDualStack',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80 }],
    },
  });
  ips = await eventually(
    () => ingress('web'),
    (found) => found.length === 2,
  );
}, 180_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('service security on a LAN', () => {
  it('leaves the ports of Services open and closes the node’s, until a Service asks otherwise', async () => {
    for (const ip of ips) {
      expect(await eventually(() => open(ip, 80), Boolean)).toBe(true);
      expect(
        await eventually(
          () => open(ip, OTHER),
          (it) => !it,
        ),
      ).toBe(false);
      expect((await lab.on('laptop', 'ping', '-c', '1', '-W', '2', ip)).code).toBe(0);
    }
    expect(await open('10.77.0.11', OTHER)).toBe(true);
    await lab.cluster
      .resource('Service')
      .patch(
        { name: 'web', namespace: 'default' },
        { metadata: { annotations: { [KEY.ignoreServiceSecurity]: 'true' } } },
        { type: 'merge' },
      );
    for (const ip of ips) expect(await eventually(() => open(ip, OTHER), Boolean)).toBe(true);
  });
});

describe('egress', () => {
  /** A pod of the network plugin's: behind the node, and not on it as the lab's own are. */
  const pod = { ip: '10.88.11.77', node: 'n1' };
  const hears = `require('node:net').createServer((s) => s.on('error', () => {}).end(s.remoteAddress.replace('::ffff:', ''))).listen(8099, '::')`;
  const asks = `require('node:net').connect({ host: process.argv[1], port: 8099 }).on('data', (d) => process.stdout.write(d)).on('error', () => {})`;

  it('gives a pod the address of its Service on the owner’s node, for as long as that is asked for', async () => {
    const netns = `${netnsOf(lab.paths, pod.node)}-pod`;
    const gateway = '10.88.11.254';
    const laptop = (await lab.on('laptop', 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0')).stdout;
    const [, target = ''] = / inet ([\d.]+)\//.exec(laptop) ?? [];
    const seen = async (): Promise<string> =>
      (await run(['timeout', '1', process.execPath, '-e', asks, target], { netns })).stdout;
    void lab.on('laptop', 'timeout', '25', process.execPath, '-e', hears).catch(() => undefined);
    await createNetns(netns);
    try {
      await createCable(
        { netns: netnsOf(lab.paths, pod.node), name: 'pod77', mac: '02:88:00:00:00:01' },
        { netns, name: 'eth0', mac: '02:88:00:00:00:02' },
      );
      await configure(netnsOf(lab.paths, pod.node), [
        'link set pod77 up',
        `addr add ${gateway}/32 dev pod77`,
        `route add ${pod.ip}/32 dev pod77`,
      ]);
      await configure(netns, [
        'link set eth0 up',
        `addr add ${pod.ip}/32 dev eth0`,
        `route add ${gateway}/32 dev eth0`,
        `route add default via ${gateway}`,
      ]);
      const meta = { namespace: 'default', name: 'out' };
      await lab.cluster.resource('EndpointSlice').create({
        metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'out' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 80 }],
        endpoints: [{ addresses: [pod.ip], nodeName: pod.node, conditions: { ready: true } }],
      } as never);
      const services = lab.cluster.resource('Service');
      await services.create({
        metadata: { ...meta, annotations: { [KEY.egressOurs]: 'true' } },
        spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ name: 'http', port: 80 }] },
      });
      const [vip] = await eventually(
        () => ingress('out'),
        (found) => found.length > 0,
      );
      expect(await eventually(seen, (address) => address === vip)).toBe(vip);
      await services.patch(meta, { metadata: { annotations: { [KEY.egressOurs]: null } } }, { type: 'merge' });
      expect(await eventually(seen, (address) => address !== vip)).not.toBe(vip);
      const tables = async () => (await lab.on(pod.node, 'nft', 'list', 'tables')).stdout;
      expect(await eventually(tables, (all) => !all.includes('egress'))).not.toContain('egress');
      await services.patch(
        meta,
        { metadata: { annotations: { [KEY.egress]: 'true', [KEY.egressDestinationPorts]: 'eighty' } } },
        { type: 'merge' },
      );
      const events = async () =>
        (await lab.cluster.resource('Event').list({ namespace: 'default' })).items.map(
          ({ reason, note }) => `${reason}: ${note}`,
        );
      const told = await eventually(events, (all) => all.some((one) => one.startsWith('EgressRefused')));
      expect(told.find((one) => one.startsWith('EgressRefused'))).toContain('"eighty" is not a port');
      await services.delete(meta);
    } finally {
      await lab.on(pod.node, 'ip', 'link', 'del', 'pod77');
      await deleteNetns(netns);
    }
  });
});

describe('the copy of the traffic', () => {
  it('reaches the other interface on every node', async () => {
    for (const node of NODES) {
      const copied = async (): Promise<number> => {
        const { stdout } = await lab.on(node, 'cat', '/sys/class/net/mir0/statistics/tx_packets');
        return Number(stdout);
      };
      const had = await copied();
      await lab.on('laptop', 'ping', '-c', '3', '-i', '0.2', node === 'n1' ? '10.77.0.11' : '10.77.0.12');
      expect(await eventually(copied, (now) => now >= had + 6)).toBeGreaterThanOrEqual(had + 6);
    }
  });
});

describe('labels of nodes', () => {
  it('are on the owner alone, move with the addresses, and go from a node that died', async () => {
    const [first = ''] = ips;
    const owner = (await ownerOf(first)) ?? '';
    const other = NODES.find((node) => node !== owner) ?? '';
    const only = (node: string) => eventually(labelled, (found) => found.join() === node);
    expect(await only(owner)).toEqual([owner]);
    expect((await labels(owner))[LABEL]?.split('_')).toHaveLength(2);
    await stopAgent(lab.id, owner, { kill: true });
    expect(await eventually(labelled, (found) => found.join() === other, 90)).toEqual([other]);
  });
});

describe('SIGUSR1', () => {
  it('prints the state, time and again, without ending the agent', async () => {
    const owner = (await ownerOf(ips[0] ?? '')) ?? '';
    const pid = agentPid(lab, owner);
    const log = (): string => readFileSync(join(lab.paths.logs, `${owner}-agent.log`), 'utf8');
    const dumps = (): number => log().split('END OF CONFIGURATION DUMP').length - 1;
    for (const times of [1, 2, 3]) {
      process.kill(pid, 'SIGUSR1');
      await eventually(dumps, (seen) => seen === times);
    }
    expect([dumps(), agentPid(lab, owner)]).toEqual([3, pid]);
    expect((await lab.on(owner, 'ss', '-Hltn', 'sport', '=', ':9229')).stdout).toBe('');
    const text = log();
    for (const part of [
      'enable_service_security: true',
      `Name=default/web,`,
      `Addresses=${ips.join(', ')}`,
      `Addresses owned by this node: ${ips.join(', ')}`,
      'Endpoint Slice Name: default/web',
      `address ${ips[0]} on eth0`,
      'table inet kubevip {',
      'default via 10.77.0.1 dev eth0',
    ])
      expect(text).toContain(part);
  });
});

describe('a configuration file', () => {
  it('has the settings of kube-vip under its keys, and what was switched off leaves nothing', async () => {
    const folder = join(lab.paths.dir, 'config');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'kube-vip.yaml');
    writeFileSync(file, 'lbClassOnly: true\nenableServiceSecurity: false\n');
    await agents({ config_file: file });
    // Services without a class are none of ours now.
    expect(
      await eventually(
        () => ingress('web'),
        (found) => found.length === 0,
      ),
    ).toEqual([]);
    expect(await eventually(labelled, (found) => found.length === 0)).toEqual([]);
    const left = async (): Promise<string[]> => {
      for (const node of NODES) await stopAgent(lab.id, node);
      const now = await Promise.all(NODES.map((node) => nodeSnapshot(lab, node)));
      return now.flatMap((lines, i) => lines.filter((line) => !before[i]?.includes(line)));
    };
    expect(await eventually(left, (lines) => lines.length === 0)).toEqual([]);
  });
});
