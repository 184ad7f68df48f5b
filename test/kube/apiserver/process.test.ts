import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runOrThrow } from '../../../src/lab/exec.ts';
import { createNetns, deleteNetns } from '../../../src/lab/netns.ts';
import { at, createClient, listAt, textAt, type Client } from '../contract/client.ts';
import { CONFIG_MAPS, configMap, MERGE, service, SERVICES } from '../contract/objects.ts';

const MAIN = fileURLToPath(new URL('../../../src/lab/apiserver/main.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly client: Client;
  readonly url: string;
}

let directory = '';
const running: Running[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kubevip-api-'));
});
afterEach(async () => {
  for (const one of running.splice(0)) await end(one, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(...listen: string[]): Promise<Running> {
  return await startWith([], ...listen);
}

async function startWith(more: readonly string[], ...listen: string[]): Promise<Running> {
  const specs = (listen.length === 0 ? ['127.0.0.1:0'] : listen).flatMap((spec) => ['--listen', spec]);
  const argv = [
    MAIN,
    '--data',
    join(directory, 'data'),
    ...specs,
    '--kubeconfig-out',
    directory,
    '--audit',
    join(directory, 'audit.log'),
    ...more,
  ];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code ?? 'a signal'}: ${said}`)));
  });
  const { url, ca, token } = kubeconfigAt('admin.kubeconfig');
  const one = { child, client: createClient(url, ca, token), url };
  running.push(one);
  return one;
}

function kubeconfigAt(name: string): { url: string; ca: string; token: string } {
  const config: unknown = parse(readFileSync(join(directory, name), 'utf8'));
  return {
    url: textAt(config, 'clusters.0.cluster.server'),
    ca: Buffer.from(textAt(config, 'clusters.0.cluster.certificate-authority-data'), 'base64').toString(),
    token: textAt(config, 'users.0.user.token'),
  };
}

async function end({ child, client }: Running, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  client.close();
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return await new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

describe('the process', () => {
  it('loses no acknowledged write when it is killed, and goes on with its versions', async () => {
    const first = await start();
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let i = 0; i < 100_000; i++) {
        const name = `k-${i}`;
        const answer = await first.client.call('POST', CONFIG_MAPS, configMap(name)).catch(() => undefined);
        if (answer?.code !== 201) return;
        acknowledged.push(name);
      }
    })();
    for (let i = 0; i < 10_000 && acknowledged.length < 50; i++) await delay(1);
    expect(acknowledged.length).toBeGreaterThanOrEqual(50);
    first.child.kill('SIGKILL');
    await writing;
    await end(first, 'SIGKILL');

    const second = await start();
    const list = (await second.client.call('GET', CONFIG_MAPS)).body;
    const names = new Set(listAt(list, 'items').map((item) => at(item, 'metadata.name')));
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
    const next = await second.client.call('POST', CONFIG_MAPS, configMap('k-next'));
    const versions = listAt(list, 'items').map((item) => Number(at(item, 'metadata.resourceVersion')));
    expect(Number(at(next.body, 'metadata.resourceVersion'))).toBeGreaterThan(Math.max(...versions));
  });

  it('lets watches go on after a restart, and keeps its certificate and tokens', async () => {
    const first = await start('127.0.0.1:0');
    const before = kubeconfigAt('agent.kubeconfig');
    await first.client.call('POST', CONFIG_MAPS, configMap('r-map'));
    const changed = await first.client.call('PATCH', `${CONFIG_MAPS}/r-map`, { data: { a: '2' } }, MERGE);
    await first.client.call('DELETE', `${CONFIG_MAPS}/r-map`);
    expect(await end(first, 'SIGTERM')).toBe(0);
    const second = await start('127.0.0.1:0');
    const since = textAt(changed.body, 'metadata.resourceVersion');
    const stream = await second.client.watch(`${CONFIG_MAPS}?resourceVersion=${since}`);
    const event = await stream.next();
    stream.close();
    expect([event.type, at(event.object, 'metadata.name'), at(event.object, 'data.a')]).toEqual([
      'DELETED',
      'r-map',
      '2',
    ]);
    const agent = createClient(second.url, before.ca, before.token);
    expect((await agent.call('GET', '/api/v1/services')).code).toBe(200);
    agent.close();
  });

  it('takes the beginning of a write that was cut off for none', async () => {
    const first = await start();
    await first.client.call('POST', CONFIG_MAPS, configMap('c-kept'));
    await end(first, 'SIGKILL');
    appendFileSync(join(directory, 'data', 'log.jsonl'), '{"revision":9999,"resource":"configmaps","key":"def');
    const second = await start();
    expect((await second.client.call('GET', `${CONFIG_MAPS}/c-kept`)).code).toBe(200);
    await second.client.call('POST', CONFIG_MAPS, configMap('c-after'));
    await end(second, 'SIGKILL');
    const third = await start();
    expect((await third.client.call('GET', `${CONFIG_MAPS}/c-after`)).code).toBe(200);
  });

  it('says what is wrong with its data instead of guessing', async () => {
    await end(await start(), 'SIGTERM');
    const log = join(directory, 'data', 'log.jsonl');
    writeFileSync(log, `nonsense\n${readFileSync(log, 'utf8')}`);
    await expect(start()).rejects.toThrow(/log\.jsonl, line 1: not an entry of the log/);
  });

  it('refuses data that another one works on, and bad arguments', async () => {
    await start();
    await expect(start()).rejects.toThrow(/is in use by process \d+/);
    await expect(start('nowhere:80')).rejects.toThrow(/"nowhere:80" is no address to listen on/);
    const one = startWith(['--service-cluster-ip-range', '10.96.0.0/16,10.97.0.0/16']);
    await expect(one).rejects.toThrow(/"10.96.0.0\/16,10.97.0.0\/16" is no range for Services/);
  });

  it('gives addresses of a second range from the next start on, to Services that ask for them anew', async () => {
    const first = await start();
    const web = service('web', { ipFamilyPolicy: 'PreferDualStack' });
    const { body: one } = await first.client.call('POST', SERVICES, web);
    await end(first, 'SIGTERM');
    const second = await startWith(['--service-cluster-ip-range', '10.96.0.0/16,fd00:96::/108']);
    const label = { metadata: { labels: { a: 'b' } } };
    const same = await second.client.call('PATCH', `${SERVICES}/web`, label, MERGE);
    expect(at(same.body, 'spec')).toEqual(at(one, 'spec'));
    const { body: two } = await second.client.call('PUT', `${SERVICES}/web`, web);
    expect(at(two, 'spec.clusterIPs')).toEqual([at(one, 'spec.clusterIP'), expect.stringMatching(/^fd00:96::/)]);
    await end(second, 'SIGTERM');
    // The other family first, and another range of it: what is there stays.
    const third = await startWith(['--service-cluster-ip-range', 'fd00:97::/108,10.96.0.0/16']);
    const { code, body } = await third.client.call('PATCH', `${SERVICES}/web`, label, MERGE);
    expect([code, at(body, 'spec')]).toEqual([200, at(two, 'spec')]);
    const { body: six } = await third.client.call('POST', SERVICES, service('six'));
    expect(textAt(six, 'spec.clusterIP')).toMatch(/^fd00:97::/);
  });

  it('ends when one of its addresses is taken', async () => {
    const { url } = await start();
    const other = ['--data', join(directory, 'other')];
    await expect(startWith(other, '127.0.0.1:0', `127.0.0.1:${new URL(url).port}`)).rejects.toThrow(/EADDRINUSE/);
  });

  it('stops at once although clients watch', async () => {
    const one = await start();
    const stream = await one.client.watch(CONFIG_MAPS);
    const begun = performance.now();
    expect(await end(one, 'SIGTERM')).toBe(0);
    expect(performance.now() - begun).toBeLessThan(2000);
    await stream.ended();
  });

  it('keeps its secrets to itself, and bodies out of the audit log', async () => {
    const one = await start();
    await one.client.call('POST', '/api/v1/namespaces/default/secrets', {
      metadata: { name: 's' },
      stringData: { a: 'very-secret' },
    });
    await end(one, 'SIGTERM');
    const files = [
      'admin.kubeconfig',
      'agent.kubeconfig',
      'audit.log',
      'data/log.jsonl',
      'data/pki/ca.key',
      'data/pki/server.key',
      'data/pki/token.key',
    ];
    for (const file of files) expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o600);
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700);
    const audit = readFileSync(join(directory, 'audit.log'), 'utf8');
    expect(audit).toContain('"verb":"create"');
    expect(audit).not.toContain('very-secret');
    expect(audit).not.toContain(kubeconfigAt('admin.kubeconfig').token);
  });

  it('gives the agent the least it needs', async () => {
    const one = await start();
    const { url, ca, token } = kubeconfigAt('agent.kubeconfig');
    const agent = createClient(url, ca, token);
    await one.client.call('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
    const web = '/api/v1/namespaces/default/services/web';
    const status = { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } };
    expect((await agent.call('PATCH', `${web}/status`, status, MERGE)).code).toBe(200);
    expect((await agent.call('PATCH', web, { metadata: { annotations: { a: 'b' } } }, MERGE)).code).toBe(200);
    expect((await agent.call('DELETE', web)).code).toBe(403);
    expect((await agent.call('GET', '/api/v1/secrets')).code).toBe(403);
    expect((await agent.call('GET', '/api/v1/namespaces/default/configmaps')).code).toBe(200);
    const lease = { metadata: { name: 'l' }, spec: { holderIdentity: 'n1' } };
    expect((await agent.call('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases', lease)).code).toBe(
      201,
    );
    expect((await agent.call('POST', '/api/v1/namespaces/default/configmaps', configMap('x'))).code).toBe(403);
    agent.close();
  });

  it('listens inside another network namespace', async () => {
    const netns = `kvapi-${process.pid}`;
    await createNetns(netns);
    try {
      const one = await start('127.0.0.1:0', `netns:${netns}:127.0.0.1:6443`);
      const { url, ca, token } = kubeconfigAt('agent.kubeconfig');
      expect(url).toBe('https://127.0.0.1:6443');
      const caFile = join(directory, 'ca.crt');
      writeFileSync(caFile, ca);
      const header = join(directory, 'header');
      writeFileSync(header, `Authorization: Bearer ${token}\n`, { mode: 0o600 });
      const inside = await runOrThrow(
        ['curl', '-sS', '--cacert', caFile, '-H', `@${header}`, `${url}/api/v1/services`],
        { netns },
      );
      expect(at(JSON.parse(inside), 'kind')).toBe('ServiceList');
      expect((await one.client.call('GET', '/readyz')).code).toBe(200);
      await expect(runOrThrow(['curl', '-sS', '--cacert', caFile, `${url}/readyz`])).rejects.toThrow(
        /Connection refused|ended with 7|connect/i,
      );
      // The process itself has not moved.
      expect(at((await one.client.call('GET', '/version')).body, 'major')).toBe('1');
    } finally {
      for (const one of running.splice(0)) await end(one, 'SIGKILL');
      await deleteNetns(netns);
    }
  });
});
