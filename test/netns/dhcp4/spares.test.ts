/** Spare leases with a real dnsmasq, on two nodes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedSpare } from '../../../src/exposure/address/dhcp/spare-record.ts';
import { createSpareLeases, type SpareLeases } from '../../../src/exposure/address/dhcp/spares.ts';
import type { Clock } from '../../../src/model/time.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { service } from '../../support/exposure.ts';
import { eventually } from '../../support/netns.ts';
import { createDhcpLan, createJumpingClock, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
let recorded: readonly RecordedSpare[] = [];
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(async () => {
  await world.reset();
  recorded = [];
});
afterAll(() => world.dispose());

const WEB = requestFor('web');

function agent(name: 'a' | 'b', count: number, clock: Clock = createSystemClock()): SpareLeases {
  return createSpareLeases({
    family: 4,
    leases: world.node(name, clock).leases,
    count,
    allocating: () => true,
    cluster: () => 'test-cluster',
    lans: () => [{ link: 'eth0', lan: '10.77.0.0/24' }],
    services: () => [service('web', { metadata: { uid: WEB.uid } })],
    record: {
      read: () => recorded,
      write(spares) {
        recorded = spares;
        return Promise.resolve();
      },
    },
    prober: { probe: () => Promise.resolve(undefined) },
    clock,
  });
}

async function warm(leases: SpareLeases): Promise<RecordedSpare> {
  leases.tend();
  await eventually('a spare is there', () => recorded.length > 0);
  return recorded[0]!;
}

/** Host names by address, as the server has them. */
const names = (): Record<string, string> =>
  Object.fromEntries(
    world.leaseFile().map((line) => {
      const [, , address = '', name = ''] = line.split(' ');
      return [address, name];
    }),
  );

describe('a spare lease', () => {
  it('spares a Service the server’s ping check, and the server then knows it by the name of the Service', async () => {
    await world.dnsmasq(RANGE);
    const leases = agent('a', 1);
    const spare = await warm(leases);
    expect(names()).toEqual({ [spare.lease.ip]: 'kubevip-spare-0' });
    const decision = leases.acquire(WEB);
    expect(decision).toMatchObject({ state: 'ready', value: spare.lease });
    // The owner is another node.
    const { leases: owner } = world.node('b');
    owner.keep({ ...WEB, mac: spare.lease.mac }, spare.lease);
    await eventually('the server has the name', () => names()[spare.lease.ip] === 'web');
    await eventually('the next spare is there', () => Object.values(names()).includes('kubevip-spare-1'));
  });

  it('is renewed although nobody answers for its address', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const leases = agent('a', 1, clock);
    let { lease } = await warm(leases);
    for (let round = 0; round < 3; round++) {
      clock.jump(60_000);
      await eventually('it is renewed', () => recorded[0]?.lease.acquiredAt !== lease.acquiredAt);
      expect(recorded[0]?.lease.ip).toBe(lease.ip);
      lease = recorded[0]!.lease;
    }
  });

  it('is found again by the agent after a crash, recorded or not', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const spare = await warm(agent('a', 1));
    const next = agent('b', 1);
    next.tend();
    await eventually('it is asked about', () => recorded[0]?.lease.acquiredAt !== spare.lease.acquiredAt);
    recorded = [];
    const unrecorded = await warm(agent('a', 1));
    expect(unrecorded.lease.ip).toBe(spare.lease.ip);
    expect(Object.keys(names())).toEqual([spare.lease.ip]);
    expect(server.log()).not.toContain('DHCPNAK');
  });

  it('is given back by an agent that stops, and by the next one when its setting has gone to 0', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const stopping = agent('a', 2);
    stopping.tend();
    await eventually('two spares', () => recorded.length === 2);
    const done = stopping.handBack();
    stopping.close();
    await done;
    await eventually('both are back', () => server.log().match(/DHCPRELEASE/g)?.length === 2);
    await warm(agent('a', 1));
    agent('b', 0).tend();
    await eventually('the third is back', () => server.log().match(/DHCPRELEASE/g)?.length === 3);
    await eventually('none is left', () => world.leaseFile().length === 0);
    expect(recorded).toEqual([]);
  });
});
