/**
 * The control-plane VIP with `kubevip_election=lease`, as kube-vip does it: the scenarios of `control-plane.test.ts` in which
 * the Lease decides, and the change from there to heartbeats. A kube-vip among them would be one of those by Lease.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/faults.ts';
import { controlPlaneLab, NODES, VIPS, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { startLab, type TestLab } from '../support/e2e.ts';

const BY_LEASE = { kubevip_election: 'lease' };
const BY_HEARTBEAT = { kubevip_election: 'heartbeat' };

let lab: TestLab;
let planes: ControlPlaneLab;

beforeAll(async () => {
  lab = await startLab({ agents: false, dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  planes = await controlPlaneLab(lab);
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await Promise.all(NODES.map((node) => planes.start(node, BY_LEASE)));
}, 120_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function ownerNow(): Promise<string> {
  const owner = await planes.newOwner();
  if (owner === undefined) throw new Error('nobody has the VIP');
  return owner;
}

/** Served in both families by another node, and every question was answered by one machine at most. */
async function movedFrom(before: string): Promise<string> {
  const next = await planes.newOwner(before);
  expect(next).toBeDefined();
  expect(next).not.toBe(before);
  expect(await planes.served()).toBe(true);
  expect(planes.disputed()).toEqual([[], []]);
  return next ?? '';
}

describe('the VIP, by its Lease', () => {
  it('moves when the node that has it loses its power, and never is on two', async () => {
    const before = await ownerNow();
    expect((await planes.lease())?.spec).toMatchObject({ holderIdentity: before, leaseDurationSeconds: 5 });
    await powerOff(lab.id, before);
    const next = await movedFrom(before);
    await powerOn(lab.id, before);
    await planes.api(before, true);
    await planes.start(before, BY_LEASE);
    await delay(2000);
    expect(planes.owner()).toBe(next);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('is freed by a node whose API server is gone, and not left to run out', async () => {
    const before = await ownerNow();
    const seen = await planes.watchHolders();
    await planes.api(before, false);
    await movedFrom(before);
    expect(seen.stop().slice(0, 2)).toEqual([before, '']);
    await planes.api(before, true);
  });

  it('stays with its last owner while all API servers are gone', async () => {
    const before = await ownerNow();
    // One that is ready a moment longer, or sooner, than the owner's own would be given the VIP.
    const others = NODES.filter((node) => node !== before);
    await Promise.all(others.map((node) => planes.api(node, false)));
    await planes.api(before, false);
    await delay(12_000);
    expect(await planes.addresses(before)).toEqual([...VIPS]);
    expect(planes.owner()).toBe(before);
    await planes.api(before, true);
    expect(await planes.served()).toBe(true);
    await Promise.all(others.map((node) => planes.api(node, true)));
    await delay(3000);
    expect(planes.owner()).toBe(before);
    expect(planes.disputed()).toEqual([[], []]);
  });
});

describe('from there to heartbeats, one control plane after the other', () => {
  it('the VIP has one owner all the time, whoever goes first', async () => {
    const first = await ownerNow();
    const [second, third] = NODES.filter((node) => node !== first) as [string, string];
    await planes.stop(second);
    await planes.start(second, BY_HEARTBEAT);
    await delay(3000);
    expect(planes.owner()).toBe(first);
    await planes.stop(first);
    const next = await movedFrom(first);
    await planes.start(first, BY_HEARTBEAT);
    await delay(3000);
    expect(planes.owner()).toBe(next);
    await planes.stop(third);
    if (next === third) await movedFrom(third);
    await planes.start(third, BY_HEARTBEAT);
    await delay(3000);
    expect(await planes.served()).toBe(true);
    expect(planes.disputed()).toEqual([[], []]);
  });

  it('an owner by heartbeat that dies is followed by one that waits for its Lease, in the time of a Lease', async () => {
    const before = await ownerNow();
    const others = NODES.filter((node) => node !== before);
    for (const node of others) await planes.stop(node);
    await planes.start(others[0] ?? '', BY_LEASE);
    await delay(3000);
    expect(planes.owner()).toBe(before);
    expect((await planes.lease())?.spec?.leaseDurationSeconds).toBe(5);
    await planes.stop(before, 'kill');
    expect(await movedFrom(before)).toBe(others[0]);
  });
});
