/** One Service, two families: what is opened, what is said, and what comes first. */
import { describe, expect, it } from 'vitest';
import type { RouterRequest } from '../../../src/exposure/intent/port.ts';
import { ensureFamilies, withdrawFamilies } from '../../../src/exposure/router/families.ts';
import type { RouterMapping } from '../../../src/exposure/router/port.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Decision } from '../../../src/model/decision.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { VIP, VIP6 } from '../../support/router-world.ts';
import { createStage, type Stage } from './harness.ts';

const HTTP: RouterRequest = { ports: [{ protocol: 'TCP', internalPort: 80, externalPort: 80 }], lifetime: 3_600_000 };
const ULA = ip('fd00:77::101');

/** The stage with the Service that the reconciler would give it. */
async function asked(
  ips: readonly Ip[],
  wanted: RouterRequest,
  switches: object = {},
): Promise<{
  stage: Stage;
  ask: (wish?: RouterRequest) => Promise<Decision<RouterMapping>>;
  withdraw: () => Promise<Decision>;
}> {
  const stage = await createStage();
  Object.assign(stage.router.set, switches);
  let service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: '3c7e1f0a-4e0b-4c55-9a0e-8a3b1f6f0c11' },
    spec: {},
  };
  const addresses = ips.map((each) => ({ ip: each, link: 'eth0' }));
  const write = (decision: Decision<RouterMapping>): void => {
    if (decision.state !== 'ready') return;
    const annotations = { [KEY.routerMappings]: JSON.stringify(decision.value.records) };
    service = { ...service, metadata: { ...service.metadata, annotations } };
  };
  return {
    stage,
    ask: async (wish = wanted) => {
      ensureFamilies(stage.mappings, service, addresses, wish);
      await stage.clock.advanceAsync(6000);
      const decision = ensureFamilies(stage.mappings, service, addresses, wish);
      write(decision);
      return decision;
    },
    withdraw: async () => {
      withdrawFamilies(stage.mappings, service, addresses);
      await stage.clock.advanceAsync(9000);
      return withdrawFamilies(stage.mappings, service, addresses);
    },
  };
}

