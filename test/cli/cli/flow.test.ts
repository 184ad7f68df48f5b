/** expose, status and unexpose as a script sees them, with a stand-in for the agents. */
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';
import { CONDITION, FINALIZER, KEY } from '../../../src/model/annotations.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { runCli, type CliResult } from '../../support/cli.ts';
import { condition } from '../../support/exposed.ts';

let api: ApiServer;
let cluster: Cluster;
let web: Server;
let port: number;
let dir: string;
let stopAgent: () => void;
/** What the stand-in says of the router stage. */
let router = condition('router', 'True', 'Mapped', 'TCP 8080 on 127.0.0.9 by pcp');

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { env: { KUBECONFIG: join(dir, 'config') } });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-flow-'));
  api = await startApiServer();
  writeFileSync(join(dir, 'config'), api.kubeconfig());
  cluster = connect({ env: {}, kubeconfig: join(dir, 'config'), userAgent: 'test' });
  web = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  ({ port } = web.address() as AddressInfo);
  await cluster.resource('Pod').create({
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'web' }] },
  });
  await cluster.resource('ConfigMap').create({
    metadata: { namespace: 'kube-system', name: 'kubevip' },
    data: { 'range-global': '10.77.0.200-10.77.0.209' },
  });
  stopAgent = startStandIn(cluster);
});
afterAll(async () => {
  stopAgent();
  web.close();
  cluster.close();
  await api.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Gives 127.0.0.1 to every LoadBalancer, and lets go of those that are being removed. */
function startStandIn(of: Cluster): () => void {
  const services = of.resource('Service');
  const ref = (service: Service) => ({ namespace: 'default', name: service.metadata.name });
  const answer = async (service: Service): Promise<void> => {
    const { annotations = {}, deletionTimestamp } = service.metadata;
    if (deletionTimestamp !== undefined) {
      await services.patch(ref(service), { metadata: { finalizers: null } }, { type: 'merge' });
      return;
    }
    const wish = annotations[KEY.router];
    const record = {
      protocol: 'TCP',
      internalPort: port,
      externalPort: Number(wish),
      internalIp: '127.0.0.1',
      method: 'pcp',
      gateway: '127.0.0.9',
      externalIp: '100.64.0.2',
    };
    const written = {
      [KEY.assigned]: JSON.stringify({ ips: ['127.0.0.1'], source: 'pool', pool: 'range-global' }),
      [KEY.vipHost]: 'n1',
      ...(wish === undefined || router.status === 'False' ? {} : { [KEY.routerMappings]: JSON.stringify([record]) }),
    };
    await services.patch(
      ref(service),
      { metadata: { annotations: written, finalizers: [FINALIZER] } },
      { type: 'merge' },
    );
    const conditions = [
      condition('address', 'True', 'AddressAssigned', '127.0.0.1 from pool range-global'),
      condition('owner', 'True', 'Owned', 'n1'),
      condition('announcement', 'True', 'Announced', 'on lo'),
      ...(wish === undefined ? [] : [router]),
      condition('ready', 'True', 'Ready', 'every stage holds'),
    ];
    await services.patch(ref(service), { status: { conditions } }, { type: 'merge', subresource: 'status' });
  };
  const seen = new Set<string>();
  const stream = services.watch(
    { namespace: 'default', resourceVersion: '0', timeoutSeconds: 300 },
    {
      onOpen: () => undefined,
      onEnd: () => undefined,
      onEvent: ({ type, object }) => {
        if (type === 'BOOKMARK') return;
        const service = object as Service;
        const { uid = '', deletionTimestamp = '', annotations } = service.metadata;
        const key = `${uid} ${deletionTimestamp} ${annotations?.[KEY.router] ?? ''}`;
        if (service.spec.type !== 'LoadBalancer' || seen.has(key)) return;
        seen.add(key);
        answer(service).catch(() => seen.delete(key));
      },
    },
  );
  return () => stream.close();
}

describe('a whole exposure', () => {
  it('prints stages on stderr and what was verified on stdout', async () => {
    const { code, stdout, stderr } = await cli('expose', 'pod/web', '--port', String(port));
    expect(stderr).toBe(
      [
        'Service default/web created',
        'address: ready: 127.0.0.1 from pool range-global',
        'owner: ready: n1',
        'announcement: ready: on lo',
        '',
      ].join('\n'),
    );
    expect(stdout).toBe(`http://127.0.0.1:${port}   on the LAN (verified: HTTP 200)\n`);
    expect(code).toBe(0);
  });

  it('again changes the Service, and tells what CGNAT means', async () => {
    const { code, stdout } = await cli('expose', 'pod', 'web', '--port', String(port), '--router', '8080', '--json');
    const { result, ok } = JSON.parse(stdout) as {
      ok: boolean;
      result: { created: boolean; endpoints: { scope: string; note: string; verified: string }[] };
    };
    expect([code, ok, result.created]).toEqual([0, true, false]);
    expect(result.endpoints.map(({ scope, verified }) => [scope, verified])).toEqual([
      ['lan', 'yes'],
      ['internet', 'unknown'],
    ]);
    expect(result.endpoints[1]?.note).toMatch(/CGNAT/);
  });

  it('that lacks its router port ends with 6, and still says what works', async () => {
    router = condition('router', 'False', 'RouterForbidden', 'not for this namespace');
    const { code, stdout, stderr } = await cli('expose', 'pod/web', '--port', String(port), '--router', '9090');
    expect(code).toBe(6);
    expect(stdout).toContain(`http://127.0.0.1:${port}   on the LAN (verified: HTTP 200)`);
    expect(stderr).toMatch(
      /Error: stage router failed: RouterForbidden: not for this namespace\nCode: PARTIAL\nTry this:\n/,
    );
  });

  it('is seen by status', async () => {
    const text = await cli('status');
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(
      /^NAMESPACE +NAME +ADDRESS +OWNER +ROUTER +HOSTNAME +READY +SINCE +AGE\ndefault +web +127\.0\.0\.1 +n1 +8080→\d+ /,
    );
    expect(text.stdout).toContain('Service default/web, stage router: RouterForbidden: not for this namespace');
    expect(text.stdout).toContain('agents: NoAgent');
    const json = await cli('status', 'web', '--json', '-A');
    const { result } = JSON.parse(json.stdout) as {
      result: { services: { name: string; waitingFor: string }[]; pools: { key: string }[] };
    };
    expect(result.services).toMatchObject([{ name: 'web', waitingFor: 'router' }]);
    expect(result.pools).toMatchObject([{ key: 'range-global', size: '10' }]);
    expect((await cli('status', '--check')).code).toBe(1);
  });

  it('is taken back', async () => {
    const { code, stderr } = await cli('unexpose', 'pod/web');
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        /router: ready: TCP port 8080 of router 127\.0\.0\.9: gone\n[^]*Service default\/web deleted\n$/,
      ),
    ]);
    expect((await cli('status')).stdout).toMatch(/^No Services for kubevip here/);
  });
});

