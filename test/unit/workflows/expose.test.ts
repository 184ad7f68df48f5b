import { beforeEach, describe, expect, it } from 'vitest';
import { KEY, KUBEVIP_CLASS } from '../../../src/model/annotations.ts';
import { ip } from '../../../src/model/ip.ts';
import { carryOut } from '../../../src/workflows/expose/carry-out.ts';
import { planExposure } from '../../../src/workflows/expose/plan.ts';
import type { ExposeRequest } from '../../../src/workflows/expose/request.ts';
import type { ExposeResult } from '../../../src/workflows/expose/result.ts';
import type { Reachability, Reached } from '../../../src/workflows/reachability.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { condition, deployment, presence, settled, withConditions } from '../../support/exposed.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createFakeCluster, type FakeCluster } from '../../support/fake-cluster.ts';

let cluster: FakeCluster;
let clock: FakeClock;
let answer: Reached;
const reach: Reachability = {
  tcp: () => Promise.resolve(answer),
  resolve: () => Promise.resolve([ip('10.77.0.101')]),
};

beforeEach(() => {
  cluster = createFakeCluster();
  clock = createFakeClock();
  answer = { state: 'answers', routed: false, http: { status: 200 } };
  cluster.put('Deployment', deployment());
  cluster.put('Lease', presence('n1', '2026-01-01T00:00:00.000000Z'));
});

function request(changes: Partial<ExposeRequest> = {}): ExposeRequest {
  return {
    namespace: 'default',
    target: { kind: 'Deployment', name: 'web' },
    ports: [{ port: 80, protocol: 'TCP' }],
    address: { kind: 'dhcp' },
    timeout: 60_000,
    keep: false,
    ...changes,
  };
}

/** Runs the whole of it while the clock is moved on, and gives the steps with the end. */
async function expose(changes: Partial<ExposeRequest> = {}, signal?: AbortSignal) {
  const plan = await planExposure(cluster, request(changes));
  const steps: Step[] = [];
  const work = async (): Promise<ExposeResult> => {
    const run = carryOut(plan, { cluster, clock, reach, ...(signal ? { signal } : {}) });
    for (;;) {
      const next = await run.next();
      if (next.done === true) return next.value;
      steps.push(next.value);
    }
  };
  const over = { yes: false };
  const end = work().then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({
      result: undefined,
      error: error as { code: string; exit: number; message: string; result?: ExposeResult },
    }),
  );
  void end.then(() => (over.yes = true));
  for (let i = 0; i < 200 && !over.yes; i++) await clock.advanceAsync(500);
  return { ...(await end), steps };
}

/** An agent that answers at once. */
function agent(behave: (service: ReturnType<typeof settled>) => ReturnType<typeof settled> = settled): void {
  cluster.onWrite((kind, verb, name) => {
    if (kind === 'Service' && verb !== 'delete') cluster.change('Service', name, behave);
    if (kind === 'Service' && verb === 'delete') {
      cluster.change('Service', name, (service) => ({ ...service, metadata: { ...service.metadata, finalizers: [] } }));
    }
  });
}

