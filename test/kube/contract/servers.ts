/** The servers that the contract is held against: the embedded one always, a real one when there are binaries. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';
import { kubeconfig } from '../../../src/lab/apiserver/kubeconfig.ts';
import { parseServiceRanges } from '../../../src/lab/apiserver/registry/service/ranges.ts';
import { startApiServer } from '../../../src/lab/apiserver/server.ts';
import { createClient, type Client } from './client.ts';

export interface Server {
  readonly embedded: boolean;
  readonly client: Client;
  /** Text of a kubeconfig for the administrator. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Where Services get their cluster addresses from: one range, or one of each family. */
const SERVICE_RANGES = '10.96.0.0/16';

/** Runs a suite against each server there is. `server` is valid inside tests and hooks only. */
export function againstEachServer(
  name: string,
  suite: (server: () => Server) => void,
  serviceRanges = SERVICE_RANGES,
): void {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const starts: [string, () => Promise<Server>][] = [['embedded', async () => await embeddedServer(serviceRanges)]];
  if (assets !== undefined && assets !== '') {
    starts.push(['real', async () => await realServer(assets, serviceRanges)]);
  }
  describe.each(starts)(`${name} (%s server)`, (_kind, start) => {
    let running: Server | undefined;
    beforeAll(async () => {
      running = await start();
    }, 90_000);
    afterAll(async () => await running?.stop(), 60_000);
    suite(() => {
      if (running === undefined) throw new Error('the server did not start');
      return running;
    });
  });
}

export async function embeddedServer(serviceRanges = SERVICE_RANGES): Promise<Server> {
  const server = await startApiServer({ network: { clusterCidrs: parseServiceRanges(serviceRanges) } });
  const client = createClient(server.url, server.ca, server.tokens.admin);
  return {
    embedded: true,
    client,
    kubeconfig: server.kubeconfig(),
    async stop() {
      client.close();
      await server.stop();
    },
  };
}

const TOKEN = 'contract-administrator';

/** etcd and kube-apiserver from a folder, on free ports of loopback. */
export async function realServer(assets: string, serviceRanges = SERVICE_RANGES): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'kubevip-contract-'));
  const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const certificate = await servingCertificate(join(directory, 'pki'), ['127.0.0.1', 'localhost'], new Date());
  const accountKey = join(directory, 'account.key');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(accountKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(join(directory, 'tokens.csv'), `${TOKEN},administrator,1,system:masters\n`, { mode: 0o600 });
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = run(join(assets, 'etcd'), [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]);
  const api = run(join(assets, 'kube-apiserver'), [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${join(directory, 'pki', 'server.crt')}`,
    `--tls-private-key-file=${join(directory, 'pki', 'server.key')}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${accountKey}`,
    `--service-account-signing-key-file=${accountKey}`,
    `--service-cluster-ip-range=${serviceRanges}`,
    // Of the family of the first range, and not of loopback; nobody goes there.
    `--advertise-address=${serviceRanges.split(',')[0]?.includes(':') ? '2001:db8::1' : '192.0.2.1'}`,
    // It waits for a controller that does not run here.
    '--disable-admission-plugins=ServiceAccount',
    '--shutdown-delay-duration=0s',
  ]);
  const url = `https://127.0.0.1:${port}`;
  const client = createClient(url, certificate.ca, TOKEN);
  const stop = async (): Promise<void> => {
    client.close();
    await Promise.all([end(api), end(etcd)]);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await untilReady(client, api);
  } catch (error) {
    await stop();
    throw error;
  }
  const text = kubeconfig({ server: url, ca: certificate.ca, user: 'administrator', token: TOKEN });
  return { embedded: false, client, kubeconfig: text, stop };
}

interface Running {
  readonly process: ChildProcess;
  readonly said: string[];
}

function run(program: string, argv: readonly string[]): Running {
  if (!existsSync(program)) throw new Error(`KUBEBUILDER_ASSETS has no ${program}`);
  const child = spawn(program, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said: string[] = [];
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said.push(text);
    if (said.length > 200) said.shift();
  });
  return { process: child, said };
}

async function end({ process: child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

async function untilReady(client: Client, api: Running): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (api.process.exitCode !== null) throw new Error(`kube-apiserver ended: ${api.said.join('')}`);
    const ready = await client.call('GET', '/readyz').catch(() => undefined);
    // Made after it is ready, as the last of what is there from the beginning.
    const service = await client.call('GET', '/api/v1/namespaces/default/services/kubernetes').catch(() => undefined);
    if (ready?.code === 200 && service?.code === 200) return;
    await delay(200);
  }
  throw new Error(`kube-apiserver is not ready: ${api.said.slice(-20).join('')}`);
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