it('a Service that was there before gets its type back', async () => {
  await cluster.resource('Service').create({
    metadata: { name: 'plain', namespace: 'default' },
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port }] },
  });
  const exposed = await cli('expose', 'service/plain', '--json');
  expect(exposed.code).toBe(0);
  stopAgent();
  // The agent withdraws when the type is no longer its own.
  const undo = cli('unexpose', 'plain');
  await expect
    .poll(async () => (await cluster.resource('Service').get({ namespace: 'default', name: 'plain' })).spec.type, {
      timeout: 60_000,
    })
    .toBe('NodePort');
  const annotations = { [KEY.assigned]: null, [KEY.vipHost]: null };
  await cluster
    .resource('Service')
    .patch({ namespace: 'default', name: 'plain' }, { metadata: { annotations, finalizers: null } }, { type: 'merge' });
  await cluster
    .resource('Service')
    .patch(
      { namespace: 'default', name: 'plain' },
      { status: { conditions: null } },
      { type: 'merge', subresource: 'status' },
    );
  const { code, stderr } = await undo;
  expect([code, stderr]).toEqual([0, expect.stringContaining('Service default/plain is of type NodePort again')]);
  expect(Object.values(CONDITION)).not.toContain(
    (await cluster.resource('Service').get({ namespace: 'default', name: 'plain' })).status?.conditions?.[0]?.type,
  );
});
