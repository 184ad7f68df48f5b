import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { OTHER_VIP, VIP } from '../../support/router-world.ts';
import { createStage, recordsOf, request, TCP_8080, TCP_8443, UDP_5353 } from './harness.ts';

describe('opening ports', () => {
  it('says at once that it is under way, and calls back with what came of it', async () => {
    const { mappings, clock, told, router } = await createStage();
    expect(mappings.ensure(request())).toMatchObject({ state: 'pending', reason: 'RouterMapping' });
    await clock.advanceAsync(1000);
    expect(told).toEqual(['default/web']);
    router.set.externalIp = ip('8.8.4.4');
    expect(mappings.ensure(request())).toMatchObject({
      state: 'ready',
      message: expect.stringContaining('router 10.77.0.1 (PCP): 84.112.3.4:8080 → 10.77.0.101:80') as string,
      value: { records: [{ method: 'pcp', externalPort: 8080, internalIp: VIP, gateway: '10.77.0.1' }] },
    });
  });

  it('prefers PCP, then NAT-PMP, then UPnP in the router’s newest version', async () => {
    for (const [switches, method] of [
      [{}, 'pcp'],
      [{ pcp: false }, 'nat-pmp'],
      [{ pcp: false, natPmp: false }, 'igd2'],
      [{ pcp: false, natPmp: false, igd: 1 as const }, 'igd1'],
    ] as const) {
      const { settle, router } = await createStage();
      Object.assign(router.set, switches);
      expect(recordsOf(await settle(request()))).toMatchObject([{ method, externalIp: '84.112.3.4' }]);
      expect([...router.table().keys()]).toEqual(['TCP 8080']);
    }
  });

  it('asks all methods at once and waits for no slower one', async () => {
    const { mappings, clock } = await createStage();
    mappings.ensure(request());
    await clock.advanceAsync(20);
    expect(mappings.ensure(request())).toMatchObject({ state: 'ready' });
  });

  it('asks for everything from the virtual IP', async () => {
    for (const switches of [{}, { pcp: false }, { pcp: false, natPmp: false }]) {
      const { settle, router } = await createStage();
      Object.assign(router.set, switches);
      await settle(request());
      expect([...router.sources]).toEqual([VIP]);
    }
  });

  it('searches once for all Services', async () => {
    const { settle, router, mappings, clock } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false });
    await settle(request());
    router.asked.length = 0;
    const other = request({ service: 'default/api', uid: 'other', ip: OTHER_VIP, ports: [TCP_8443] });
    mappings.ensure(other);
    await clock.advanceAsync(20);
    expect(mappings.ensure(other).state).toBe('ready');
    expect(router.asked).not.toContain('search');
  });

  it('opens several ports, UDP among them', async () => {
    const { settle, router } = await createStage();
    const decision = await settle(request({ ports: [TCP_8080, TCP_8443, UDP_5353] }));
    expect(decision.message).toContain('84.112.3.4:5353/UDP → 10.77.0.101:53/UDP');
    expect([...router.table().keys()].sort()).toEqual(['TCP 8080', 'TCP 8443', 'UDP 5353']);
  });

  it('closes what is dropped and opens what is added', async () => {
    const { settle, router } = await createStage();
    await settle(request({ ports: [TCP_8080, TCP_8443] }));
    expect(recordsOf(await settle(request({ ports: [TCP_8443, UDP_5353] })))).toHaveLength(2);
    expect([...router.table().keys()].sort()).toEqual(['TCP 8443', 'UDP 5353']);
  });

  it.each([{}, { pcp: false }, { pcp: false, natPmp: false }])(
    'moves to another external port (%o)',
    async (switches) => {
      const { settle, router } = await createStage();
      Object.assign(router.set, switches);
      await settle(request());
      await settle(request({ ports: [{ ...TCP_8080, externalPort: 9090 }] }));
      expect([...router.table().keys()]).toEqual(['TCP 9090']);
    },
  );

  it('writes what router pages can show', async () => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false });
    await settle(request({ service: 'default/wéb & <co>' }));
    expect(router.table().get('TCP 8080')?.description).toBe('kubevip/default/w_b____co_');
  });

  it('does not repeat itself for the same wish', async () => {
    const { settle, router, mappings, told } = await createStage();
    await settle(request());
    const before = router.asked.length;
    for (let i = 0; i < 5; i++) mappings.ensure(request());
    expect(router.asked).toHaveLength(before);
    expect(told).toHaveLength(1);
  });
});

