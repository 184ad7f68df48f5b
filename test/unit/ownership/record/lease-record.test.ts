import { beforeEach, describe, expect, it } from 'vitest';
import { createLeaseOwnership } from '../../../../src/exposure/ownership/lease-ownership.ts';
import { createLeaseRecord, type LeaseRecord } from '../../../../src/exposure/ownership/record/lease-record.ts';
import { KEY } from '../../../../src/model/annotations.ts';
import { ip } from '../../../../src/model/ip.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';
import { createLeaseCluster, type LeaseCluster } from '../../../support/lease-cluster.ts';

const VIP = ip('10.0.0.200');
const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const NAME = 'kubevip-10-0-0-200';
const OWNER = { node: 'a', mine: true, since: '', term: 1 };

let clock: FakeClock;
let cluster: LeaseCluster;
let live: string[];
let errors: unknown[];
/** What is answered for on the LAN; undefined: it cannot be asked. */
let lan: Set<string> | undefined;

beforeEach(() => {
  clock = createFakeClock();
  cluster = createLeaseCluster(clock);
  live = ['a', 'b'];
  errors = [];
  lan = undefined;
});

type Hearing = (node: string) => string[];

function record(node: string, hears: Hearing = () => live): LeaseRecord {
  return createLeaseRecord({
    node,
    store: cluster.store(node),
    clock,
    times: TIMES,
    about: () => ({ [KEY.agent]: '{}' }),
    addresses: () => [ip(node === 'a' ? '10.0.0.1' : '10.0.0.2')],
    live: () => hears(node),
    isAnswered: (address) => (lan ? Promise.resolve(lan.has(address)) : Promise.reject(new Error('no LAN'))),
    onError: (error) => errors.push(error),
  });
}

async function started(...given: (string | { readonly live: Hearing })[]): Promise<LeaseRecord[]> {
  const hears = given.flatMap((one) => (typeof one === 'string' ? [] : [one.live]))[0];
  const records = given.flatMap((one) => (typeof one === 'string' ? [record(one, hears)] : []));
  const starting = records.map((one) => one.start());
  await clock.advanceAsync(100);
  await Promise.all(starting);
  return records;
}

const holder = (name = NAME): string | undefined => cluster.leases.get(name)?.spec?.holderIdentity;
const writesTo = (name: string): string[] => cluster.writes.filter((line) => line.endsWith(` ${name}`));