describe('a Service of both families', () => {
  it('is open by both, and closed by both', async () => {
    const { stage, ask, withdraw } = await asked([VIP, VIP6], HTTP);
    expect(await ask()).toMatchObject({
      state: 'ready',
      reason: 'RouterMapped',
      value: {
        reachability: 'public',
        families: { 4: 'public', 6: 'public' },
        records: [{ internalIp: VIP }, { internalIp: VIP6 }],
      },
    });
    expect(await withdraw()).toMatchObject({ state: 'off', reason: 'RouterUnmapped' });
    expect([stage.router.table().size, stage.router.pinholes().size]).toEqual([0, 0]);
  });

  it('waits for both before it says anything', async () => {
    const { stage } = await asked([VIP, VIP6], HTTP);
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', uid: 'u' }, spec: {} } as Service;
    const addresses = [VIP, VIP6].map((each) => ({ ip: each, link: 'eth0' }));
    expect(ensureFamilies(stage.mappings, service, addresses, HTTP)).toMatchObject({
      state: 'pending',
      reason: 'RouterMapping',
    });
  });

  it.each([
    ['100.70.1.2', 'CGNAT'],
    ['192.168.1.2', 'another router in front of this one'],
  ])('behind %s is found by IPv6, which comes first, and is told the truth about IPv4', async (externalIp, words) => {
    const { ask } = await asked([VIP, VIP6], HTTP, { externalIp: ip(externalIp) });
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'PinholeOpen', value: { reachability: 'public' } });
    expect(decision.message).toMatch(/^IPv6: .*lets in \[2a01:77::101\]:80; IPv4: /);
    expect(decision.message).toContain(words);
  });

  it('is ready by IPv6 alone when the router refuses IPv4, and says so', async () => {
    const { stage, ask } = await asked([VIP, VIP6], HTTP, { pcp: false, natPmp: false, fault: 718 });
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'PinholeOpen', value: { families: { 6: 'public' } } });
    expect(decision.message).toContain('IPv4: router 10.77.0.1 refuses port 80');
    expect(stage.router.pinholes().size).toBe(1);
  });

  it('is ready by IPv4 alone when the router opens no pinhole, and says so', async () => {
    const { ask } = await asked([VIP, VIP6], HTTP, { pcp: false, igd: 1 });
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'RouterMapped', value: { families: { 4: 'public' } } });
    expect(decision.message).toContain('IPv6: router 2a01:77::1 lets nobody open its IPv6 firewall');
  });

  it('has failed when neither works, with both causes', async () => {
    const { ask } = await asked([VIP, VIP6], HTTP, { pcp: false, natPmp: false, igd: undefined });
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
    expect(decision.message).toMatch(/^IPv4: .*; IPv6: /);
  });

  it('with a unique local address is open by IPv4, and told why not by IPv6', async () => {
    const { stage, ask } = await asked([VIP, ULA], HTTP);
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'RouterMapped' });
    expect(decision.message).toContain('IPv6: no pinhole leads to fd00:77::101, which is a unique local address');
    expect(stage.router.pinholes().size).toBe(0);
  });

  it('says at which number it is found by IPv6 when another one was asked for', async () => {
    const wish = { ...HTTP, ports: [{ protocol: 'TCP' as const, internalPort: 80, externalPort: 8080 }] };
    const { stage, ask } = await asked([VIP, VIP6], wish);
    const decision = await ask();
    expect(decision.message).toContain('a pinhole changes no port number: use [2a01:77::101]:80 instead of 8080');
    expect([...stage.router.pinholes().keys()]).toEqual(['TCP [2a01:77::101]:80']);
    expect([...stage.router.table().keys()]).toEqual(['TCP 8080']);
  });

  it('asks nothing of IPv4 for a pinhole only, and closes what was open there', async () => {
    const { stage, ask } = await asked([VIP, VIP6], HTTP);
    await ask();
    expect(stage.router.table().size).toBe(1);
    const decision = await ask({ ...HTTP, families: [6] });
    expect(decision).toMatchObject({
      state: 'ready',
      reason: 'PinholeOpen',
      value: { records: [{ internalIp: VIP6 }] },
    });
    expect(stage.router.table().size).toBe(0);
    expect(stage.router.pinholes().size).toBe(1);
  });

  it('keeps on record what one family opened while the other cannot be had', async () => {
    const { stage, ask } = await asked([VIP, VIP6], HTTP);
    await ask();
    Object.assign(stage.router.set, { refuse: 3, fault: 501 });
    stage.router.restart('loudly');
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'PinholeOpen', value: { families: { 6: 'public' } } });
    expect(decision).toMatchObject({ value: { records: [{ internalIp: VIP }, { internalIp: VIP6, method: 'igd2' }] } });
  });
});

describe('a Service of one family', () => {
  it('with IPv6 only gets its pinhole', async () => {
    const { ask } = await asked([VIP6], HTTP);
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'ready', reason: 'PinholeOpen' });
    expect(decision.message).toMatch(/^router 2a01:77::1 \(PCP\)/);
  });

  it.each([
    ['fd00:77::101', 'a unique local address (ULA)'],
    ['fe80::101', 'no global unicast address'],
    ['::1', 'no global unicast address'],
  ])('with %s gets none, and is told why', async (address, words) => {
    const { stage, ask } = await asked([ip(address)], HTTP);
    const decision = await ask();
    expect(decision).toMatchObject({ state: 'failed', reason: 'NotGlobal' });
    expect(decision.message).toContain(words);
    expect(stage.router.asked).toEqual([]);
  });

  it('with IPv4 only is told that there is nothing to make a pinhole for', async () => {
    const { stage, ask } = await asked([VIP], { ...HTTP, families: [6] });
    expect(await ask()).toMatchObject({ state: 'failed', reason: 'NoIPv6' });
    expect(stage.router.asked).toEqual([]);
  });

  it('is closed with nothing to say when nothing was opened', async () => {
    const { withdraw } = await asked([VIP, VIP6], HTTP);
    expect(await withdraw()).toEqual({ state: 'off', reason: 'NotMapped', message: 'nothing is mapped' });
  });
});
