/** Three agents in one process with their own connections, in real time, against servers of every temper. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLeaseOwnership } from '../../../src/exposure/ownership/lease-ownership.ts';
import type { RunningOwnership } from '../../../src/exposure/ownership/port.ts';
import { rankNodes } from '../../../src/exposure/ownership/rendezvous.ts';
import { connect, type Cluster } from '../../../src/kube/client.ts';
import { createLeaseStore } from '../../../src/kube/lease-store.ts';
import { REFLECTOR_TIMES } from '../../../src/kube/watcher/machine.ts';
import { createWatcher } from '../../../src/kube/watcher/watcher.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Lease } from '../../../src/model/kubernetes.ts';
import { realClock, realEntropy, until } from '../../support/real-time.ts';
import { startScriptedApi, type ScriptedApi } from '../../support/scripted-api.ts';
import { againstEachServer } from '../contract/servers.ts';

const NAMESPACE = 'kube-system';
const TIMES = { duration: 1000, renewDeadline: 600, retryPeriod: 200 };
const NODES = ['n1', 'n2', 'n3'];
const VIP = ip('10.0.0.5');
const [first = '', second = ''] = rankNodes(VIP, NODES);

class Agents {
  readonly all = new Map<string, RunningOwnership>();
  /** By the agents' own callbacks: when two held one address. */
  readonly doubles: string[] = [];
  readonly changes: { readonly at: number; readonly node: string; readonly holds: boolean }[] = [];

  async start(node: string, cluster: Cluster): Promise<RunningOwnership> {
    const leases = cluster.resource('Lease');
    const watcher = createWatcher<Lease>({
      resource: leases,
      selection: { namespace: NAMESPACE },
      clock: realClock,
      entropy: realEntropy,
      times: { ...REFLECTOR_TIMES, backoff: [20, 200] },
    });
    const store = createLeaseStore({ leases, watcher, namespace: NAMESPACE, clock: realClock });
    const ownership = createLeaseOwnership({ node, times: TIMES, clock: realClock, store });
    this.all.set(node, ownership);
    ownership.onChange((address) => {
      if (address === undefined) return;
      this.changes.push({ at: realClock.now(), node, holds: ownership.holds(address) });
      const holders = this.holders(address);
      if (holders.length > 1) this.doubles.push(`${address} on ${holders.join(' and ')}`);
    });
    await ownership.start();
    return ownership;
  }

  ensure(address: Ip, eligible: readonly string[] = NODES): void {
    for (const one of this.all.values()) one.ensure(address, eligible);
  }

  holders(address: Ip): string[] {
    return [...this.all].filter(([, one]) => one.holds(address)).map(([node]) => node);
  }

  async held(address: Ip, by?: string): Promise<void> {
    const wanted = (): boolean => {
      const [holder] = this.holders(address);
      return by === undefined ? holder !== undefined : holder === by;
    };
    await until(wanted, `${by ?? 'anybody'} to hold ${address}`);
  }

  async seeEachOther(): Promise<void> {
    await until(
      () => [...this.all.values()].every((one) => one.liveNodes().length === this.all.size),
      'all to be seen',
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all.values()].map(async (one) => one.stop()));
  }
}

