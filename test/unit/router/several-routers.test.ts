/** More than one router: which is asked, what is said of the others, and what becomes of mappings when it changes. */
import { describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { encodeSsdpAnswer } from '../../../src/protocols/ssdp/codec.ts';
import { SSDP_GROUP_V4 } from '../../../src/protocols/ssdp/message.ts';
import { createFakeRouter, type FakeRouter } from '../../support/fake-router.ts';
import { createStage, recordsOf, request, type Stage } from './harness.ts';

const SECOND = ip('10.77.0.2');

/** Another router on the same LAN. */
async function withSecond(switches: object = {}): Promise<{ stage: Stage; second: FakeRouter }> {
  const stage = await createStage();
  const second = await createFakeRouter({ clock: stage.clock, lan: stage.lan, ip: SECOND, ip6: ip('2a01:77::2') });
  Object.assign(stage.router.set, switches);
  Object.assign(second.set, switches);
  stage.node.onHttp((wanted) => (new URL(wanted.url).hostname === SECOND ? second : stage.router).http(wanted));
  return { stage, second };
}
const useGateway = ({ node }: Stage, v4: Ip): void => node.setLink({ gateway: { v4 } });

describe('several routers on the LAN', () => {
  it('the default gateway is asked, and the other one is named and left alone', async () => {
    const { stage, second } = await withSecond();
    const decision = await stage.settle(request());
    expect(recordsOf(decision)).toMatchObject([{ gateway: '10.77.0.1' }]);
    expect(decision.message).toMatch(/^router 10\.77\.0\.1 \(PCP\)/);
    expect(decision.message).toContain('; other routers seen, and not asked: 10.77.0.2 (answers UPnP, but is not');
    expect(second.table().size).toBe(0);
    expect(second.asked.filter((what) => what !== 'search')).toEqual([]);
  });

  it('the other one is named when the default gateway opens nothing', async () => {
    const { stage } = await withSecond();
    Object.assign(stage.router.set, { pcp: false, natPmp: false, igd: undefined });
    const decision = await stage.settle(request(), 4000);
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
    expect(decision.message).toContain('other routers seen, and not asked: 10.77.0.2');
  });

  it('a crowd of forged answers names four of them at most', async () => {
    const { stage } = await withSecond();
    for (let last = 60; last < 90; last++) {
      const forger = stage.lan.host({
        name: `forger${last}`,
        mac: parseMac('02:77:00:00:00:66')!,
        addresses: [{ ip: ip(`10.77.0.${last}`), prefixLength: 24 }],
      });
      const target = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
      const answer = { kind: 'answer', target, usn: '', location: 'http://10.77.0.66/' } as const;
      const socket = await forger.network.openDatagrams({
        family: 4,
        localPort: 1900,
        join: [SSDP_GROUP_V4],
        onDatagram: ({ from }) => socket.send(encodeSsdpAnswer(answer), from),
        onError: () => undefined,
      });
    }
    const decision = await stage.settle(request());
    expect(decision.state).toBe('ready');
    expect(decision.message.match(/answers UPnP/g)).toHaveLength(4);
  });

  it('the gateway of another interface is named', async () => {
    const { stage } = await withSecond();
    const [link] = stage.network.links();
    const wlan = { ...link!, name: 'wlan0', index: 3, gateway: { v4: ip('192.168.1.1') } };
    const { createRouterMappings } = await import('../../../src/exposure/router/mappings.ts');
    const network = { ...stage.network, links: () => [link!, wlan] };
    const mappings = createRouterMappings({ network, clock: stage.clock });
    mappings.ensure(request());
    await stage.clock.advanceAsync(3000);
    expect(mappings.ensure(request()).message).toContain('192.168.1.1 (gateway of wlan0)');
    mappings.close();
  });
});

describe.each([
  ['PCP', {}],
  ['NAT-PMP', { pcp: false }],
  ['UPnP', { pcp: false, natPmp: false }],
])('a default gateway that changes under a live mapping, by %s', (_, switches) => {
  it('has the mapping removed from the old router, which is still there, and made on the new one', async () => {
    const { stage, second } = await withSecond(switches);
    recordsOf(await stage.settle(request()));
    useGateway(stage, SECOND);
    await stage.clock.advanceAsync(3000);
    expect(recordsOf(stage.mappings.ensure(request()))).toMatchObject([{ gateway: SECOND }]);
    expect([...second.table().keys()]).toEqual(['TCP 8080']);
    expect(stage.router.table().size).toBe(0);
  });

  it('does not keep the new one waiting for an old one that is gone', async () => {
    const { stage, second } = await withSecond(switches);
    recordsOf(await stage.settle(request()));
    stage.router.set.on = false;
    useGateway(stage, SECOND);
    await stage.clock.advanceAsync(1000);
    expect([...second.table().keys()]).toEqual(['TCP 8080']);
    expect(stage.mappings.ensure(request()).state).toBe('ready');
  });

  it('is cleaned up too when the Service goes before anybody noticed', async () => {
    const { stage } = await withSecond(switches);
    const previous = recordsOf(await stage.settle(request()));
    stage.mappings.yield('default/web');
    useGateway(stage, SECOND);
    const next = stage.another();
    next.withdraw(request({ previous }));
    await stage.clock.advanceAsync(3000);
    expect(next.withdraw(request({ previous }))).toMatchObject({ state: 'off', reason: 'RouterUnmapped' });
    expect(stage.router.table().size).toBe(0);
    next.close();
  });
});