describe('who can come through', () => {
  it.each([
    ['84.112.3.4', 'RouterMapped', 'public', 'public address'],
    ['192.168.1.2', 'DoubleNat', 'private', 'another router in front of this one'],
    ['10.1.2.3', 'DoubleNat', 'private', 'private address'],
    ['100.70.1.2', 'BehindCgnat', 'cgnat', 'CGNAT'],
    ['192.0.0.2', 'BehindCgnat', 'cgnat', 'CGNAT'],
    ['203.0.113.7', 'NotPublic', 'reserved', 'reserved address'],
  ])('%s is %s', async (address, reason, reachability, words) => {
    for (const switches of [{}, { pcp: false }, { pcp: false, natPmp: false }]) {
      const { settle, router } = await createStage();
      Object.assign(router.set, switches, { externalIp: ip(address) });
      const decision = await settle(request());
      expect(decision).toMatchObject({ state: 'ready', reason, value: { reachability } });
      expect(decision.message).toContain(words);
    }
  });

  it('says so when the router does not tell', async () => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { externalIp: undefined });
    const decision = await settle(request());
    expect(decision).toMatchObject({ state: 'ready', reason: 'RouterMapped', value: { reachability: 'unknown' } });
    expect(decision.message).toContain('does not tell its outer address');
  });
});

describe('when it does not work', () => {
  it('says that there is no gateway, and goes on when there is one', async () => {
    const { settle, node, clock, mappings, router } = await createStage('none');
    expect(await settle(request())).toMatchObject({ state: 'failed', reason: 'NoGateway' });
    node.setLink({ gateway: { v4: router.ip } });
    await clock.advanceAsync(1000);
    expect(mappings.ensure(request())).toMatchObject({ state: 'ready' });
  });

  it('says that the router speaks nothing, and what to do; goes on when that is done', async () => {
    const { settle, router, clock, mappings } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false, igd: undefined });
    const decision = await settle(request(), 4000);
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
    expect(decision.message).toMatch(/PCP, NAT-PMP nor UPnP: switch one of them on/);
    router.set.igd = 2;
    await clock.advanceAsync(10_000);
    expect(mappings.ensure(request())).toMatchObject({ state: 'ready', value: { records: [{ method: 'igd2' }] } });
  });

  it('passes on a refusal with the router’s code and words, and asks again when the router said', async () => {
    const { settle, router, clock, mappings } = await createStage();
    Object.assign(router.set, { natPmp: false, igd: undefined, refuse: 2 });
    const decision = await settle(request());
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(decision.message).toBe(
      'router 10.77.0.1 refuses port 8080: the router does not allow it (2 NOT_AUTHORIZED)',
    );
    router.set.refuse = undefined;
    await clock.advanceAsync(110_000);
    expect(mappings.ensure(request()).state).toBe('failed');
    await clock.advanceAsync(10_000);
    expect(mappings.ensure(request()).state).toBe('ready');
  });

  it('tries the next method when one refuses', async () => {
    const { settle, router } = await createStage();
    router.set.refuse = 2;
    expect(recordsOf(await settle(request()))).toMatchObject([{ method: 'igd2' }]);
  });

  it('passes on a UPnP fault', async () => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false, fault: 606 });
    expect((await settle(request())).message).toBe(
      'router 10.77.0.1 refuses port 8080: the router does not allow it for this address (“No”) (606 Action Not Authorized)',
    );
  });

  it('does not believe a router that says yes and does nothing', async () => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false, forgetful: true });
    expect(await settle(request())).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
  });

  it.each([{}, { preferFailure: 'ignored' as const }, { pcp: false }, { pcp: false, natPmp: false }])(
    'never settles for another port, and says who has the one asked for (%o)',
    async (switches) => {
      const { settle, router, mappings, clock } = await createStage();
      Object.assign(router.set, switches);
      router.occupy('TCP 8080');
      const decision = await settle(request());
      expect(decision).toMatchObject({ state: 'failed', reason: 'ExternalPortTaken' });
      expect(decision.message).toContain(
        'port 8080 of router 10.77.0.1 is taken by 10.77.0.50:8080 (“game console”); choose another',
      );
      expect([...router.table()].map(([key, { internalIp }]) => `${key} ${internalIp}`)).toEqual([
        'TCP 8080 10.77.0.50',
      ]);
      router.clear();
      await clock.advanceAsync(31_000);
      expect(mappings.ensure(request()).state).toBe('ready');
    },
  );

  it('opens all ports or none', async () => {
    const { settle, router } = await createStage();
    router.occupy('TCP 8443');
    expect(await settle(request({ ports: [TCP_8080, TCP_8443, UDP_5353] }))).toMatchObject({
      state: 'failed',
      reason: 'ExternalPortTaken',
    });
    expect([...router.table().keys()]).toEqual(['TCP 8443']);
  });

  it('keeps what was open when a port is added that is taken', async () => {
    const { settle, router } = await createStage();
    await settle(request());
    router.occupy('TCP 8443');
    const decision = await settle(request({ ports: [TCP_8080, TCP_8443] }));
    expect(decision.message).toContain('open meanwhile: 8080');
    expect([...router.table().keys()].sort()).toEqual(['TCP 8080', 'TCP 8443']);
  });

  it('makes mappings without end where the router knows no other', async () => {
    const { settle, router, withdraw } = await createStage();
    Object.assign(router.set, { pcp: false, natPmp: false, igd: 1, permanentOnly: true });
    const records = recordsOf(await settle(request()));
    expect(records).toMatchObject([{ method: 'igd1', lifetime: 0 }]);
    expect(router.table().get('TCP 8080')).toMatchObject({ expiresAt: undefined });
    await withdraw(request({ previous: records }));
    expect(router.table().size).toBe(0);
  });

  it('waits for the address to stand on the node', async () => {
    const { network, clock, router } = await createStage();
    const { createRouterMappings } = await import('../../../src/exposure/router/mappings.ts');
    let there = false;
    const late = createRouterMappings({
      clock,
      network: {
        ...network,
        openDatagrams: (options) =>
          options.localIp === undefined || there
            ? network.openDatagrams(options)
            : Promise.reject(new Error('cannot assign requested address')),
        http: (wanted) => (there ? network.http(wanted) : Promise.reject(new Error('cannot assign'))),
      },
    });
    late.ensure(request());
    await clock.advanceAsync(3000);
    expect(late.ensure(request())).toMatchObject({ state: 'pending', reason: 'RouterMapping' });
    there = true;
    await clock.advanceAsync(1500);
    expect(late.ensure(request())).toMatchObject({ state: 'ready' });
    expect(router.table().size).toBe(1);
  });

  it.each([
    ['external port 8080 is asked for twice', [TCP_8080, { ...TCP_8443, externalPort: 8080 }]],
    ['port 80 is to be opened under two numbers', [TCP_8080, { ...TCP_8080, externalPort: 8081 }]],
  ])('refuses what no router can do: %s', async (words, ports) => {
    const { settle, router } = await createStage();
    const decision = await settle(request({ ports }));
    expect(decision).toMatchObject({ state: 'failed', reason: 'InvalidPorts' });
    expect(decision.message).toContain(words);
    expect(router.table().size).toBe(0);
  });
});

