/** Every bad input gets a clear answer, and nothing is left behind. Against the embedded API server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';
import { runCli, type CliResult } from '../../support/cli.ts';
import { deployment } from '../../support/exposed.ts';

let api: ApiServer;
let cluster: Cluster;
let dir: string;
let kubeconfig: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-cli-'));
  kubeconfig = join(dir, 'config');
  api = await startApiServer();
  writeFileSync(kubeconfig, api.kubeconfig());
  cluster = connect({ env: {}, kubeconfig, userAgent: 'test' });
  const { spec, metadata } = deployment();
  const labelled = {
    ...spec,
    template: {
      ...spec.template,
      spec: { containers: [{ name: 'web', image: 'web', ports: [{ name: 'http', containerPort: 80 }] }] },
    },
  };
  await cluster.resource('Deployment').create({ metadata, spec: labelled });
  const data = { 'range-global': '10.77.0.200-10.77.0.249', 'cidr-shop': 'nonsense' };
  await cluster.resource('ConfigMap').create({ metadata: { namespace: 'kube-system', name: 'kubevip' }, data });
});
afterAll(async () => {
  cluster.close();
  await api.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function names(): Promise<string[]> {
  return (await cluster.resource('Service').list({ namespace: '*' })).items.map(({ metadata }) => metadata.name);
}

/** Runs it and makes sure that nothing was written. */
async function refused(line: string, env: Record<string, string> = { KUBECONFIG: kubeconfig }): Promise<CliResult> {
  const before = await names();
  const result = await runCli(line.split(' '), { env });
  expect(await names()).toEqual(before);
  expect(result.stdout).toBe('');
  return result;
}

describe.concurrent('wrong in itself: exit 2', () => {
  it.each([
    ['frobnicate', 'UNKNOWN_COMMAND', /there is no command "frobnicate"/],
    ['expsoe deployment/web', 'UNKNOWN_COMMAND', /Did you mean `kubevip expose`/],
    ['expose', 'USAGE', /Missing 1 required arg/],
    ['expose deployment/web --port 80 --frob', 'USAGE', /Nonexistent flag: --frob/],
    ['doctor --role nurse', 'USAGE', /one of: control-plane, worker/],
    ['init --vip', 'USAGE', /--vip expects a value/],
    ['expose job/web --port 80', 'UNKNOWN_KIND', /One of: deployment, statefulset/],
    ['expose deployment/web --router lots', 'INVALID_TARGET', /"lots" after deployment\/web is one word too many/],
    ['expose web --port 80', 'INVALID_TARGET', /"web" is not KIND\/NAME/],
    ['expose deployment/We_b --port 80', 'INVALID_NAME', /not a name that a Deployment can have/],
    ['expose deployment/web --port 70000', 'INVALID_PORT', /70000 is out of range/],
    ['expose deployment/web --port 80 --router 90000', 'INVALID_PORT', /--router "90000" is not a port/],
    ['expose deployment/web --port 80 --router=pinhole,80', 'INVALID_PORT', /"pinhole" is not a port/],
    ['expose deployment/web --port 80 --mdns -bad-', 'USAGE', /Nonexistent flag|is not a name/],
    ['expose deployment/web --port 80 --mdns=my_web', 'INVALID_NAME', /--mdns "my_web" is not a name for the LAN/],
    ['expose deployment/web --port 80 --ip 10.77.0.999', 'INVALID_ADDRESS', /is not an IP address/],
    ['expose deployment/web --port 80 --ip 10.77.0.201 --pool shop', 'USAGE', /cannot also be provided/],
    ['expose deployment/web --port 80 --ip 10.77.0.201 --dhcp', 'INVALID_ADDRESS', /--dhcp gives the IPv4 address/],
    ['expose deployment/web --port 80 --family ipv5', 'INVALID_CHOICE', /One of: ipv4, ipv6, dual/],
    ['expose deployment/web --port 80 --timeout soon', 'INVALID_DURATION', /Write it like 30s/],
    ['unexpose Web!', 'INVALID_NAME', /not a name that a Service can have/],
    ['discover x/y/z', 'INVALID_TYPE', /not a service type/],
  ])('%s', async (line, code, text) => {
    const { code: exit, stderr } = await refused(line);
    expect(stderr).toContain(`Code: ${code}`);
    expect(stderr).toMatch(text);
    expect(exit).toBe(2);
  });
});

