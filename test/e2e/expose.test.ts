import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, restartRouterService, stopAgent, startAgent } from '../../src/lab/faults.ts';
import { CONDITION, KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const POOLS = { 'range-global': '10.77.0.200-10.77.0.209', 'range-broken': 'nonsense' };

let lab: TestLab;
let clean: string;

beforeAll(async () => {
  lab = await startLab({ dhcp: { pingCheck: false } });
  await lab.deployment('web', 3);
  await lab.pools(POOLS);
  await lab.running(3);
  clean = await lab.leftovers();
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

const service = async (name: string): Promise<Service | undefined> =>
  await lab.cluster.resource('Service').find({ name, namespace: 'default' });
const ownerOf = async (name: string): Promise<string> =>
  (await service(name))?.metadata.annotations?.[KEY.vipHost] ?? '';
const ipOf = async (name: string): Promise<string> =>
  (await service(name))?.status?.loadBalancer?.ingress?.[0]?.ip ?? '';
const macSeenByLaptop = async (ip: string): Promise<string> => {
  const { stdout } = await lab.on('laptop', 'arping', '-c', '1', '-w', '2', '-I', 'eth0', ip);
  return /\[([0-9A-F:]+)\]/i.exec(stdout)?.[1]?.toLowerCase() ?? 'nobody';
};

describe('expose from a pool', () => {
  it('gives the first address, answers on the laptop, and unexpose leaves nothing', async () => {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80');
    expect(exposed.stderr + exposed.stdout).toContain('10.77.0.200');
    expect(exposed.code).toBe(0);
    expect(await lab.curl('laptop', 'http://10.77.0.200/')).toMatch(/web/);
    const status = await lab.kubevip('status', '--json');
    expect(status.stdout).toContain('10.77.0.200');
    // One bad key of the ConfigMap never blocks the others, and is said.
    expect(status.stdout).toContain('range-broken');
    const gone = await lab.kubevip('unexpose', 'web');
    expect(gone.code).toBe(0);
    expect(
      await eventually(
        () => lab.leftovers(),
        (text) => text === clean,
      ),
    ).toBe(clean);
    expect(await macSeenByLaptop('10.77.0.200')).toBe('nobody');
  });

  it('passes over an address that another machine answers for', async () => {
    await lab.on('laptop', 'ip', 'addr', 'add', '10.77.0.220/24', 'dev', 'eth0');
    await lab.pools({ ...POOLS, 'range-other': '10.77.0.220-10.77.0.229' });
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', '--pool', 'other');
    expect(await ipOf('web')).toBe('10.77.0.221');
    expect(exposed.code).toBe(0);
    await lab.kubevip('unexpose', 'web');
    await lab.on('laptop', 'ip', 'addr', 'del', '10.77.0.220/24', 'dev', 'eth0');
  });

  it('with policy Local only a node with a ready pod owns the address, and it follows the pods', async () => {
    await lab.deployment('local', 1);
    const pods = await eventually(
      async () =>
        (await lab.cluster.resource('Pod').list()).items.filter(({ metadata }) => metadata.name.startsWith('local')),
      (items) => items.length === 1,
    );
    const node = (pods[0] as unknown as { spec: { nodeName: string } }).spec.nodeName;
    await lab.cluster.resource('Service').create({
      metadata: { name: 'local', namespace: 'default' },
      spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'local' }, ports: [{ port: 80 }] },
    });
    expect(
      await eventually(
        () => ownerOf('local'),
        (owner) => owner !== '',
      ),
    ).toBe(node);
    await lab.cluster.resource('Service').delete({ name: 'local', namespace: 'default' });
    await lab.cluster.resource('Deployment').delete({ name: 'local', namespace: 'default' });
  });
});

describe('expose by DHCP, with router port and name', () => {
  it('is reachable by address, name and from the Internet; the same after the owner lost power; gone after unexpose', async () => {
    const exposed = await lab.kubevip(
      'expose',
      'deployment/web',
      '--port',
      '80',
      '--dhcp',
      '--router',
      '8080',
      '--mdns',
      'web',
    );
    expect(exposed.stdout).toContain('http://web.local');
    expect(exposed.code).toBe(0);
    const ip = await ipOf('web');
    expect(ip).toMatch(/^10\.77\.0\.1\d\d$/);
    const ways = async (): Promise<(string | undefined)[]> =>
      await Promise.all([
        lab.curl('laptop', `http://${ip}/`),
        lab.on('laptop', 'avahi-resolve', '-4', '-n', 'web.local').then(({ stdout }) => stdout.split(/\s+/)[1]),
        lab.curl('internet', 'http://192.0.1.2:8080/'),
      ]);
    const good = (answers: (string | undefined)[]): boolean =>
      answers.every((answer) => answer !== undefined && answer !== '') && answers[1] === ip;
    expect(await eventually(ways, good)).toSatisfy(good);
    const browse = await lab.on('laptop', 'avahi-browse', '--resolve', '--terminate', '--parsable', '_http._tcp');
    expect(browse.stdout).toContain(`web.local;${ip};80`);

    const before = await ownerOf('web');
    await powerOff(lab.id, before);
    expect(
      await eventually(
        () => ownerOf('web'),
        (owner) => owner !== before && owner !== '',
      ),
    ).not.toBe(before);
    expect(await eventually(ways, good)).toSatisfy(good);
    expect(await ipOf('web')).toBe(ip);
    await powerOn(lab.id, before);

    const gone = await lab.kubevip('unexpose', 'web');
    expect(gone.code).toBe(0);
    expect(
      await eventually(
        () => lab.leftovers(),
        (text) => text === clean,
      ),
    ).toBe(clean);
    expect(await macSeenByLaptop(ip)).toBe('nobody');
    expect(await lab.curl('internet', 'http://192.0.1.2:8080/')).toBeUndefined();
  });

  it('restores the mapping when the router has forgotten it', async () => {
    await lab.kubevip('expose', 'deployment/web', '--port', '80', '--router', '8080');
    const outside = (): Promise<string | undefined> => lab.curl('internet', 'http://192.0.1.2:8080/');
    expect(await eventually(outside, (text) => text !== undefined)).toBeDefined();
    await restartRouterService(lab.id, 'miniupnpd', { crash: true });
    expect(await eventually(outside, (text) => text !== undefined)).toBeDefined();
    await lab.kubevip('unexpose', 'web');
  });

  it('says that the port belongs to another machine, exits non-zero, and leaves that mapping alone', async () => {
    const foreign = await lab.on('laptop', 'sh', '-c', 'command -v upnpc || true');
    expect(foreign.code).toBe(0);
    await lab.kubevip('expose', 'deployment/web', '--port', '80', '--name', 'first', '--router', '8080');
    const second = await lab.kubevip(
      'expose',
      'deployment/web',
      '--port',
      '80',
      '--name',
      'second',
      '--router',
      '8080',
      '--timeout',
      '15s',
    );
    expect(second.code).not.toBe(0);
    expect(second.stderr + second.stdout).toMatch(/ExternalPortTaken|8080/);
    expect(await lab.curl('internet', 'http://192.0.1.2:8080/')).toBeDefined();
    await lab.kubevip('unexpose', 'second');
    expect(await lab.curl('internet', 'http://192.0.1.2:8080/')).toBeDefined();
    await lab.kubevip('unexpose', 'first');
  });
});

describe('the agents', () => {
  it('a killed owner is silent at once, its address leaves the node, and another takes over', async () => {
    await lab.kubevip('expose', 'deployment/web', '--port', '80');
    const ip = await ipOf('web');
    const before = await ownerOf('web');
    await stopAgent(lab.id, before, { kill: true });
    const onNode = async (): Promise<boolean> => (await lab.on(before, 'ip', '-o', 'addr')).stdout.includes(`${ip}/`);
    expect(await eventually(onNode, (there) => !there, 10)).toBe(false);
    expect(
      await eventually(
        () => ownerOf('web'),
        (owner) => owner !== before,
      ),
    ).not.toBe(before);
    expect(
      await eventually(
        () => lab.curl('laptop', `http://${ip}/`),
        (text) => text !== undefined,
      ),
    ).toBeDefined();
    await startAgent(lab.id, before);
    await lab.kubevip('unexpose', 'web');
    expect(
      await eventually(
        () => lab.leftovers(),
        (text) => text === clean,
      ),
    ).toBe(clean);
  });

  it('a stopped owner hands over, and the three nodes never answer at once', async () => {
    await lab.kubevip('expose', 'deployment/web', '--port', '80');
    const ip = await ipOf('web');
    const before = await ownerOf('web');
    await stopAgent(lab.id, before);
    const owner = await eventually(
      () => ownerOf('web'),
      (name) => name !== before,
    );
    expect(owner).not.toBe(before);
    const { stdout } = await lab.on('laptop', 'arping', '-c', '3', '-w', '4', '-I', 'eth0', ip);
    expect(new Set([...stdout.matchAll(/\[([0-9A-F:]+)\]/gi)].map(([, mac]) => mac)).size).toBe(1);
    await startAgent(lab.id, before);
    await lab.kubevip('unexpose', 'web');
  });

  it('tells conditions per stage and Events', async () => {
    await lab.kubevip('expose', 'deployment/web', '--port', '80');
    const types = (await service('web'))?.status?.conditions?.map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining([CONDITION.address, CONDITION.owner, CONDITION.announcement, CONDITION.ready]),
    );
    const events = await eventually(
      async () =>
        (await lab.cluster.resource('Event').list()).items.map(
          (event) => (event as unknown as { reason: string }).reason,
        ),
      (reasons) => reasons.includes('Announced'),
    );
    expect(events).toContain('AddressAssigned');
    await lab.kubevip('unexpose', 'web');
  });
});
