import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { apiEndpoints, createLocalApiServer, createOtherApiServers } from '../../../src/kube/api-servers.ts';
import { caHashOf } from '../../../src/kube/ca-hash.ts';
import { loadCredentials, redirected, type Credentials } from '../../../src/kube/credentials.ts';
import { ip } from '../../../src/model/ip.ts';
import type { EndpointSlice } from '../../../src/model/kubernetes.ts';
import { realClock } from '../../support/real-time.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(host: string, answer: RequestListener, port = 0): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const credentials: Credentials = {
  server: new URL('http://10.255.255.1:6443'),
  context: 'test',
  namespace: 'default',
  authorize: () => Promise.resolve({ headers: { Authorization: 'Bearer secret' }, tls: {} }),
};
/** Longer than any test: only a server that never answers is not waited for. */
const PATIENT = 60_000;
const local = (port: number, nodeAddresses: readonly string[] = [], timeout = PATIENT) =>
  createLocalApiServer({ credentials, port, nodeAddresses: () => nodeAddresses.map(ip), timeout });
const ok: RequestListener = (_request, response) => void response.end('ok');

describe('this node’s API server', () => {
  it('is asked for /readyz on loopback with our credentials, whatever server the kubeconfig names', async () => {
    const seen: (string | undefined)[] = [];
    const port = await serve('127.0.0.1', (request, response) => {
      seen.push(request.url, request.headers.authorization);
      response.end('ok');
    });
    expect(await local(port).check()).toMatchObject({ state: 'ready' });
    expect(seen).toEqual(['/readyz', 'Bearer secret']);
  });

  it.each([
    ['::1', []],
    ['127.0.0.77', ['127.0.0.77']],
  ])('is found at %s where it does not listen on 127.0.0.1', async (host, addresses) => {
    const port = await serve(host, ok);
    const server = local(port, addresses);
    expect(await server.check()).toMatchObject({ state: 'ready' });
    expect(server.endpoint()).toEqual({ host, port, serverName: 'kubernetes' });
  });

  it('says what is not ready', async () => {
    const port = await serve('127.0.0.1', (_request, response) => {
      response.statusCode = 500;
      response.end('[+]ping ok\n[-]etcd failed: reason withheld\n[-]shutdown failed\nreadyz check failed\n');
    });
    const answer = await local(port).check();
    expect(answer).toMatchObject({ state: 'failed', reason: 'ApiServerNotReady' });
    expect(answer.message).toContain('etcd, shutdown');
  });

  it.each([
    [401, 'not accepted'],
    [403, 'may not ask (get /readyz)'],
  ])('that answers %i does not count as ready', async (status, text) => {
    const port = await serve('127.0.0.1', (_request, response) => void response.writeHead(status).end());
    const answer = await local(port).check();
    expect(answer.reason).toBe('ApiServerRefuses');
    expect(answer.message).toContain(text);
  });

  it('is waited for as long as is allowed, and no longer', async () => {
    const port = await serve('127.0.0.1', () => undefined);
    expect(await local(port, [], 100).check()).toMatchObject({ reason: 'ApiServerSilent' });
  });

  it('may be down', async () => {
    const port = await serve('127.0.0.1', ok);
    servers.splice(0).forEach((server) => server.close());
    expect(await local(port, ['127.0.0.77']).check()).toMatchObject({ reason: 'ApiServerDown' });
  });

  it('may be judged by another URL', async () => {
    const port = await serve('127.0.0.1', (request, response) =>
      response.writeHead(request.url === '/livez' ? 200 : 500).end(),
    );
    const url = new URL(`http://127.0.0.1:${port}/livez`);
    const server = createLocalApiServer({ credentials, port: 1, nodeAddresses: () => [], timeout: PATIENT, url });
    expect(await server.check()).toMatchObject({ state: 'ready' });
  });

  it('is found also when another URL judges it', async () => {
    const port = await serve('127.0.0.77', ok);
    const url = new URL(`http://127.0.0.1:${await serve('127.0.0.1', ok)}/livez`);
    const server = createLocalApiServer({
      credentials,
      port,
      nodeAddresses: () => [ip('127.0.0.77')],
      timeout: PATIENT,
      url,
    });
    expect(await server.check()).toMatchObject({ state: 'ready' });
    expect(server.endpoint().host).toBe('127.0.0.77');
  });

  it('is not looked for at an address that this node has no more', async () => {
    const port = await serve('127.0.0.77', ok);
    let addresses = [ip('127.0.0.77')];
    const server = createLocalApiServer({ credentials, port, nodeAddresses: () => addresses, timeout: PATIENT });
    expect(await server.check()).toMatchObject({ state: 'ready' });
    addresses = [];
    expect(await server.check()).toMatchObject({ reason: 'ApiServerDown' });
    expect(server.endpoint().host).toBe('127.0.0.1');
  });

  it('is told from another program that has its port on loopback', async () => {
    const port = await serve('127.0.0.77', ok);
    const other = createTcpServer((socket) => socket.end('hello\r\n'));
    other.listen(port, '127.0.0.1');
    await once(other, 'listening');
    const server = local(port, ['127.0.0.77']);
    expect(await server.check()).toMatchObject({ state: 'ready' });
    expect(server.endpoint().host).toBe('127.0.0.77');
    other.close();
  });
});

