/** Addresses of pools when pools run dry, change, or are shared; nodes that may have none; and storms of endpoints. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { labUp } from '../../src/lab/lab.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { CONDITION, EXCLUDE_LABEL, KEY } from '../../src/model/annotations.ts';
import type { Condition, Service } from '../../src/model/kubernetes.ts';
import { agentCpuSeconds } from '../support/agent-process.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const OPTIONS: LabOptionsInput = {
  nodes: 2,
  dhcp: { enabled: false },
  upnp: { igd: false, natPmp: false, pcp: false },
};
/** Which of them comes first is open: one that is just being let go of holds nobody up. */
const RANGE = ['10.77.0.200', '10.77.0.201'];

let lab: TestLab;

const create = async (name: string, port = 80, spec: Partial<Service['spec']> = {}): Promise<void> => {
  await lab.cluster.resource('Service').create({
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port, targetPort: 80 }], ...spec },
  });
};
const remove = async (name: string): Promise<void> => {
  await lab.cluster.resource('Service').delete({ name, namespace: 'default' });
};
const get = async (name: string): Promise<Service | undefined> =>
  await lab.cluster.resource('Service').find({ name, namespace: 'default' });
const ipOf = async (name: string): Promise<string> => (await get(name))?.status?.loadBalancer?.ingress?.[0]?.ip ?? '';
const conditionOf = async (name: string, type: string): Promise<Condition | undefined> =>
  (await get(name))?.status?.conditions?.find((condition) => condition.type === type);
const isReady = async (name: string): Promise<boolean> => (await conditionOf(name, CONDITION.ready))?.status === 'True';
/** Every MAC that answers for the address within a second. */
const holders = async (ip: string): Promise<string[]> => {
  const { stdout } = await lab.on('laptop', 'arping', '-c', '2', '-w', '2', '-I', 'eth0', ip);
  return [...new Set([...stdout.matchAll(/\[([0-9A-F:]+)\]/gi)].map(([, mac = '']) => mac.toLowerCase()))];
};

