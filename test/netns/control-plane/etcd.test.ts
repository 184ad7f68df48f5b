/** Our end of etcd's gateway against Debian's etcd, with certificates on both sides, and everything that can be wrong there. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EtcdWire } from '../../../src/exposure/ownership/etcd/port.ts';
import { isAlive, spawnDaemon, stopProcess, type ProcessId } from '../../../src/lab/process.ts';
import { createEtcdWire } from '../../../src/linux/etcd-wire.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { readEtcd, type EtcdSettings } from '../../../src/model/etcd.ts';
import { listCandidates } from '../../../src/protocols/etcd/gateway.ts';
import { describeEtcd } from '../../support/etcd-suite.ts';
import { etcdMember, makeEtcdFiles, servesClients, type EtcdFiles } from '../../support/etcd.ts';

/** Of this machine; another run of the tests on it has others. */
const NET = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`;
const ADDRESS = `${NET}.1`;
const NOBODY = `${NET}.2`;

let dir: string;
let files: EtcdFiles;
let member: ProcessId;
const wires: EtcdWire[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-etcd-'));
  files = await makeEtcdFiles(dir, [ADDRESS, NOBODY]);
  const logFile = join(dir, 'log');
  const argv = etcdMember('only', { only: ADDRESS }, join(dir, 'data'), files);
  member = spawnDaemon({ argv, logFile, env: {}, cwd: dir });
  for (let i = 0; i < 200 && !servesClients(readFileSync(logFile, 'utf8')); i++) {
    if (!isAlive(member)) break;
    await delay(50);
  }
});
afterAll(async () => {
  for (const wire of wires) wire.close();
  await stopProcess(member, { graceMs: 0 });
  rmSync(dir, { recursive: true, force: true });
});

function wireOf(change: Partial<EtcdSettings> = {}): EtcdWire {
  const access = readEtcd(
    {
      etcdEndpoints: `${ADDRESS}:2379`,
      etcdCACert: files.ca,
      etcdCert: files.client.cert,
      etcdKey: files.client.key,
      ...change,
    },
    (name) => name,
  );
  if ('fault' in access) throw new Error(access.fault);
  const wire = createEtcdWire(access);
  wires.push(wire);
  return wire;
}

const ask = (wire: EtcdWire): Promise<unknown> => wire.post(listCandidates('nothing'), 1500);

async function failureOf(change: Partial<EtcdSettings>): Promise<KubevipError> {
  const error: unknown = await ask(wireOf(change)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KubevipError);
  return error as KubevipError;
}

describe('Debian’s etcd', () => {
  describeEtcd(() => ({ wire: wireOf(), pass: (time) => delay(time), run: (promise) => promise }));

  it('is found behind members that do not answer, and asked first from then on', async () => {
    const wire = wireOf({ etcdEndpoints: `${NOBODY}:2379,10.255.255.1:2379,${ADDRESS}:2379` });
    expect(await ask(wire)).toHaveProperty('header');
    const before = performance.now();
    expect(await ask(wire)).toHaveProperty('header');
    expect(performance.now() - before).toBeLessThan(400);
  });
});

describe('what is wrong is said, with where and what to do', () => {
  it('nobody listens', async () => {
    const error = await failureOf({ etcdEndpoints: `${NOBODY}:2379` });
    expect(error.message).toBe(`etcd at https://${NOBODY}:2379: connection refused`);
    expect(error.hints.join()).toContain('etcdEndpoints');
  });

  it('another CA than that of etcd', async () => {
    const error = await failureOf({ etcdCACert: files.otherCa });
    expect(error.message).toBe(`etcd at https://${ADDRESS}:2379: its certificate is not signed by ${files.otherCa}`);
    expect(error.hints.join()).toContain('etcdCACert');
  });

  it('no CA at all', async () => {
    const error = await failureOf({ etcdCACert: '' });
    expect(error.message).toContain('its certificate is not signed by the usual authorities');
  });

  it('a certificate that etcd refuses', async () => {
    const error = await failureOf({ etcdCert: files.stranger.cert, etcdKey: files.stranger.key });
    expect(error.message).toBe(
      `etcd at https://${ADDRESS}:2379: it refuses the client certificate ${files.stranger.cert}`,
    );
    expect(error.hints.join()).toContain('--trusted-ca-file');
  });

  it('no certificate where etcd wants one', async () => {
    const error = await failureOf({ etcdCert: '', etcdKey: '' });
    expect(error.message).toBe(`etcd at https://${ADDRESS}:2379: it wants a client certificate`);
  });

  it('a key of another certificate', async () => {
    const error = await failureOf({ etcdKey: files.stranger.key });
    expect(error.message).toContain(`${files.stranger.key} is not the key of ${files.client.cert}`);
  });

  it('a file that is not there, or holds something else', async () => {
    const missing = join(dir, 'missing.crt');
    const error = await failureOf({ etcdCert: missing });
    expect(error.message).toBe(`etcdCert: cannot read ${missing}: there is no such file`);
    expect((await failureOf({ etcdCert: join(dir, 'log') })).message).toContain('the files of the certificate');
  });

  it('http where etcd wants TLS', async () => {
    const open = { etcdCACert: '', etcdCert: '', etcdKey: '' };
    const error = await failureOf({ etcdEndpoints: `http://${ADDRESS}:2379`, ...open });
    expect(error.message).toBe(`etcd at http://${ADDRESS}:2379: it hangs up`);
    expect(error.hints.join()).toContain('https://');
  });

  it('TLS where there is none, and something that is no etcd', async () => {
    const server = createServer((_, response) => response.writeHead(404).end('404 page not found\n'));
    server.listen(2379, NOBODY);
    await once(server, 'listening');
    const secure = await failureOf({ etcdEndpoints: `${NOBODY}:2379` });
    expect(secure.message).toBe(`etcd at https://${NOBODY}:2379: it speaks no TLS`);
    const open = { etcdCACert: '', etcdCert: '', etcdKey: '' };
    const other = await failureOf({ etcdEndpoints: `http://${NOBODY}:2379`, ...open });
    expect(other.message).toContain('it has no JSON gateway (HTTP 404)');
    server.closeAllConnections();
    server.close();
  });

  it('each member with its own reason', async () => {
    const error = await failureOf({
      etcdEndpoints: `${NOBODY}:2379,${ADDRESS}:2379`,
      ...{ etcdCert: files.stranger.cert, etcdKey: files.stranger.key },
    });
    expect(error.message).toContain('connection refused');
    expect(error.message).toContain('refuses the client certificate');
  });
});
