/** What kube-vip has beside addresses: closed ports, labels on nodes, a dump, a configuration file; and nothing left of it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { KEY } from '../../src/model/annotations.ts';
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
  before = await Promise.all(NODES.map((node) => nodeSnapshot(lab, node)));
  for (const node of NODES)
    void lab.on(node, 'timeout', '600', process.execPath, '-e', LISTENER).catch(() => undefined);
  await agents({ enable_service_security: 'true', enable_node_labeling: 'true' });
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
