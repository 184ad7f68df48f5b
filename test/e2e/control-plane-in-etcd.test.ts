/**
 * The control-plane VIP with `leaderElectionType=etcd`: three members of Debian's etcd that want certificates, three
 * agents, and etcdctl as a candidate of another kind in the same election.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureDaemon, logFile, stopDaemon } from '../../src/lab/daemons.ts';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { controlPlaneLab, NODES, VIPS, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { etcdctl, etcdMember, makeEtcdFiles, servesClients, type EtcdFiles } from '../support/etcd.ts';

/** kube-vip's name for the election of Lease plndr-cp-lock in namespace kube-system. */
const ELECTION = 'kube-system-plndr-cp-lock';
const MEMBERS = Object.fromEntries(NODES.map((node) => [node, nodeAddresses(node).management]));
const ENDPOINTS = Object.values(MEMBERS).map((address) => `https://${address}:2379`);
const TIMES = { vip_leaseduration: '3', vip_renewdeadline: '2', vip_retryperiod: '1' };
/** A lease that is not renewed, and what etcd and this machine take besides. */
const LEASE_MS = 3000 + 2500;

let lab: TestLab;
let planes: ControlPlaneLab;
let files: EtcdFiles;

beforeAll(async () => {
  lab = await startLab({ agents: false, dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  planes = await controlPlaneLab(lab);
  const dir = join(lab.paths.dir, 'etcd');
  mkdirSync(dir);
  files = await makeEtcdFiles(dir, Object.values(MEMBERS));
  await Promise.all(NODES.map((node) => etcd(node, true)));
  await Promise.all(NODES.map((node) => planes.api(node, true)));
}, 120_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function etcd(node: string, on: boolean): Promise<void> {
  const name = `${node}-etcd`;
  if (!on) {
    await stopDaemon(lab.paths, name, { graceMs: 0 });
    return;
  }
  const argv = etcdMember(node, MEMBERS, join(lab.paths.dir, 'etcd', node), files);
  await ensureDaemon(lab.paths, { name, host: node, argv, ready: servesClients, readyWithinMs: 20_000 });
}

function start(node: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  return planes.start(node, {
    leaderElectionType: 'etcd',
    etcdEndpoints: ENDPOINTS.join(),
    etcdCACert: files.ca,
    etcdCert: files.client.cert,
    etcdKey: files.client.key,
    ...TIMES,
    ...env,
  });
}

/** `etcdctl elect` as that candidate, until it is stopped. */
async function candidate(name: string): Promise<{ leads: () => boolean; stop: () => Promise<void> }> {
  const argv = etcdctl(ENDPOINTS, files, 'elect', ELECTION, name);
  await ensureDaemon(lab.paths, { name, host: 'n1', argv });
  return {
    leads: () => readFileSync(logFile(lab.paths, name), 'utf8').includes(`${ELECTION}/`),
    stop: async () => {
      await stopDaemon(lab.paths, name, { graceMs: 5000 });
    },
  };
}

/** Who is in the election, the leader first, as etcdctl has it. */
async function candidates(): Promise<string[]> {
  const order = ['--prefix', '--sort-by', 'CREATE', '--print-value-only'];
  const { stdout } = await lab.on('n1', ...etcdctl(ENDPOINTS, files, 'get', `${ELECTION}/`, ...order));
  return stdout.split('\n').filter((line) => line !== '');
}

async function ownerNow(): Promise<string> {
  const owner = await planes.newOwner();
  if (owner === undefined) throw new Error(`nobody has the VIP\n${await planes.account()}`);
  return owner;
}

/** Served by another node, within that time, and every question was answered by one machine at most. */
async function movedFrom(before: string, within: number): Promise<string> {
  const began = performance.now();
  const next = await planes.newOwner(before);
  const took = performance.now() - began;
  if (next === undefined || next === before) throw new Error(`it stays at ${before}\n${await planes.account()}`);
  expect(took).toBeLessThan(within);
  expect(await planes.served()).toBe(true);
  expect(planes.disputed()).toEqual([[], []]);
  return next;
}

describe('the control-plane VIP by an election in etcd', () => {
  it('waits for etcdctl, which leads it, and is taken at once when that ends', async () => {
    const other = await candidate('somebody');
    expect(await eventually(other.leads, Boolean)).toBe(true);
    await Promise.all(NODES.map((node) => start(node)));
    expect((await eventually(candidates, (all) => all.length === 4)).slice(0, 1)).toEqual(['somebody']);
    await delay(500);
    for (const node of NODES) expect(await planes.addresses(node)).toEqual([]);
    await other.stop();
    const owner = await movedFrom('', 2500);
    expect(await planes.addresses(owner)).toEqual([...VIPS]);
    expect((await candidates())[0]).toBe(owner);
    const isWritten = await eventually(
      () => planes.lease(),
      (lease) => lease?.spec?.holderIdentity === owner,
    );
    expect(isWritten?.spec?.holderIdentity).toBe(owner);
  });

  it('moves when its agent is killed, as soon as the lease of that has run out', async () => {
    const before = await ownerNow();
    await planes.stop(before, 'kill');
    const next = await movedFrom(before, LEASE_MS);
    await start(before);
    expect((await eventually(candidates, (all) => all.length === 3))[0]).toBe(next);
  });

  it('is handed over when its agent ends, while etcdctl waits for its turn', async () => {
    const before = await ownerNow();
    const other = await candidate('patient');
    await eventually(candidates, (all) => all.length === 4);
    await planes.stop(before);
    await movedFrom(before, 1500);
    expect(other.leads()).toBe(false);
    await other.stop();
    await start(before);
  });

  it('stays while one member of etcd is gone, and is let go of in time while most are; then it is back', async () => {
    const before = await ownerNow();
    const [first, ...rest] = NODES.filter((node) => node !== before) as [string, ...string[]];
    await etcd(before, false);
    await delay(2500);
    expect(planes.owner()).toBe(before);
    await etcd(first, false);
    // Before its lease can have run out, with a second for this machine.
    const gone = await eventually(
      () => planes.addresses(before),
      (addresses) => addresses.length === 0,
      3,
    );
    expect(gone).toEqual([]);
    for (const node of [first, ...rest]) expect(await planes.addresses(node)).toEqual([]);
    const { stdout } = await lab.on(before, 'curl', '-s', 'http://127.0.0.1:2113/readyz');
    expect(stdout).toContain('without etcd it is not certain who has');
    expect(
      (
        await eventually(
          () => planes.lease(),
          (lease) => !lease?.spec?.holderIdentity,
        )
      )?.spec?.holderIdentity,
    ).toBe('');
    await etcd(first, true);
    await etcd(before, true);
    await ownerNow();
    expect(await planes.served()).toBe(true);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('needs no Kubernetes: an agent without a kubeconfig contends, too, and serves it', async () => {
    const before = await ownerNow();
    const [second = '', third = ''] = (await candidates()).slice(1);
    await Promise.all([planes.stop(second), planes.stop(third)]);
    await start(second, { k8s_config_file: '', HOME: lab.paths.dir });
    await eventually(candidates, (all) => all.includes(second));
    await planes.stop(before);
    expect(await movedFrom(before, 1500)).toBe(second);
    expect(await planes.addresses(second)).toEqual([...VIPS]);
    await start(before);
  });

  it('is not for an agent whose certificate etcd refuses, which says so', async () => {
    const owner = await ownerNow();
    const [other = ''] = NODES.filter((node) => node !== owner);
    await planes.stop(other);
    await start(other, { etcdCert: files.stranger.cert, etcdKey: files.stranger.key });
    const refused = `it refuses the client certificate ${files.stranger.cert}`;
    const log = await eventually(
      () => planes.log(other),
      (text) => text.includes(refused),
      10,
    );
    expect(log).toContain(refused);
    expect(log).toContain('--trusted-ca-file');
    expect(await candidates()).not.toContain(other);
    expect(planes.owner()).toBe(owner);
  });
});