againstEachServer('owners by Lease', (server) => {
  const directory = mkdtempSync(join(tmpdir(), 'kubevip-ownership-'));
  const clusters: Cluster[] = [];
  const agents = new Agents();
  let admin: Cluster;
  const connection = (): Cluster => {
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, server().kubeconfig);
    const cluster = connect({ kubeconfig, env: {}, userAgent: 'kubevip-test/0' });
    clusters.push(cluster);
    return cluster;
  };
  const ours = async (): Promise<string[]> => {
    const { items } = await admin.resource('Lease').list({ namespace: NAMESPACE });
    return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('kubevip-'));
  };
  beforeAll(async () => {
    admin = connection();
    for (const node of NODES) await agents.start(node, connection());
    await agents.seeEachOther();
  });
  afterAll(async () => {
    await agents.stop();
    for (const cluster of clusters) cluster.close();
    rmSync(directory, { recursive: true });
  });

  it('are chosen, change, and leave nothing behind', async () => {
    agents.ensure(VIP);
    await agents.held(VIP, first);
    const lease = await admin.resource('Lease').get({ name: 'kubevip-10-0-0-5', namespace: NAMESPACE });
    expect(lease).toMatchObject({
      metadata: { annotations: { 'kubevip.dev/address': '10.0.0.5' } },
      spec: { holderIdentity: first, leaseTransitions: 0 },
    });
    expect(lease.spec?.acquireTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

    agents.ensure(
      VIP,
      NODES.filter((node) => node !== first),
    );
    await agents.held(VIP, second);

    for (const one of agents.all.values()) one.release(VIP);
    let names = await ours();
    for (const end = Date.now() + 10_000; names.includes('kubevip-10-0-0-5') && Date.now() < end; names = await ours());
    expect(names.sort()).toEqual(NODES.map((node) => `kubevip-node-${node}`));
    expect(agents.doubles).toEqual([]);
  });

  it('hand over when an agent stops, long before any Lease would run out', async () => {
    const addresses = Array.from({ length: 30 }, (_, i) => ip(`10.0.1.${i}`));
    for (const address of addresses) agents.ensure(address);
    await Promise.all(addresses.map(async (address) => agents.held(address)));
    const before = realClock.now();
    const stopped = agents.all.get('n1')?.stop();
    await Promise.all(addresses.map(async (address) => agents.held(address)));
    const took = realClock.now() - before;
    await stopped;
    agents.all.delete('n1');
    expect(took).toBeLessThan(TIMES.duration);
    expect(agents.doubles).toEqual([]);
    expect(await ours()).not.toContain('kubevip-node-n1');
  });
});

describe('owners by Lease, when the API server fails', () => {
  let api: ScriptedApi;
  let agents: Agents;
  beforeEach(async () => {
    api = await startScriptedApi();
    agents = new Agents();
    for (const node of NODES) await agents.start(node, api.cluster());
    await agents.seeEachOther();
    agents.ensure(VIP);
    await agents.held(VIP, first);
  });
  afterEach(async () => {
    await agents.stop();
    await api.close();
    expect(agents.doubles).toEqual([]);
  });

  it('stay where they are through resets, errors and forgotten history', async () => {
    agents.changes.length = 0;
    for (const status of [500, 503, 429]) {
      api.cutWatches();
      api.forgetHistory();
      api.failNext(status, (line) => line.startsWith('PUT'));
      // Long enough for every agent to renew: one refusal costs none of them its Lease.
      await new Promise((resolve) => setTimeout(resolve, 700));
      await until(() => api.watches === NODES.length, 'the watches');
    }
    expect(agents.holders(VIP)).toEqual([first]);
    expect(agents.changes).toEqual([]);
  });

  it('let go before the Lease could be another’s, and come back with the server', async () => {
    await api.down();
    const down = realClock.now();
    await until(() => agents.holders(VIP).length === 0, 'the owner to let go');
    const fenced = realClock.now() - down;
    expect(fenced).toBeGreaterThan(TIMES.renewDeadline - TIMES.retryPeriod - 100);
    expect(agents.all.get(first)?.ensure(VIP, NODES)).toMatchObject({ state: 'pending', reason: 'LeaseNotRenewed' });
    await api.up();
    await agents.held(VIP);
  });

  it('change when the holder can no longer renew, after it has let go by itself', async () => {
    agents.changes.length = 0;
    const release = api.hang((line) => line.startsWith('PUT') && line.endsWith(`kubevip-node-${first}`));
    await agents.held(VIP, second);
    // The loser may tell more than once that it holds nothing.
    const lost = agents.changes.findIndex(({ node, holds }) => node === first && !holds);
    const taken = agents.changes.findIndex(({ node, holds }) => node === second && holds);
    expect(lost).toBeGreaterThanOrEqual(0);
    expect(taken).toBeGreaterThan(lost);
    expect(agents.changes.slice(lost).filter(({ node, holds }) => node === first && holds)).toEqual([]);
    release();
    await until(() => agents.all.get(first)?.ensure(VIP, NODES).state === 'ready', 'the first to see the owner');
    expect(agents.holders(VIP)).toEqual([second]);
  });

  it('do not move because a watch says nothing any more', async () => {
    api.silence(true);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(agents.holders(VIP)).toEqual([first]);
    api.silence(false);
  });
});