describe('a refusal because of the outer address', () => {
  it.each([
    ['100.70.1.2', 'BehindCgnat', 'its outer address 100.70.1.2 is shared by the provider (CGNAT)'],
    ['192.168.1.2', 'DoubleNat', 'its outer address 192.168.1.2 is a private address'],
    [undefined, 'MappingRefused', 'it probably has no public one'],
  ])('%s: says so, whatever the router says', async (address, reason, words) => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { externalIp: address && ip(address), refuse: 3, fault: 501 });
    const decision = await settle(request());
    expect(decision).toMatchObject({ state: 'failed', reason });
    expect(decision.message).toContain(words);
    expect(decision.message).toContain('(3 ');
  });

  it('leaves the router’s own words alone when it has a public address', async () => {
    const { settle, router } = await createStage();
    Object.assign(router.set, { externalIp: ip('8.8.4.4'), refuse: 3, fault: 501 });
    const decision = await settle(request());
    expect(decision.reason).toBe('MappingRefused');
    expect(decision.message).toMatch(/\(3 MALFORMED_REQUEST\)$/);
  });
});

describe('a router that takes its time', () => {
  it.each([{}, { pcp: false }])('is left with no mapping that nobody knows of (%o)', async (switches) => {
    const { settle, router } = await createStage();
    Object.assign(router.set, switches, { igd: undefined, natPmp: 'pcp' in switches, mute: 5 });
    const decision = await settle(request(), 10_000);
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(decision.message).toContain('did not answer in time');
    expect(router.table().size).toBe(0);
  });
});
