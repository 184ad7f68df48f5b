/**
 * What the agent meets while a cluster is made: a kubeconfig, then no API server, then one that allows it nothing, then
 * its rights. Real connections and real time; the node's network is a fake.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/agent/config.ts';
import { ControlPlanePart } from '../../../src/agent/control-plane/part.ts';
import type { NodeParts } from '../../../src/agent/control-plane/wire.ts';
import type { Logger } from '../../../src/agent/log.ts';
import { createProcessMetrics } from '../../../src/agent/process-metrics.ts';
import { createDhcp6Leases, createDhcpLeases } from '../../../src/exposure/address/dhcp/leases.ts';
import { createAddressProber } from '../../../src/exposure/address/prober.ts';
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { createFlightRecorder } from '../../../src/exposure/failover/recorder.ts';
import { createNamePublisher } from '../../../src/exposure/naming/publisher.ts';
import { connect } from '../../../src/kube/client.ts';
import { loadCredentials } from '../../../src/kube/credentials.ts';
import { createTransport } from '../../../src/kube/transport.ts';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';
import { parseListenSpec } from '../../../src/lab/apiserver/listen.ts';
import { controlPlaneRbac } from '../../../src/manifests/rbac.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { createFakeKernel, createFakeSilence, type FakeKernel } from '../../support/fake-kernel.ts';
import { createFakeLan } from '../../support/fake-network.ts';
import { realClock, realEntropy, until } from '../../support/real-time.ts';

const VIP = ip('10.0.0.250');
const AGENT = { name: 'kubevip:control-plane', uid: '', groups: ['kubevip:control-plane', 'system:authenticated'] };

let dir: string;
let port: number;
let server: ApiServer | undefined;
let part: ControlPlanePart;
let kernel: FakeKernel;
const lines: { readonly level: string; readonly message: string }[] = [];

const start = async (listen: string): Promise<ApiServer> =>
  startApiServer({ dataDirectory: join(dir, 'api'), listen: [parseListenSpec(listen)] });
const hasVip = (): boolean => kernel.addresses().has(VIP);
const told = (): number => lines.filter(({ level }) => level !== 'debug').length;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-bootstrap-'));
  // Keys first, then nothing: as after `kubeadm init phase certs all`.
  const first = await start('127.0.0.1:0');
  port = Number(new URL(first.url).port);
  const url = `https://10.0.0.250:${port}`;
  writeFileSync(join(dir, 'agent.conf'), first.kubeconfig({ url, token: first.issueToken(AGENT), user: AGENT.name }));
  writeFileSync(join(dir, 'admin.conf'), first.kubeconfig());
  await first.stop();

  const host = createFakeLan(realClock).host({
    name: 'n1',
    mac: '02:00:00:00:00:01' as Mac,
    addresses: [{ ip: ip('10.0.0.1'), prefixLength: 24 }],
  });
  kernel = createFakeKernel(realClock);
  const { network } = host;
  const node: NodeParts = {
    clock: realClock,
    network,
    announcement: createAnnouncement({
      network,
      addressTable: kernel,
      silence: createFakeSilence(realClock),
      clock: realClock,
    }),
    prober: createAddressProber({ network, clock: realClock, entropy: realEntropy }),
    names: createNamePublisher({ network, clock: realClock, entropy: realEntropy }),
    leases: {
      4: createDhcpLeases({ network, clock: realClock, entropy: realEntropy }),
      6: createDhcp6Leases({ network, clock: realClock, entropy: realEntropy }),
    },
    recorder: createFlightRecorder({ node: 'n1', clock: realClock }),
    answerOnlyIf: () => undefined,
  };
  const env = { cp_enable: 'true', address: VIP, port: String(port), k8s_config_file: join(dir, 'agent.conf') };
  const config = readConfig(env, 'n1');
  const log = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (_fields: object, message: string) => void lines.push({ level, message }),
    ]),
  ) as unknown as Logger;
  const { controlPlane } = config;
  if (!controlPlane) throw new Error('no control plane');
  part = new ControlPlanePart({ config, controlPlane, node, log, metrics: createProcessMetrics('n1', '') });
  part.start();
});
afterAll(async () => {
  await part.stop();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('the VIP while a cluster is made', () => {
  it('waits for an API server without many words', async () => {
    await delay(3000);
    expect(hasVip()).toBe(false);
    expect(part.health().notReady).toContain('API server');
    expect(told()).toBeLessThan(15);
  });

  it('waits for permission without many words, though its kubeconfig names the VIP as server', async () => {
    server = await start(`127.0.0.1:${port}`);
    const before = told();
    await delay(4000);
    expect(hasVip()).toBe(false);
    // A busy machine may have let it time out once more.
    const isWaiting = (): boolean => part.health().notReady?.includes('waits for the key of the heartbeats') === true;
    await until(isWaiting, 'the wait for the key');
    expect(told() - before).toBeLessThan(10);
    expect(lines.some(({ message }) => message.includes('not yet'))).toBe(true);
  });

  it('is taken once it may be, with no more rights than its group has', async () => {
    const transport = createTransport(loadCredentials({ env: {}, kubeconfig: join(dir, 'admin.conf') }), 'test');
    for (const object of controlPlaneRbac()) {
      const { namespace } = object.metadata;
      const where = namespace === undefined ? '' : `namespaces/${namespace}/`;
      await transport.send({
        method: 'POST',
        path: `/apis/rbac.authorization.k8s.io/v1/${where}${object.kind.toLowerCase()}s`,
        body: object,
        subject: { verb: 'create', resource: object.kind, group: 'rbac.authorization.k8s.io' },
      });
    }
    transport.close();
    await until(hasVip, 'the VIP');
    expect(part.health()).toEqual({});
  });

  it('is told as an Event of its Lease', async () => {
    const cluster = connect({ env: {}, kubeconfig: join(dir, 'admin.conf'), userAgent: 'test' });
    const events = async () => (await cluster.resource('Event').list({ namespace: 'kube-system' })).items;
    for (let i = 0; i < 300 && (await events()).length === 0; i++) await delay(100);
    expect(await events()).toMatchObject([
      { reason: 'ControlPlaneVipTaken', regarding: { kind: 'Lease', name: 'plndr-cp-lock' } },
    ]);
    cluster.close();
  });

  it('is given up on the way out, and its Lease is free', async () => {
    await part.stop();
    expect(hasVip()).toBe(false);
    const cluster = connect({ env: {}, kubeconfig: join(dir, 'admin.conf'), userAgent: 'test' });
    const lease = await cluster.resource('Lease').get({ name: 'plndr-cp-lock', namespace: 'kube-system' });
    expect(lease.spec?.holderIdentity).toBe('');
    cluster.close();
  });
});