describe('expose', () => {
  it('makes a Service, waits for all stages and tries what it promises', async () => {
    agent();
    const { result, steps } = await expose({ router: '8080', mdns: 'web' });
    const service = cluster.get('Service', 'web');
    expect(service?.spec).toMatchObject({
      type: 'LoadBalancer',
      loadBalancerClass: KUBEVIP_CLASS,
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }],
    });
    expect(service?.metadata.annotations).toMatchObject({
      [KEY.loadBalancerIPs]: '0.0.0.0',
      [KEY.router]: '8080',
      [KEY.mdns]: 'web',
      [KEY.exposed]: 'created',
    });
    expect(result?.endpoints.map(({ url, verified }) => [url, verified])).toEqual([
      ['http://10.77.0.101', 'yes'],
      ['http://web.local', 'yes'],
      ['http://8.8.4.4:8080', 'unknown'],
    ]);
    expect(result).toMatchObject({ created: true, addresses: ['10.77.0.101'], source: 'dhcp', owner: 'n1' });
    expect(steps.filter((step) => step.kind === 'stage' && step.state === 'ready')).toHaveLength(5);
    expect(cluster.watches).toBe(0);
  });

  it('says of a CGNAT address that the port is not reachable', async () => {
    agent((service) => settled(service, '100.64.0.2'));
    const { result } = await expose({ router: '8080' });
    expect(result?.endpoints.at(-1)?.note).toMatch(/CGNAT.*not reachable/);
  });

  it('patches the Service the second time, and keeps what was not asked for', async () => {
    agent();
    await expose({ router: '8080' });
    const { result } = await expose({ mdns: 'true', ports: [{ port: 80, protocol: 'TCP' }] });
    expect(result?.created).toBe(false);
    expect(cluster.writes).toEqual(['create Service/web', 'patch Service/web']);
    expect(cluster.get('Service', 'web')?.metadata.annotations).toMatchObject({
      [KEY.router]: '8080',
      [KEY.mdns]: 'true',
    });
  });

  it('takes a router port back with off', async () => {
    agent();
    await expose({ router: '8080' });
    await expose({ router: 'off' });
    expect(cluster.get('Service', 'web')?.metadata.annotations).not.toHaveProperty(KEY.router);
  });

  it('does not take a stage for ready that speaks of what was asked for before', async () => {
    agent();
    await expose({ router: '8080' });
    cluster.onWrite(() => undefined);
    const { error } = await expose({ router: '9090', timeout: 5000 });
    expect(error).toMatchObject({ code: 'PARTIAL', exit: 6 });
    expect(error?.message).toMatch(/stage router is not ready after 5 s: WaitingForChange/);
  });

  it('stops at once at a reason that waiting does not change, and takes the new Service away', async () => {
    agent((service) =>
      withConditions(
        service,
        condition('address', 'False', 'PoolExhausted', 'pool range-global has no free address left'),
      ),
    );
    const { error, steps } = await expose();
    expect(error).toMatchObject({
      code: 'STAGE_FAILED',
      exit: 1,
      message: 'stage address failed: PoolExhausted: pool range-global has no free address left',
    });
    expect(clock.now()).toBeLessThan(5000);
    expect(cluster.get('Service', 'web')).toBeUndefined();
    expect(steps.at(-1)).toEqual({ kind: 'done', text: 'Service default/web removed again' });
  });

  it('leaves it with --keep', async () => {
    agent((service) => withConditions(service, condition('address', 'False', 'PoolExhausted')));
    await expose({ keep: true });
    expect(cluster.get('Service', 'web')).toBeDefined();
  });

  it('never takes a Service away that was there before', async () => {
    cluster.put('Service', {
      metadata: { name: 'web' },
      spec: { type: 'ClusterIP', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30080 }] },
    });
    agent((service) => withConditions(service, condition('address', 'False', 'NoPool')));
    const { error } = await expose();
    expect(error?.code).toBe('STAGE_FAILED');
    expect(cluster.get('Service', 'web')?.metadata.annotations?.[KEY.exposed]).toBe('ClusterIP');
    expect(cluster.get('Service', 'web')?.spec.ports?.[0]?.nodePort).toBe(30080);
  });

  it('tells who has no DHCP server after a quarter of the time, with what to do', async () => {
    agent((service) => withConditions(service, condition('address', 'False', 'NoDhcpServer', 'nobody answered')));
    const { error } = await expose();
    expect(error).toMatchObject({ code: 'STAGE_FAILED', exit: 1 });
    expect(error?.message).toBe('stage address has failed for 15 s: NoDhcpServer: nobody answered');
    expect(clock.now()).toBeLessThan(20_000);
    expect(cluster.get('Service', 'web')).toBeUndefined();
  });

  it('names a failing stage when the time is up before that', async () => {
    agent((service) => withConditions(service, condition('address', 'False', 'NoDhcpServer', 'nobody answered')));
    const { error } = await expose({ timeout: 4000 });
    expect(error).toMatchObject({ code: 'STAGE_FAILED', exit: 1 });
    expect(error?.message).toBe('stage address has failed for 4 s: NoDhcpServer: nobody answered');
  });

  it('waits on when a stage that failed mends itself within the grace', async () => {
    let heals = true;
    agent((service) => {
      if (heals) clock.after(10_000, () => cluster.change('Service', 'web', settled));
      heals = false;
      return withConditions(service, condition('address', 'False', 'NoDhcpServer', 'nobody answered'));
    });
    expect((await expose()).result?.addresses).toEqual(['10.77.0.101']);
  });

  it('counts a stage that fails, tries again and fails the same way as failing all the time', async () => {
    agent((service) => withConditions(service, condition('address', 'False', 'NoDhcpServer', 'nobody answered')));
    for (let at = 1000; at < 60_000; at += 1000) {
      const [status, reason] =
        at % 2000 === 0 ? (['False', 'NoDhcpServer'] as const) : (['Unknown', 'DhcpDiscovering'] as const);
      clock.after(at, () =>
        cluster.change('Service', 'web', (service) => withConditions(service, condition('address', status, reason))),
      );
    }
    expect((await expose()).error?.message).toMatch(/^stage address has failed for 1[56] s: NoDhcpServer/);
  });

  it('does not stop for a router that fails while the address is still on its way', async () => {
    agent((service) =>
      withConditions(
        service,
        condition('address', 'Unknown', 'DhcpDiscovering'),
        condition('router', 'False', 'NoGateway'),
      ),
    );
    const { error } = await expose({ router: '8080', timeout: 30_000 });
    expect(error).toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringMatching(/^stage address is not ready after 30 s/) as string,
    });
  });

  it('exits 5 when a stage is only slow', async () => {
    agent((service) => withConditions(service, condition('address', 'Unknown', 'Probing')));
    expect((await expose({ timeout: 3000 })).error).toMatchObject({ code: 'TIMED_OUT', exit: 5 });
  });

  it('exits 6 when the address works and an extra does not, and still tells the address', async () => {
    agent((service) => withConditions(settled(service), condition('router', 'False', 'RouterForbidden')));
    const { error } = await expose({ router: '8080', mdns: 'web' });
    expect(error).toMatchObject({ code: 'PARTIAL', exit: 6 });
    expect(error?.result?.endpoints.map(({ url }) => url)).toEqual(['http://10.77.0.101', 'http://web.local']);
    expect(cluster.get('Service', 'web')).toBeDefined();
  });

  it('says that no agent runs when nobody answers and no presence is seen', async () => {
    cluster = createFakeCluster();
    cluster.put('Deployment', deployment());
    const { error } = await expose();
    expect(error).toMatchObject({ code: 'NO_AGENT' });
    expect(clock.now()).toBeLessThan(12_000);
    expect(cluster.get('Service', 'web')).toBeUndefined();
  });

  it('exits 6 when all stages are ready and nothing answers', async () => {
    agent();
    answer = { state: 'silent', message: 'connection refused' };
    const { error } = await expose();
    expect(error).toMatchObject({ code: 'NO_ANSWER', exit: 6 });
    expect(error?.message).toContain('http://10.77.0.101 does not answer: connection refused');
  });

  it('does not hold it against the Service that this machine is elsewhere', async () => {
    agent();
    answer = { state: 'no-route', message: 'this machine is not on that network' };
    const { result } = await expose({ mdns: 'web' });
    expect(result?.endpoints.map(({ verified, note }) => [verified, note])).toEqual([
      ['unknown', 'not verified from here: this machine is not on that network'],
      ['unknown', 'not verified from here: this machine is not on that network'],
    ]);
  });

  it('does not believe an answer that came through a router', async () => {
    agent();
    answer = { state: 'answers', routed: true, http: { status: 404 } };
    const { result } = await expose({ mdns: 'web' });
    expect(result?.endpoints.map(({ verified }) => verified)).toEqual(['unknown', 'unknown']);
  });

  it('leaves the Service and says so when interrupted', async () => {
    const controller = new AbortController();
    cluster.onWrite(() => queueMicrotask(() => controller.abort()));
    const { error } = await expose({}, controller.signal);
    expect(error).toMatchObject({ code: 'INTERRUPTED', exit: 130 });
    expect(cluster.get('Service', 'web')).toBeDefined();
    expect(cluster.watches).toBe(0);
  });

  it('says it when the cluster has no such family', async () => {
    cluster.refuse('Service', 'create', 422, 'Invalid', ['spec.ipFamilies[1]', 'spec.ipFamilyPolicy']);
    const { error } = await expose({ address: { kind: 'ip', ips: [ip('10.77.0.30'), ip('fd77::30')] } });
    expect(error).toMatchObject({ code: 'NO_SUCH_FAMILY', exit: 1 });
  });

  it('warns when dual comes to one family, and goes on with it', async () => {
    agent((service) => settled({ ...service, spec: { ...service.spec, ipFamilies: ['IPv4'] } }));
    cluster.onCreate(({ spec, ...service }) => ({ ...service, spec: { ...spec, ipFamilies: ['IPv4'] } }));
    const { result, steps } = await expose({ family: 'dual' });
    expect(result?.addresses).toEqual(['10.77.0.101']);
    expect(steps).toContainEqual({
      kind: 'warning',
      text: 'this cluster has only IPv4 for Services: the Service gets no other address',
    });
  });

  it('waits for an earlier Service of the name to be gone', async () => {
    cluster.put('Service', {
      metadata: { name: 'web', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] },
      spec: { selector: { app: 'web' } },
    });
    agent();
    clock.after(2000, () =>
      cluster.change('Service', 'web', (service) => ({
        ...service,
        metadata: { ...service.metadata, finalizers: [] },
      })),
    );
    const { result } = await expose();
    expect(result?.created).toBe(true);
  });
});