describe.concurrent('wrong for this cluster: exit 1', () => {
  it.each([
    ['expose deployment/wbe --port 80', 'NO_SUCH_TARGET', /In namespace default there is: web/],
    ['expose deployment/web --port 80 -n nowhere', 'NO_SUCH_TARGET', /no deployment in namespace nowhere/],
    ['expose statefulset/web --port 80', 'NO_SUCH_TARGET', /no statefulset web/],
    ['expose deployment/web --port 81', 'PORT_NOT_IN_TARGET', /which has 80 \(http\)[^]*--target-port 80/],
    ['expose deployment/web --port 80 --target-port https', 'PORT_NOT_IN_TARGET', /port https is not a port/],
    ['expose deployment/web --port 80 --ip 10.77.0.60', 'ADDRESS_OUTSIDE_POOLS', /10\.77\.0\.200-10\.77\.0\.249/],
    ['expose deployment/web --port 80 --pool shop', 'NO_SUCH_POOL', /key cidr-shop: "nonsense"/],
    ['unexpose nothing', 'NO_SUCH_SERVICE', /no Service nothing/],
    ['unexpose kubernetes', 'NOT_EXPOSED', /not exposed by kubevip/],
    ['status nothing', 'NO_SUCH_SERVICE', /no Service nothing/],
  ])('%s', async (line, code, text) => {
    const { code: exit, stderr } = await refused(line);
    expect(stderr).toContain(`Code: ${code}`);
    expect(stderr).toMatch(text);
    expect(exit).toBe(1);
  });
});

describe('no way to the cluster', () => {
  it('API unreachable: exit 4', async () => {
    const config = join(dir, 'away');
    writeFileSync(config, api.kubeconfig({ url: 'https://127.0.0.1:1' }));
    const { code, stderr } = await refused(`expose deployment/web --port 80 --kubeconfig ${config}`);
    expect([code, stderr]).toEqual([4, expect.stringContaining('Code: API_UNREACHABLE')]);
  });

  it('no kubeconfig: exit 4', async () => {
    const { code, stderr } = await refused('status', {});
    expect([code, stderr]).toEqual([4, expect.stringContaining('Code: NO_KUBECONFIG')]);
  });

  it('a kubeconfig that is none, or a context that is not in it: exit 2', async () => {
    const config = join(dir, 'broken');
    writeFileSync(config, 'apiVersion: v1\nkind: Config\n');
    expect((await refused(`status --kubeconfig ${config}`)).code).toBe(2);
    const { code, stderr } = await refused('status --context moon');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/no context "moon"/)]);
  });

  it('no permission: exit 1, with the rule that is missing', async () => {
    const config = join(dir, 'nobody');
    const token = api.issueToken({ name: 'nobody', uid: '', groups: ['system:authenticated'] });
    writeFileSync(config, api.kubeconfig({ user: 'nobody', token }));
    const { code, stderr } = await refused(`expose deployment/web --port 80 --kubeconfig ${config}`);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/Code: FORBIDDEN[^]*RBAC: allow verb "get" on "(deployments|services)"/),
    ]);
  });
});

describe('an expose that comes to nothing', () => {
  it('says that no agent runs, and takes the Service away again', async () => {
    const { code, stderr } = await refused('expose deployment/web --port 80');
    expect(code).toBe(1);
    expect(stderr).toContain('Warning: ConfigMap kubevip, key cidr-shop: "nonsense" is not a range');
    expect(stderr).toContain('Service default/web created\n');
    expect(stderr).toContain('Service default/web removed again\n');
    expect(stderr).toContain('Code: NO_AGENT');
  });

  it('as JSON is one object on stdout, and nothing on stderr', async () => {
    const { code, stdout, stderr } = await runCli(['expose', 'deployment/web', '--port', '81', '--json'], {
      env: { KUBECONFIG: kubeconfig },
    });
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, ok: false, error: { code: 'PORT_NOT_IN_TARGET', exit: 1 } });
  });

  it('leaves nothing with --dry-run', async () => {
    const before = await names();
    const { code, stdout } = await runCli(['expose', 'deployment/web', '--port', '80', '--dry-run', '--mdns'], {
      env: { KUBECONFIG: kubeconfig },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# creates Service web\n\{[^]*"kubevip\.dev\/mdns": "true"/);
    expect(await names()).toEqual(before);
  });

  it('says on Ctrl-C what stays, and ends with 130', async () => {
    const { code, stderr } = await runCli(['expose', 'deployment/web', '--port', '80'], {
      env: { KUBECONFIG: kubeconfig },
      onStderr: (text, child) => {
        // Once: what it then says contains the word again.
        if (text.endsWith('created\n')) child.kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted: Service default\/web stays as it is[^]*kubevip unexpose web/);
    expect(await names()).toContain('web');
    const undone = await runCli(['unexpose', 'web'], { env: { KUBECONFIG: kubeconfig } });
    expect([undone.code, undone.stderr]).toEqual([0, 'Service default/web deleted\n']);
  });
});
