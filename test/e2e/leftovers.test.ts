/** What stays behind when settings change, and when the agents are upgraded, killed or removed: nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { nodeSnapshot } from '../support/node-snapshot.ts';

const OPTIONS: LabOptionsInput = { nodes: 2, dhcp: { pingCheck: false } };
const NODES = ['n1', 'n2'];
const PORT = 'http://192.0.1.2:8080/';

let lab: TestLab;
/** Of each node, before any agent ever ran on it. */
let before: string[][];

const snapshots = (): Promise<string[][]> => Promise.all(NODES.map((node) => nodeSnapshot(lab, node)));
const agents = async (agentEnv: Record<string, string>): Promise<void> => {
  await labUp(lab.id, { ...OPTIONS, agentEnv });
};
const service = async (name: string): Promise<Service> =>
  await lab.cluster.resource('Service').get({ name, namespace: 'default' });
const ipOf = async (name: string): Promise<string | undefined> =>
  (await service(name)).status?.loadBalancer?.ingress?.[0]?.ip;
const answers = (url: string, host = 'laptop'): Promise<string | undefined> => lab.curl(host, url);
/** What a Service has of ours: finalizers, records, addresses, conditions. */
const carried = async (name: string): Promise<string[][]> => {
  const { metadata, status } = await service(name);
  return [
    [...(metadata.finalizers ?? [])],
    Object.keys(metadata.annotations ?? {}).filter((key) => key === KEY.assigned || key === KEY.routerMappings),
    (status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip),
    (status?.conditions ?? []).map(({ type }) => type),
  ];
};
const BARE: string[][] = [[], [], [], []];
const isBare = (all: string[][]): boolean => all.flat().length === 0;
const nothingLeft = async (): Promise<void> => {
  const left = async (): Promise<string[]> =>
    (await snapshots()).flatMap((lines, i) => lines.filter((line) => !before[i]?.includes(line)));
  expect(await eventually(left, (lines) => lines.length === 0)).toEqual([]);
};

beforeAll(async () => {
  lab = await startLab({ ...OPTIONS, agents: false });
  await lab.deployment('web', 2);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209' });
  await lab.running(2);
  before = await snapshots();
  await agents({});
  for (const args of [
    ['--name', 'pool', '--router', '8080', '--mdns', 'pool'],
    ['--name', 'lease', '--dhcp'],
  ]) {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', ...args);
    expect(exposed.code, exposed.stderr).toBe(0);
  }
}, 180_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('nothing is left behind', () => {
  it('when the agents are upgraded one after the other: addresses, lease and mapping are the same afterwards', async () => {
    const ips = [await ipOf('pool'), await ipOf('lease')];
    for (const node of NODES) {
      await stopAgent(lab.id, node);
      const snapshot = await nodeSnapshot(lab, node);
      expect(snapshot.filter((line) => !before[NODES.indexOf(node)]?.includes(line))).toEqual([]);
      for (const ip of ips) expect(await eventually(() => answers(`http://${ip}/`), Boolean)).toBeDefined();
      await startAgent(lab.id, node);
      await eventually(
        () => lab.cluster.resource('Lease').list({ namespace: 'kube-system' }),
        ({ items }) => NODES.every((name) => items.some(({ metadata }) => metadata.name === `kubevip-node-${name}`)),
      );
    }
    expect([await ipOf('pool'), await ipOf('lease')]).toEqual(ips);
    expect(await eventually(() => answers(PORT, 'internet'), Boolean)).toBeDefined();
  });

  it('of router ports when they are switched off, while the address stays; and they are back when switched on', async () => {
    await agents({ enable_upnp: 'false' });
    expect(
      await eventually(
        () => answers(PORT, 'internet'),
        (text) => text === undefined,
      ),
    ).toBeUndefined();
    const mapped = async (): Promise<boolean> =>
      (await lab.on('router', 'nft', 'list', 'ruleset')).stdout.includes('dnat');
    expect(await eventually(mapped, (there) => !there)).toBe(false);
    const record = async (): Promise<string | undefined> =>
      (await service('pool')).metadata.annotations?.[KEY.routerMappings];
    expect(await eventually(record, (text) => text === undefined)).toBeUndefined();
    expect(await answers(`http://${await ipOf('pool')}/`)).toBeDefined();
    await agents({});
    expect(await eventually(() => answers(PORT, 'internet'), Boolean)).toBeDefined();
  });

  it('of a killed agent, once the next one has started, even if that serves no Services', async () => {
    for (const node of NODES) await stopAgent(lab.id, node, { kill: true });
    await agents({ svc_enable: 'false' });
    await nothingLeft();
    await agents({});
    for (const name of ['pool', 'lease'])
      expect(await eventually(async () => answers(`http://${await ipOf(name)}/`), Boolean)).toBeDefined();
  });

  it('of Services that a changed setting makes somebody else’s', async () => {
    await lab.cluster.resource('Service').create({
      metadata: {
        name: 'classless',
        namespace: 'default',
        annotations: { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.router]: '8081' },
      },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    const outside = (): Promise<string | undefined> => answers('http://192.0.1.2:8081/', 'internet');
    expect(await eventually(outside, Boolean)).toBeDefined();
    await agents({ lb_class_only: 'true' });
    expect(await eventually(() => carried('classless'), isBare)).toEqual(BARE);
    expect(await outside()).toBeUndefined();
    await lab.cluster.resource('Service').delete({ name: 'classless', namespace: 'default' });
  });

  it('when everything is taken back and the agents are removed', async () => {
    await agents({ svc_withdraw: 'true' });
    for (const name of ['pool', 'lease']) expect(await eventually(() => carried(name), isBare)).toEqual(BARE);
    for (const node of NODES) await stopAgent(lab.id, node);
    await nothingLeft();
    // The server writes its file when it gets to it.
    const leases = await eventually(
      () => lab.leftovers(),
      (text) => !text.includes('lease '),
      5,
    );
    expect(leases).not.toContain('lease ');
    const router = await lab.on('router', 'nft', 'list', 'ruleset');
    expect(router.stdout).not.toContain('dnat');
    // A record is out of the caches one second after its goodbye (RFC 6762 §10.1).
    const names = async (): Promise<string> =>
      (await lab.on('laptop', 'avahi-browse', '--all', '--terminate', '--parsable')).stdout;
    expect(await eventually(names, (text) => !text.includes('pool'), 5)).not.toContain('pool');
    const held = await lab.cluster.resource('Lease').list({ namespace: 'kube-system' });
    expect(held.items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('kubevip-'))).toEqual([]);
  });
});
