import { describe } from 'vitest';
import { createIgdClient } from '../../../src/exposure/router/igd-client.ts';
import { createNatPmpClient } from '../../../src/exposure/router/natpmp-client.ts';
import { createPcpClient } from '../../../src/exposure/router/pcp-client.ts';
import type { RouterClient } from '../../../src/exposure/router/client.ts';
import type { RouterIo } from '../../../src/exposure/router/exchange.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { RouterSwitches } from '../../support/fake-router.ts';
import { createRouterWorld, OTHER_VIP, VIP } from '../../support/router-world.ts';
import { describeRouterClient, type RouterClientWorld } from './suite.ts';

type Factory = (io: RouterIo, gateway: Ip) => RouterClient;

const heard = (): void => undefined;
const igd =
  (version: 1 | 2): Factory =>
  (io, gateway) =>
    createIgdClient({
      ...io,
      gateway,
      method: version === 1 ? 'igd1' : 'igd2',
      serviceType: `urn:schemas-upnp-org:service:WANIPConnection:${version}`,
      controlUrl: `http://${gateway}:5000/ctl`,
    });

const world = async (create: Factory, switches: Partial<RouterSwitches>): Promise<RouterClientWorld> => {
  const { clock, network, router, run } = await createRouterWorld();
  Object.assign(router.set, switches);
  return {
    client: create({ network, clock }, router.ip),
    source: VIP,
    otherSource: OTHER_VIP,
    externalIp: ip('84.112.3.4'),
    table: () =>
      Promise.resolve(
        [...router.table().values()].map(({ protocol, externalPort, internalIp, internalPort }) => ({
          protocol,
          externalPort,
          internalIp,
          internalPort,
        })),
      ),
    occupy: (port) => {
      router.occupy(`TCP ${port}`);
      return Promise.resolve();
    },
    refuse: () => {
      router.set.refuse = 2;
      router.set.fault = 606;
      return Promise.resolve();
    },
    switchOff: () => {
      router.set.on = false;
      return Promise.resolve();
    },
    run,
  };
};

describe.each<[string, Factory, Partial<RouterSwitches>]>([
  ['PCP', (io, gateway) => createPcpClient({ ...io, gateway, link: 'eth0', heard }), {}],
  [
    'PCP, at a server that knows no PREFER_FAILURE',
    (io, gateway) => createPcpClient({ ...io, gateway, link: 'eth0', heard }),
    { preferFailure: 'unknown' },
  ],
  [
    'PCP, at a server that ignores PREFER_FAILURE',
    (io, gateway) => createPcpClient({ ...io, gateway, link: 'eth0', heard }),
    { preferFailure: 'ignored' },
  ],
  ['NAT-PMP', (io, gateway) => createNatPmpClient({ ...io, gateway, link: 'eth0', heard }), {}],
  ['IGD:2', igd(2), { igd: 2 }],
  ['IGD:1', igd(1), { igd: 1 }],
  ['IGD:1, at a router that takes from one and gives to another', igd(1), { igd: 1, ruthless: true, secure: false }],
  ['IGD:1, at a router that only lists', igd(1), { igd: 1, withoutReadBack: true }],
])('router client: %s', (_, create, switches) => {
  describeRouterClient(() => world(create, switches));
});
