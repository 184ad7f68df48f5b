import { describe, expect, it } from 'vitest';
import type { RouterClient } from '../../../src/exposure/router/client.ts';
import { discover } from '../../../src/exposure/router/discovery.ts';
import { openIgd } from '../../../src/exposure/router/igd-discovery.ts';
import { searchIgd } from '../../../src/exposure/router/ssdp-search.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { HttpRequest, HttpResponse } from '../../../src/model/wire.ts';
import { encodeSsdpAnswer } from '../../../src/protocols/ssdp/codec.ts';
import { SSDP_GROUP_V4 } from '../../../src/protocols/ssdp/message.ts';
import { createRouterWorld, VIP } from '../../support/router-world.ts';
import * as devices from '../../vectors/igd/devices.ts';

const GATEWAY = ip('10.77.0.1');
const ROUTE = { gateway: GATEWAY, link: 'eth0' };

describe('the search by SSDP', () => {
  it('is sent from the virtual IP, to the group and to the router itself', async () => {
    const { network, clock, router, run } = await createRouterWorld();
    expect(await run(searchIgd({ network, clock }, ROUTE, VIP))).toEqual({
      location: 'http://10.77.0.1:5000/desc.xml',
      bootId: 1,
    });
    expect([...router.sources]).toEqual([VIP]);
  });

  it('ends after 2.5 s without an answer, or when nobody waits any more', async () => {
    const { network, clock, router, run, node } = await createRouterWorld();
    router.set.on = false;
    const before = clock.now();
    expect(await run(searchIgd({ network, clock }, ROUTE, VIP))).toBeUndefined();
    expect(clock.now() - before).toBeLessThanOrEqual(2600);
    const stop = new AbortController();
    const search = searchIgd({ network, clock }, ROUTE, VIP, { signal: stop.signal });
    await clock.advanceAsync(10);
    stop.abort();
    expect(await search).toBeUndefined();
    expect(node.open().datagrams).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('believes the router only', async () => {
    const { network, clock, router, run, lan } = await createRouterWorld();
    router.set.igd = undefined;
    const impostor = lan.host({
      name: 'impostor',
      mac: parseMac('02:77:00:00:00:66')!,
      addresses: [{ ip: ip('10.77.0.66'), prefixLength: 24 }],
    });
    let heard = 0;
    const socket = await impostor.network.openDatagrams({
      family: 4,
      localPort: 1900,
      join: [SSDP_GROUP_V4],
      onDatagram: ({ from }) => {
        heard++;
        const target = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
        const location = 'http://10.77.0.66/desc.xml';
        socket.send(encodeSsdpAnswer({ kind: 'answer', target, usn: 'uuid:66', location }), from);
      },
      onError: () => undefined,
    });
    expect(await run(searchIgd({ network, clock }, ROUTE, VIP))).toBeUndefined();
    expect(heard).toBeGreaterThan(0);
  });
});

describe('the router’s description', () => {
  const open = async (
    answer: (request: HttpRequest) => HttpResponse,
    location: string,
  ): Promise<{ client: unknown; asked: string[] }> => {
    const { network, clock, node } = await createRouterWorld();
    const asked: string[] = [];
    node.onHttp((request) => {
      asked.push(`${request.method} ${request.url} from ${String(request.localIp)}`);
      return answer(request);
    });
    return { client: await openIgd({ network, clock }, GATEWAY, location, VIP), asked };
  };
  const ok = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
  const soap = (action: string, values: string): HttpResponse =>
    ok(
      `<s:Envelope xmlns:s="e"><s:Body><u:${action}Response xmlns:u="x">${values}</u:${action}Response></s:Body></s:Envelope>`,
    );

  it('gives the client for the newest connection service', async () => {
    const { client, asked } = await open(() => ok(devices.openRouter.xml), 'http://10.77.0.1:5000/rootDesc.xml');
    expect(client).toMatchObject({ method: 'igd2', gateway: GATEWAY });
    expect(asked).toEqual([`GET http://10.77.0.1:5000/rootDesc.xml from ${VIP}`]);
  });

  it('chooses the connection that is up, of several', async () => {
    const { client, asked } = await open(({ method, url, headers }) => {
      if (method === 'GET') return ok(devices.dslRouter.xml);
      const action = /#(\w+)/.exec(headers?.['SOAPAction'] ?? '')?.[1] ?? '';
      const ppp = url.endsWith('WANPPPConn1');
      return action === 'GetStatusInfo'
        ? soap(action, `<NewConnectionStatus>${ppp ? 'Connected' : 'Unconfigured'}</NewConnectionStatus>`)
        : soap(action, `<NewExternalIPAddress>${ppp ? '84.112.3.4' : ''}</NewExternalIPAddress>`);
    }, 'http://10.77.0.1:49000/igddesc.xml');
    expect(client).toMatchObject({ method: 'igd1' });
    expect(asked).toHaveLength(5);
    // Its next order goes there.
    await (client as RouterClient).check(VIP);
    expect(asked.at(-1)).toContain('/igdupnp/control/WANPPPConn1');
  });

  it('is fetched from the router, whatever address the answer names', async () => {
    const { asked } = await open(() => ok(devices.television.xml), 'http://169.254.169.254:80/latest/meta-data');
    expect(asked).toEqual([`GET http://10.77.0.1/latest/meta-data from ${VIP}`]);
  });

  it.each([
    ['a file', 'file:///etc/passwd', ok('')],
    ['TLS', 'https://10.77.0.1/d', ok('')],
    ['nothing', '', ok('')],
    ['a television', 'http://10.77.0.1/d', ok(devices.television.xml)],
    ['a login page', 'http://10.77.0.1/d', ok('<html><body>Login</body></html>')],
    ['an error', 'http://10.77.0.1/d', { status: 404, headers: {}, body: '' }],
  ])('offers nothing when it is %s', async (_, location, answer) => {
    expect((await open(() => answer, location)).client).toBeUndefined();
  });

  it('offers nothing when it does not come', async () => {
    const { client } = await open(() => {
      throw new KubevipError('too slow', { code: 'HTTP_TIMEOUT' });
    }, 'http://10.77.0.1/d');
    expect(client).toBeUndefined();
  });
});

describe('discovery', () => {
  it('asks by all methods at once and keeps their order', async () => {
    const { network, clock, router, run } = await createRouterWorld();
    const { offers } = discover({ network, clock }, ROUTE, VIP, () => undefined);
    const methods = await run(Promise.all(offers));
    expect(methods.map(({ client }) => client?.method)).toEqual(['pcp', 'nat-pmp', 'igd2']);
    expect(router.asked.slice(0, 3).sort()).toEqual(['nat-pmp address', 'pcp announce', 'search']);
  });

  it('does not mistake a NAT-PMP router for one that speaks PCP', async () => {
    const { network, clock, router, run } = await createRouterWorld();
    router.set.pcp = false;
    const { offers } = discover({ network, clock }, ROUTE, VIP, () => undefined);
    expect((await run(offers[0]!)).client).toBeUndefined();
    expect(clock.now()).toBeLessThanOrEqual(100);
  });

  it('gives PCP and NAT-PMP up within half a second', async () => {
    const { network, clock, router, run } = await createRouterWorld();
    Object.assign(router.set, { pcp: false, natPmp: false });
    const { offers } = discover({ network, clock }, ROUTE, VIP, () => undefined);
    await run(Promise.all(offers.slice(0, 2)));
    expect(clock.now()).toBeLessThanOrEqual(500);
  });
});