describe('what is written where heartbeats decide', () => {
  it('is who owns an address, when it changes, and once a minute that an agent is there: nothing else', async () => {
    const [a, b] = await started('a', 'b');
    a?.owned(VIP, OWNER);
    await clock.advanceAsync(400);
    expect(holder()).toBe('a');
    expect(cluster.leases.get(NAME)?.metadata.annotations?.[KEY.leaseAddress]).toBe(VIP);
    a?.lost(VIP);
    b?.owned(VIP, { ...OWNER, node: 'b' });
    await clock.advanceAsync(400);
    expect(holder()).toBe('b');
    const before = cluster.writes.length;
    await clock.advanceAsync(600_000);
    // Two agents, ten minutes: 0.017 a second and node.
    expect(cluster.writes.length - before).toBeLessThanOrEqual(20);
    expect(writesTo(NAME)).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it('waits for an API server that is away, and bothers it ever less', async () => {
    const [a] = await started('a');
    cluster.cut('a', { calls: true, watch: true });
    a?.owned(VIP, OWNER);
    await clock.advanceAsync(120_000);
    const attempts = errors.length;
    expect(attempts).toBeLessThan(40);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(40_000);
    expect(holder()).toBe('a');
  });

  it('is written once the API server answers again, however long it was away', async () => {
    const [a] = await started('a');
    cluster.cut('a', { calls: true, watch: true });
    a?.owned(VIP, OWNER);
    // In the middle of the longest pause between two attempts.
    await clock.advanceAsync(120_000);
    const attempts = errors.length;
    while (errors.length === attempts) await clock.advanceAsync(100);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(100);
    expect(holder()).toBe('a');
  });

  it('goes with what nobody wants any more', async () => {
    const [a] = await started('a');
    a?.owned(VIP, OWNER);
    await clock.advanceAsync(400);
    a?.released(VIP);
    await clock.advanceAsync(100);
    expect(cluster.leases.has(NAME)).toBe(false);
  });

  it('goes also where it still names one that is gone, whose address was taken and let go of at once', async () => {
    const [a, b] = await started('a', 'b');
    b?.owned(VIP, { ...OWNER, node: 'b' });
    await clock.advanceAsync(1000);
    const stopped = b?.stop();
    live = ['a'];
    await clock.advanceAsync(100);
    await stopped;
    expect(holder()).toBe('b');
    a?.owned(VIP, OWNER);
    await clock.advanceAsync(100);
    a?.released(VIP);
    await clock.advanceAsync(100);
    expect(cluster.leases.has(NAME)).toBe(false);
  });

  it('says of a dead agent that it is gone, and of one that was taken for dead that it is not', async () => {
    const [a] = await started('a', 'b');
    a?.liveChanged();
    live = ['a'];
    a?.liveChanged();
    await clock.advanceAsync(100);
    expect(holder('kubevip-node-b')).toBe('');
    await clock.advanceAsync(10_000);
    expect(holder('kubevip-node-b')).toBe('b');
  });

  it('clears away what a dead agent left, once nobody has it', async () => {
    const [, b] = await started('a', 'b');
    b?.owned(VIP, { ...OWNER, node: 'b' });
    await clock.advanceAsync(400);
    cluster.cut('b', { calls: true, watch: true });
    live = ['a'];
    await clock.advanceAsync(60_000);
    expect(cluster.leases.has(NAME)).toBe(false);
  });

  it('leaves nothing of the last agent, and of others what the next owner writes over', async () => {
    const [a] = await started('a');
    a?.owned(VIP, OWNER);
    await clock.advanceAsync(400);
    const stopped = a?.stop();
    await clock.advanceAsync(100);
    await stopped;
    expect(cluster.leases.has('kubevip-node-a')).toBe(false);
    expect(cluster.leases.has(NAME)).toBe(true);
    live = ['c'];
    const last = record('c');
    const starting = last.start();
    await clock.advanceAsync(100);
    await starting;
    last.owned(VIP, { ...OWNER, node: 'c' });
    await clock.advanceAsync(400);
    const ended = last.stop();
    await clock.advanceAsync(100);
    await ended;
    expect([...cluster.leases.keys()]).toEqual([]);
  });
});

describe('what the last agent leaves', () => {
  it('is nothing that names an agent that is gone, or itself for an address that it handed over to such a one', async () => {
    const [a, b] = await started('a', 'b');
    a?.owned(VIP, OWNER);
    b?.owned(ip('10.0.0.201'), { ...OWNER, node: 'b' });
    await clock.advanceAsync(1000);
    // Neither of them writes down in time what it takes from the other.
    a?.lost(VIP);
    b?.lost(ip('10.0.0.201'));
    for (const one of [b, a]) {
      const stopped = one?.stop();
      live = one === b ? ['a'] : [];
      await clock.advanceAsync(100);
      await stopped;
    }
    expect([...cluster.leases.keys()]).toEqual([]);
  });
});

describe('the presence of an agent that ends', () => {
  it.each([0, 1, 2, 3, 4, 5])('goes with it, though others wrote down %d ms before that it is gone', async (before) => {
    const [a, b] = await started('a', 'b');
    a?.liveChanged();
    live = ['a'];
    a?.liveChanged();
    await clock.advanceAsync(before);
    const stopped = b?.stop();
    await clock.advanceAsync(100);
    await stopped;
    expect(cluster.leases.has('kubevip-node-b')).toBe(false);
  });
});

describe('agents that are not heard', () => {
  it('are those that elect through Leases, as long as they renew them', async () => {
    const other = createLeaseOwnership({
      node: 'z',
      times: TIMES,
      clock,
      store: cluster.store('z'),
    });
    const starting = other.start();
    await clock.advanceAsync(100);
    await starting;
    other.ensure(VIP, ['z']);
    const [a] = await started('a');
    await clock.advanceAsync(3000);
    expect(a?.strangers()).toEqual([{ node: 'z', kind: 'lease' }]);
    expect(a?.recordedHolder(VIP)).toBe('z');
    // Beside such the Lease is all that tells two takers of each other.
    const mine = ip('10.0.0.201');
    a?.owned(mine, OWNER);
    await clock.advanceAsync(50);
    expect(holder('kubevip-10-0-0-201')).toBe('a');
    cluster.cut('z', { calls: true, watch: true });
    await clock.advanceAsync(6000);
    expect(a?.strangers()).toEqual([]);
  });

  it('are those whose heartbeats do not get through, and not one that fell silent', async () => {
    const [a] = await started('a', 'b');
    await clock.advanceAsync(120_000);
    expect(a?.strangers()).toEqual([]);
    // It was heard until now: nothing says that it is alive.
    live = ['a'];
    cluster.cut('b', { calls: true, watch: true });
    a?.liveChanged();
    await clock.advanceAsync(170_000);
    expect(a?.strangers()).toEqual([]);
    cluster.cut('b', { calls: false, watch: false });
    await clock.advanceAsync(70_000);
    expect(a?.strangers()).toEqual([{ node: 'b', kind: 'unheard' }]);
    live = ['a', 'b'];
    a?.liveChanged();
    expect(a?.strangers()).toEqual([]);
  });

  it('have nothing to go by but the Lease: it is renewed as by election, and both know of a death as soon', async () => {
    const heard = new Map([
      ['a', ['a']],
      ['b', ['b']],
    ]);
    const [a, b] = await started('a', 'b', { live: (node) => heard.get(node) ?? [] });
    await clock.advanceAsync(70_000);
    expect([a?.strangers(), b?.strangers()]).toEqual([
      [{ node: 'b', kind: 'unheard' }],
      [{ node: 'a', kind: 'unheard' }],
    ]);
    expect(cluster.leases.get('kubevip-node-b')?.spec?.leaseDurationSeconds).toBe(5);
    cluster.cut('b', { calls: true, watch: true });
    await clock.advanceAsync(4000);
    expect(a?.strangers()).toHaveLength(1);
    await clock.advanceAsync(3000);
    expect(a?.strangers()).toEqual([]);
    // Nobody is left whom it concerns.
    const before = writesTo('kubevip-node-a').length;
    await clock.advanceAsync(50_000);
    expect(writesTo('kubevip-node-a').length - before).toBeLessThanOrEqual(1);
    expect(cluster.leases.get('kubevip-node-a')?.spec?.leaseDurationSeconds).toBe(180);
  });

  it('are known as such seconds after they fell silent, when it is the network that fails', async () => {
    const hears = new Map([
      ['a', ['a', 'b']],
      ['b', ['a', 'b']],
    ]);
    const [a, b] = await started('a', 'b', { live: (node) => hears.get(node) ?? [] });
    for (const one of [a, b]) one?.liveChanged();
    await clock.advanceAsync(10_000);
    for (const node of ['a', 'b']) hears.set(node, [node]);
    for (const one of [a, b]) one?.liveChanged();
    await clock.advanceAsync(6000);
    expect([a?.strangers(), b?.strangers()]).toEqual([
      [{ node: 'b', kind: 'unheard' }],
      [{ node: 'a', kind: 'unheard' }],
    ]);
  });

  it('are known though they renew their Lease every second from the beginning, since there are more of the kind', async () => {
    const [a] = await started('a', 'b', 'c', { live: (node) => (node === 'a' ? live : [node]) });
    live = ['a'];
    await clock.advanceAsync(70_000);
    live = ['a', 'b', 'c'];
    a?.liveChanged();
    expect(a?.strangers()).toEqual([]);
    expect(cluster.leases.get('kubevip-node-b')?.spec?.leaseDurationSeconds).toBe(5);
    live = ['a'];
    a?.liveChanged();
    await clock.advanceAsync(6000);
    expect(a?.strangers().map(({ node }) => node)).toEqual(['b', 'c']);
  });

  it('are found by one that begins among such, before it takes anything', async () => {
    await started('b', 'c', { live: (node) => [node] });
    await clock.advanceAsync(70_000);
    expect(cluster.leases.get('kubevip-node-b')?.spec?.leaseDurationSeconds).toBe(5);
    const [a] = await started('a', { live: (node) => [node] });
    expect(a?.strangers().map(({ node }) => node)).toEqual(['b', 'c']);
    cluster.cut('c', { calls: true, watch: true });
    await clock.advanceAsync(7000);
    expect(a?.strangers().map(({ node }) => node)).toEqual(['b']);
  });

  it('are as alive as they were while no API server answers, and have their time again after that', async () => {
    const [a] = await started('a', 'b', { live: (node) => [node] });
    await clock.advanceAsync(70_000);
    for (const node of ['a', 'b']) cluster.cut(node, { calls: true, watch: true });
    await clock.advanceAsync(600_000);
    expect(a?.strangers()).toHaveLength(1);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(4000);
    expect(a?.strangers()).toHaveLength(1);
    await clock.advanceAsync(8000);
    expect(a?.strangers()).toEqual([]);
  });

  it('are gone while no API server answers once nobody answers on the LAN for anything that they own', async () => {
    const other = ip('10.0.0.201');
    const [a, b] = await started('a', 'b', { live: (node) => [node] });
    for (const address of [VIP, other]) b?.owned(address, { ...OWNER, node: 'b' });
    await clock.advanceAsync(70_000);
    lan = new Set([other]);
    for (const node of ['a', 'b']) cluster.cut(node, { calls: true, watch: true });
    await clock.advanceAsync(60_000);
    expect(a?.strangers()).toEqual([{ node: 'b', kind: 'unheard' }]);
    lan = new Set();
    await clock.advanceAsync(3000);
    expect(a?.strangers()).toHaveLength(1);
    await clock.advanceAsync(7000);
    expect(a?.strangers()).toEqual([]);
    // It had been cut off from everything, and gives signs of life again.
    for (const node of ['a', 'b']) cluster.cut(node, { calls: false, watch: false });
    await clock.advanceAsync(70_000);
    expect(a?.strangers()).toHaveLength(1);
  });

  it('tell where they hear, for those who speak to them directly', async () => {
    const [a, b] = await started('a', 'b');
    expect(a?.peers()).toEqual(['10.0.0.2']);
    expect(b?.peers()).toEqual(['10.0.0.1']);
  });
});