describe('what cannot be is refused before anything is written', () => {
  const refused = async (
    changes: Partial<ExposeRequest>,
  ): Promise<{ code: string; exit: number; message: string; hints: string[] }> => {
    const error: unknown = await planExposure(cluster, request(changes)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(cluster.writes).toEqual([]);
    return error as { code: string; exit: number; message: string; hints: string[] };
  };

  it.each<[string, Partial<ExposeRequest>, string, RegExp]>([
    [
      'unknown name',
      { target: { kind: 'Deployment', name: 'wbe' } },
      'NO_SUCH_TARGET',
      /no deployment wbe in namespace default/,
    ],
    ['unknown Service', { target: { kind: 'Service', name: 'web' } }, 'NO_SUCH_TARGET', /no service web/],
    [
      'port not declared',
      { ports: [{ port: 81, protocol: 'TCP' }] },
      'PORT_NOT_IN_TARGET',
      /port 81 is not a port of deployment web, which has 80 \(http\)/,
    ],
    ['protocol not declared', { ports: [{ port: 80, protocol: 'UDP' }] }, 'PORT_NOT_IN_TARGET', /80\/UDP/],
    ['no port', { ports: [] }, 'NO_PORT', /which port of deployment web/],
    [
      'a port twice',
      {
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 80, protocol: 'TCP' },
        ],
      },
      'DUPLICATE_PORT',
      /twice/,
    ],
    ['no pool', { address: { kind: 'pool' } }, 'NO_POOL', /no pool for namespace default/],
    ['unknown pool', { address: { kind: 'pool', pool: 'shop' } }, 'NO_SUCH_POOL', /no pool "shop"/],
    [
      'a router port for several',
      {
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 81, targetPort: 80, protocol: 'TCP' },
        ],
        router: '8080',
      },
      'INVALID_ROUTER',
      /which: NAME=8080/,
    ],
  ])('%s', async (_, changes, code, message) => {
    const error = await refused(changes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hints.length).toBeGreaterThan(0);
  });

  it('address outside every pool, naming the pools', async () => {
    cluster.put('ConfigMap', {
      metadata: { name: 'kubevip', namespace: 'kube-system' },
      data: { 'range-global': '10.77.0.200-10.77.0.249' },
    });
    const error = await refused({ address: { kind: 'ip', ips: [ip('10.77.0.60')] } });
    expect(error).toMatchObject({ code: 'ADDRESS_OUTSIDE_POOLS', exit: 1 });
    expect(error.hints[0]).toContain('10.77.0.200-10.77.0.249');
  });

  it('a Service of that name that leads elsewhere', async () => {
    cluster.put('Service', { metadata: { name: 'web' }, spec: { selector: { app: 'other' } } });
    expect((await refused({})).code).toBe('FOREIGN_SERVICE');
  });

  it('one bad key of the ConfigMap is told, and blocks nobody', async () => {
    cluster.put('ConfigMap', {
      metadata: { name: 'kubevip', namespace: 'kube-system' },
      data: { 'range-global': '10.77.0.200-10.77.0.249', 'cidr-shop': 'nonsense' },
    });
    const plan = await planExposure(cluster, request({ address: { kind: 'pool' } }));
    expect(plan.warnings).toEqual([expect.stringMatching(/key cidr-shop: "nonsense" is not/)]);
  });

  it('no permission to read the target', async () => {
    cluster.refuse('Deployment', 'get', 403, 'Forbidden');
    expect((await refused({})).code).toBe('FORBIDDEN');
  });

  it('no permission to read the pools is only a warning', async () => {
    cluster.refuse('ConfigMap', 'get', 403, 'Forbidden');
    expect((await planExposure(cluster, request())).warnings[0]).toMatch(/may not be read/);
  });
});
