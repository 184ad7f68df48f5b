/** What the Service, the LAN and the name make of what happens to the lease. */
import { describe, expect, it } from 'vitest';
import { lostByRefusal, lostByTime, unanswered } from '../../../src/exposure/address/dhcp/decisions.ts';
import { CONDITION, KEY } from '../../../src/model/annotations.ts';
import { pending, ready } from '../../../src/model/decision.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createWorld, LEASE, service, type World } from '../../support/exposure.ts';

const WEB = 'default/web';

/** A Service with a lease and a name, all well. */
async function exposed(): Promise<World> {
  const world = createWorld();
  world.services.set(
    WEB,
    service('web', { metadata: { annotations: { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.mdns]: 'true' } } }),
  );
  await world.settle(WEB);
  expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  expect(holds(world)).toEqual([LEASE.ip]);
  return world;
}

/** The address as everybody sees it; they have to agree. */
function holds(world: World): Ip[] {
  const ingress = world.services.get(WEB)?.status?.loadBalancer?.ingress?.map((one) => ip(one.ip ?? '')) ?? [];
  expect([...world.announced]).toEqual(ingress);
  return ingress;
}

describe('a server that does not answer renewals', () => {
  it('is named in AddressAssigned, which still holds, and no longer once it is back', async () => {
    const world = await exposed();
    world.kept = unanswered(LEASE);
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.address)).toMatchObject({
      status: 'True',
      reason: 'RenewalUnanswered',
      message: expect.stringContaining('DHCP server 10.77.0.1 does not answer renewals of 10.77.0.101') as string,
    });
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
    expect(holds(world)).toEqual([LEASE.ip]);
    world.kept = ready(LEASE, 'Leased', 'leased');
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.address)).toMatchObject({ status: 'True', reason: 'AddressAssigned' });
  });

  it('keeps its address until the lease has ended; then it is dropped, and asked for again', async () => {
    const world = await exposed();
    world.kept = lostByTime(LEASE);
    world.lease = pending('DhcpDiscovering', 'asking');
    world.leaseRequests.length = 0;
    await world.settle(WEB);
    expect(holds(world)).toEqual([]);
    expect(world.leaseRequests.at(-1)).toMatchObject({ requested: LEASE.ip, mac: LEASE.mac });
    world.lease = ready({ ...LEASE, acquiredAt: '2026-01-01T01:00:00.000Z' }, 'Leased', 'leased');
    world.kept = world.lease;
    await world.settle(WEB);
    expect(holds(world)).toEqual([LEASE.ip]);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });
});

describe('an address that the server', () => {
  it('takes back with a NAK at renewal is dropped, and status and name follow to the new one', async () => {
    const world = await exposed();
    const next = { ...LEASE, ip: ip('10.77.0.202'), acquiredAt: '2026-01-01T00:01:00.000Z' };
    world.kept = lostByRefusal(LEASE, LEASE.server, 'wrong network');
    world.lease = pending('DhcpDiscovering', 'asking');
    await world.settle(WEB);
    expect(holds(world)).toEqual([]);
    [world.lease, world.kept] = [ready(next, 'Leased', 'leased'), ready(next, 'Leased', 'leased')];
    await world.settle(WEB);
    expect(holds(world)).toEqual([next.ip]);
    expect(world.named.get(WEB)).toEqual([next.ip]);
    expect(world.log).toContain(`silence ${LEASE.ip}`);
  });

  it('changes with a renewal is changed everywhere: announcement, status, name, record', async () => {
    const world = await exposed();
    const next = { ...LEASE, ip: ip('10.77.0.202'), acquiredAt: '2026-01-01T00:01:00.000Z' };
    world.kept = ready(next, 'Leased', 'leased');
    const after = await world.settle(WEB);
    expect(holds(world)).toEqual([next.ip]);
    expect(world.named.get(WEB)).toEqual([next.ip]);
    expect(world.log).toContain(`disown ${LEASE.ip}`);
    expect(after?.metadata.annotations).toMatchObject({ [KEY.requestedIP]: next.ip, [KEY.hwaddr]: LEASE.mac });
  });
});
