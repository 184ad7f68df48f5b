import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, createClient } from '../contract/client.ts';
import { DEPLOYMENTS, MERGE, SERVICES } from '../contract/objects.ts';
import { run, type RunResult } from '../../../src/lab/exec.ts';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';

/**
 * kubectl as users have it: Debian's is 1.20, others bring newer ones. KUBECTL names more to try, separated by colons.
 */
function kubectls(): string[] {
  const named = (process.env['KUBECTL'] ?? '').split(':').filter((path) => path !== '');
  const installed = (process.env['PATH'] ?? '')
    .split(':')
    .map((directory) => join(directory, 'kubectl'))
    .find((path) => existsSync(path));
  return [...new Set([...(installed === undefined ? [] : [installed]), ...named])];
}

const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: two}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80}, {name: https, port: 443}]
`;

it('has a kubectl to try: `npm run setup` installs Debian’s', () => {
  expect(kubectls()).not.toEqual([]);
});

describe.each(kubectls())('%s', (kubectl) => {
  const home = mkdtempSync(join(tmpdir(), 'kubevip-kubectl-'));
  const manifest = (name: string, text: string): string => {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  };
  let server: ApiServer;

  beforeAll(async () => {
    server = await startApiServer();
    writeFileSync(join(home, 'config'), server.kubeconfig(), { mode: 0o600 });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const attempt = async (...argv: string[]): Promise<RunResult> =>
    await run([kubectl, ...argv], {
      env: { HOME: home, KUBECONFIG: join(home, 'config'), NO_PROXY: '127.0.0.1' },
      timeoutMs: 60_000,
    });
  const ok = async (...argv: string[]): Promise<string> => {
    const result = await attempt(...argv);
    expect(result, argv.join(' ')).toMatchObject({ code: 0 });
    return result.stdout;
  };
  const jsonPath = async (what: string, path: string): Promise<string> =>
    await ok('get', ...what.split(' '), '-o', `jsonpath={${path}}`);

  it('knows the server', async () => {
    expect(await ok('version')).toContain('v1.33');
    expect(await ok('api-resources')).toMatch(/services +svc +v1 +true +Service/);
    expect(await ok('get', '--raw', '/readyz')).toBe('ok');
  });

  it('creates a Deployment and exposes it', async () => {
    expect(await ok('create', 'deployment', 'web', '--image', 'nginx', '--port', '80')).toContain(
      'deployment.apps/web created',
    );
    expect(
      await ok('expose', 'deployment', 'web', '--type', 'LoadBalancer', '--load-balancer-ip', '0.0.0.0'),
    ).toContain('service/web exposed');
    expect(await jsonPath('service web', '.spec.loadBalancerIP')).toBe('0.0.0.0');
    expect(await jsonPath('service web', '.spec.ports[0].port')).toBe('80');
    expect(await jsonPath('service web', '.spec.selector.app')).toBe('web');
  });

  it('gets, in every form', async () => {
    const table = await ok('get', 'services');
    expect(table).toMatch(/^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE$/m);
    expect(table).toMatch(/^web +LoadBalancer +10\.96\.\d+\.\d+ +<pending> +80:3\d{4}\/TCP +\d+s$/m);
    expect(await ok('get', 'service', 'web', '-o', 'wide')).toContain('app=web');
    expect(await ok('get', 'deployments')).toMatch(/^web +0\/1 +0 +0 +\d+s$/m);
    expect(await ok('get', 'service', 'web', '-o', 'yaml')).toContain('kind: Service');
    expect(JSON.parse(await ok('get', 'services', '-o', 'json'))).toMatchObject({ kind: 'List' });
    expect(await ok('get', 'all')).toContain('service/web');
    expect(await ok('get', 'svc,deploy', '-A', '-l', 'app=web', '-o', 'name')).toContain('deployment.apps/web');
    expect(await ok('get', 'service', '--field-selector', 'metadata.name=web', '-o', 'name')).toBe('service/web\n');
    expect(await ok('get', 'services', '--chunk-size=1', '-o', 'name')).toBe('service/kubernetes\nservice/web\n');
  });

  it('describes', async () => {
    expect(await ok('describe', 'service', 'web')).toMatch(/^LoadBalancer|^Type: +LoadBalancer/m);
    expect(await ok('describe', 'deployment', 'web')).toMatch(/^Replicas: +1 desired/m);
    await ok('apply', '-f', manifest('node.yaml', 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n'));
    expect(await ok('describe', 'node', 'n1')).toMatch(/^Name: +n1/m);
    expect(await ok('get', 'nodes')).toMatch(/^n1 +Unknown/m);
  });

  it('applies, and applies changes', async () => {
    expect(await ok('apply', '-f', manifest('two.yaml', SERVICE))).toBe('service/two created\n');
    expect(await ok('apply', '-f', join(home, 'two.yaml'))).toBe('service/two unchanged\n');
    manifest('two.yaml', SERVICE.replace('port: 443', 'port: 8443'));
    expect(await ok('apply', '--dry-run=server', '-f', join(home, 'two.yaml'))).toContain('service/two configured');
    expect(await ok('apply', '-f', join(home, 'two.yaml'))).toBe('service/two configured\n');
    expect(await jsonPath('service two', '.spec.ports[*].port')).toBe('80 8443');
  });

  it('applies on the server', async () => {
    const path = manifest('side.yaml', SERVICE.replace('name: two', 'name: side'));
    expect(await ok('apply', '--server-side', '-f', path)).toContain('service/side serverside-applied');
    await ok('label', 'service', 'side', 'a=1');
    manifest('side.yaml', SERVICE.replace('name: two', 'name: side, labels: {a: "2"}'));
    const refused = await attempt('apply', '--server-side', '-f', path);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('.metadata.labels.a')]);
    await ok('apply', '--server-side', '--force-conflicts', '-f', path);
    expect(await jsonPath('service side', '.metadata.labels.a')).toBe('2');
  });

  it('refuses what is not valid, without being told to look', async () => {
    const unknown = await attempt('apply', '-f', manifest('unknown.yaml', SERVICE.replace('selector', 'selectr')));
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/unknown field "(spec\.)?selectr"/)]);
    const wrong = await attempt('apply', '-f', manifest('wrong.yaml', SERVICE.replace('port: 80', 'port: 0')));
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('must be between 1 and 65535')]);
    const missing = await attempt('get', 'service', 'missing');
    expect(missing).toMatchObject({ code: 1, stderr: 'Error from server (NotFound): services "missing" not found\n' });
  });

  it('annotates, labels, patches and scales', async () => {
    await ok('annotate', 'service', 'web', 'kubevip.dev/mdns=web');
    await ok('label', 'service', 'web', 'tier=front');
    await ok('patch', 'service', 'web', '-p', '{"spec":{"ports":[{"port":80,"targetPort":8080}]}}');
    await ok('patch', 'service', 'web', '--type', 'merge', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}');
    await ok('patch', 'service', 'web', '--type', 'json', '-p', '[{"op":"remove","path":"/metadata/labels/tier"}]');
    expect(await jsonPath('service web', '.spec.ports[0].targetPort')).toBe('8080');
    await ok('scale', 'deployment', 'web', '--replicas', '3');
    expect(await jsonPath('deployment web', '.spec.replicas')).toBe('3');
    await ok('set', 'image', 'deployment/web', 'nginx=nginx:2');
    expect(await jsonPath('deployment web', '.spec.template.spec.containers[0].image')).toBe('nginx:2');
  });

  it('makes configuration, secrets, namespaces and accounts', async () => {
    await ok('create', 'configmap', 'kubevip', '--from-literal', 'cidr-global=10.77.0.192/28');
    expect(await jsonPath('configmap kubevip', '.data.cidr-global')).toBe('10.77.0.192/28');
    await ok('create', 'secret', 'generic', 'secret', '--from-literal', 'a=b');
    await ok('create', 'namespace', 'other');
    await ok('create', 'serviceaccount', 'account', '-n', 'other');
    await ok('delete', 'namespace', 'other');
    expect((await attempt('get', 'namespace', 'other')).code).toBe(1);
  });

  it('shows events', async () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: {
        kind: 'Service',
        name: 'web',
        namespace: 'default',
        uid: await jsonPath('service web', '.metadata.uid'),
      },
      reason: 'AddressAssigned',
      message: 'it has an address',
      type: 'Normal',
      firstTimestamp: new Date().toISOString(),
      lastTimestamp: new Date().toISOString(),
      count: 1,
      source: { component: 'kubevip' },
    };
    await ok('create', '-f', manifest('event.json', JSON.stringify(event)));
    expect(await ok('get', 'events')).toMatch(/Normal +AddressAssigned +service\/web +it has an address/);
    expect(await ok('describe', 'service', 'web')).toContain('it has an address');
  });

  it('waits', async () => {
    const waiting = ok('wait', '--for=condition=Available', 'deployment/web', '--timeout=30s');
    const status = { status: { conditions: [{ type: 'Available', status: 'True' }], replicas: 3 } };
    const client = createClient(server.url, server.ca, server.tokens.admin);
    await client.call('PATCH', `${DEPLOYMENTS}/web/status`, status, MERGE);
    expect(await waiting).toContain('condition met');
    client.close();
  });

  it('waits for what holds back a deletion', async () => {
    await ok('patch', 'service', 'side', '-p', '{"metadata":{"finalizers":["kubevip.dev/cleanup"]}}');
    const deleting = ok('delete', 'service', 'side', '--timeout=30s');
    const client = createClient(server.url, server.ca, server.tokens.admin);
    const marked = await client.watch(`${SERVICES}?fieldSelector=metadata.name%3Dside`);
    await marked.next(({ object }) => at(object, 'metadata.deletionTimestamp') !== undefined);
    marked.close();
    await client.call('PATCH', `${SERVICES}/side`, { metadata: { finalizers: null } }, MERGE);
    client.close();
    expect(await deleting).toContain('service "side" deleted');
  });

  it('explains and asks for permission', async () => {
    expect(await ok('explain', 'service.spec.ports')).toContain('targetPort');
    expect(await ok('auth', 'can-i', 'delete', 'services')).toBe('yes\n');
  });

  it('deletes', async () => {
    expect(await ok('delete', 'service', 'web', 'two')).toMatch(/service "web" deleted/);
    expect(await ok('delete', 'deployment', 'web')).toMatch(/deployment.apps "web" deleted/);
    expect(await ok('get', 'services', '-o', 'name')).toBe('service/kubernetes\n');
    expect((await attempt('delete', 'service', 'web')).code).toBe(1);
    await ok('delete', 'service', 'web', '--ignore-not-found');
  });
});