beforeAll(async () => {
  lab = await startLab(OPTIONS);
  await lab.deployment('web', 2);
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());
beforeEach(async () => {
  const { items } = await lab.cluster.resource('Service').list({ namespace: 'default' });
  for (const { metadata } of items) if (metadata.name !== 'kubernetes') await remove(metadata.name);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.201' });
});

describe('a pool', () => {
  it('that is exhausted is said, and whoever waits gets the first address that is freed', async () => {
    await Promise.all(['a', 'b', 'c'].map((name) => create(name)));
    const waiting = async (): Promise<string[]> => {
      const all = await Promise.all(
        ['a', 'b', 'c'].map(async (name) => ({ name, reason: (await conditionOf(name, CONDITION.address))?.reason })),
      );
      return all.filter(({ reason }) => reason === 'PoolExhausted').map(({ name }) => name);
    };
    const [loser = ''] = await eventually(waiting, (names) => names.length === 1);
    const [winner = ''] = ['a', 'b', 'c'].filter((name) => name !== loser);
    const freed = await eventually(() => ipOf(winner), Boolean);
    await remove(winner);
    expect(await eventually(() => ipOf(loser), Boolean)).toBe(freed);
    expect(await holders(freed)).toHaveLength(1);
  });

  it('that changes under live Services takes no address away, and serves the next Service', async () => {
    await create('old');
    const old = await eventually(() => ipOf('old'), Boolean);
    expect(RANGE).toContain(old);
    await lab.pools({ 'range-global': '10.77.0.230-10.77.0.231' });
    await create('new');
    expect(await eventually(() => ipOf('new'), Boolean)).toMatch(/^10\.77\.0\.23[01]$/);
    expect(await ipOf('old')).toBe(old);
    await lab.pools({});
    await create('none');
    expect(
      await eventually(
        async () => (await conditionOf('none', CONDITION.address))?.reason,
        (reason) => reason === 'NoPool',
      ),
    ).toBe('NoPool');
    expect(await holders(old)).toHaveLength(1);
    expect(await isReady('old')).toBe(true);
  });

  it('shares an address between Services with different ports, on one node, until the last has gone', async () => {
    await lab.pools({ 'range-global': '10.77.0.200-10.77.0.201', 'allow-share-global': 'true' });
    await create('http', 80);
    const shared = await eventually(() => ipOf('http'), Boolean);
    await create('alt', 8080);
    expect(await eventually(() => ipOf('alt'), Boolean)).toBe(shared);
    await create('clash', 80);
    expect(await eventually(() => ipOf('clash'), Boolean)).toBe(RANGE.find((ip) => ip !== shared));
    const page = (port: number): Promise<string | undefined> => lab.curl('laptop', `http://${shared}:${port}/`);
    expect(await eventually(() => page(80), Boolean)).toBeDefined();
    expect(await eventually(() => page(8080), Boolean)).toBeDefined();
    expect(await holders(shared)).toHaveLength(1);
    await remove('http');
    expect(
      await eventually(
        () => page(80),
        (text) => text === undefined,
      ),
    ).toBeUndefined();
    expect(await page(8080)).toBeDefined();
    await remove('alt');
    expect(
      await eventually(
        () => holders(shared),
        (all) => all.length === 0,
      ),
    ).toEqual([]);
  });
});

describe('nodes with the exclude label', () => {
  const label = async (value: string | null): Promise<void> => {
    for (const name of ['n1', 'n2']) {
      const labels = { [EXCLUDE_LABEL]: value };
      await lab.cluster.resource('Node').patch({ name }, { metadata: { labels } }, { type: 'merge' });
    }
  };

  it('own addresses all the same, as kubeadm puts it on every control plane', async () => {
    await label('');
    await create('web');
    expect(await eventually(() => isReady('web'), Boolean)).toBe(true);
  });

  it('own none where honor_exclude_label is set; the condition says so, and it ends with the label', async () => {
    await labUp(lab.id, { ...OPTIONS, agentEnv: { honor_exclude_label: 'true' } });
    await create('web');
    const reason = async (): Promise<string | undefined> => (await conditionOf('web', CONDITION.owner))?.reason;
    expect(await eventually(reason, (now) => now === 'NodesExcluded')).toBe('NodesExcluded');
    for (const ip of RANGE) expect(await holders(ip)).toEqual([]);
    await label(null);
    expect(await eventually(() => isReady('web'), Boolean)).toBe(true);
    await labUp(lab.id, OPTIONS);
  });
});

describe('thousands of changes of endpoints a minute', () => {
  it('cost the agents no write and little time, and the address answers all along', async () => {
    await create('web');
    expect(await eventually(() => isReady('web'), Boolean)).toBe(true);
    const before = await get('web');
    const slices = lab.cluster.resource('EndpointSlice');
    const name = 'storm';
    await slices.create({
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    });
    const cpu = agentCpuSeconds(lab, ['n1', 'n2']);
    const started = performance.now();
    for (let i = 0; i < 1500; i++) {
      const endpoints = [{ addresses: [`10.99.${i % 250}.1`], nodeName: 'n1', conditions: { ready: false } }];
      await slices.patch({ name, namespace: 'default' }, { endpoints }, { type: 'merge' });
    }
    const seconds = (performance.now() - started) / 1000;
    const spent = agentCpuSeconds(lab, ['n1', 'n2']) - cpu;
    console.log(`1500 changes in ${seconds.toFixed(1)} s: ${(spent / 2).toFixed(2)} s of processor time per agent`);
    const after = await get('web');
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
    expect(await lab.curl('laptop', 'http://10.77.0.200/')).toBeDefined();
    await slices.delete({ name, namespace: 'default' });
    expect(after?.metadata.annotations?.[KEY.vipHost]).toMatch(/^n[12]$/);
  });
});