describe('the other API servers', () => {
  const slice = (hosts: readonly string[], port: number): EndpointSlice => ({
    metadata: { name: 'kubernetes', namespace: 'default' },
    addressType: 'IPv4',
    endpoints: hosts.map((host) => ({ addresses: [host] })),
    ports: [{ port }],
  });
  const others = (slices: readonly EndpointSlice[] | undefined) =>
    createOtherApiServers({
      credentials,
      slices: () => slices,
      nodeAddresses: () => [ip('127.0.0.1')],
      leaseNamespace: 'kube-system',
      clock: realClock,
      userAgent: 'test',
      timeout: PATIENT,
    });

  it('are those of the Service kubernetes, without our own', async () => {
    const port = await serve('127.0.0.1', ok);
    expect(await others([slice(['127.0.0.1', '127.0.0.2'], port)]).anyReady()).toBe('none');
    await serve('127.0.0.2', ok, port);
    expect(await others([slice(['127.0.0.1', '127.0.0.2'], port)]).anyReady()).toBe('ready');
    expect(await others([]).anyReady()).toBe('none');
    expect(await others(undefined).anyReady()).toBe('unknown');
  });

  it('are in order, each once', () => {
    const slices = [slice(['10.0.0.10', '10.0.0.9'], 6443), slice(['10.0.0.9'], 6443)];
    expect(apiEndpoints(slices).map(({ host }) => host)).toEqual(['10.0.0.9', '10.0.0.10']);
  });

  it('free the Lease of whoever cannot, and no other’s', async () => {
    const writes: unknown[] = [];
    const lease = { metadata: { name: 'plndr-cp-lock', resourceVersion: '7' }, spec: { holderIdentity: 'n1' } };
    const port = await serve('127.0.0.2', (request, response) => {
      if (request.method === 'GET') return void response.end(JSON.stringify(lease));
      let body = '';
      request.on('data', (text) => (body += String(text)));
      request.on('end', () => {
        writes.push(JSON.parse(body));
        response.end(body);
      });
    });
    await others([slice(['127.0.0.2'], port)]).free('plndr-cp-lock', 'n2');
    expect(writes).toEqual([]);
    // The first does not answer: the second is asked.
    await others([slice(['127.0.0.3', '127.0.0.2'], port)]).free('plndr-cp-lock', 'n1');
    expect(writes).toMatchObject([{ metadata: { resourceVersion: '7' }, spec: { holderIdentity: '' } }]);
  });
});

describe('credentials', () => {
  const inFolder = async (act: (file: string, dir: string) => Promise<void>): Promise<void> => {
    const dir = mkdtempSync(join(tmpdir(), 'kubevip-credentials-'));
    try {
      await act(join(dir, 'agent.conf'), dir);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };
  const kubeconfig = (token: string, cluster: object = {}): string =>
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.250:6443', ...cluster } }],
      users: [{ name: 'u', user: { token } }],
    });

  it('are read anew when their file is written anew, and kept while it is half written', () =>
    inFolder(async (file) => {
      writeFileSync(file, kubeconfig('old'));
      utimesSync(file, 1, 1);
      const loaded = loadCredentials({ env: {}, kubeconfig: file });
      expect((await loaded.authorize()).headers).toEqual({ Authorization: 'Bearer old' });
      writeFileSync(file, '{"current-con');
      utimesSync(file, 2, 2);
      expect((await loaded.authorize()).headers).toEqual({ Authorization: 'Bearer old' });
      writeFileSync(file, kubeconfig('new'));
      utimesSync(file, 3, 3);
      expect((await loaded.authorize()).headers).toEqual({ Authorization: 'Bearer new' });
    }));

  it('go to another server by its address, under the name in its certificate', () =>
    inFolder(async (file) => {
      writeFileSync(file, kubeconfig('t', { 'tls-server-name': 'other' }));
      const loaded = loadCredentials({ env: {}, kubeconfig: file });
      expect((await loaded.authorize()).tls.servername).toBe('other');
      const there = redirected(loaded, () => ({ host: '::1', port: 6443, serverName: 'kubernetes' }));
      expect(there.server.href).toBe('https://[::1]:6443/');
      expect((await there.authorize()).tls.servername).toBe('kubernetes');
    }));

  it('have the hash of their CA as kubeadm makes it', () =>
    inFolder(async (file, dir) => {
      const ca = join(dir, 'ca.crt');
      const key = [
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        join(dir, 'ca.key'),
      ];
      execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=kubernetes', '-out', ca], { stdio: 'ignore' });
      writeFileSync(file, kubeconfig('t', { 'certificate-authority': ca }));
      // The command of kubeadm's documentation.
      const pem = execFileSync('openssl', ['x509', '-pubkey', '-noout', '-in', ca]);
      const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], { input: pem });
      const hash = createHash('sha256').update(der).digest('hex');
      expect(await caHashOf(loadCredentials({ env: {}, kubeconfig: file }))).toBe(`sha256:${hash}`);
    }));
});
