/** Every client against miniupnpd in secure mode: the same suite as against the router in memory. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { MappingMethod } from '../../../src/exposure/router/port.ts';
import { describeRouterClient, type RouterClientWorld } from '../../compliance/router/suite.ts';
import { createRouterLan, OTHER_VIP, OUTER, VIP, type RouterLan } from './router-lan.ts';

let world: RouterLan;
beforeAll(async () => {
  world = await createRouterLan();
});
afterAll(() => world.dispose());

const create = async (method: MappingMethod): Promise<RouterClientWorld> => {
  await world.start({ methods: [method] });
  return {
    client: world.client('n1', method),
    source: VIP,
    otherSource: OTHER_VIP,
    externalIp: OUTER,
    table: world.table,
    occupy: world.occupy,
    // Without a public address it opens no port, by whatever protocol.
    refuse: () => world.start({ methods: [method], outer: '192.168.5.2/24' }),
    switchOff: () => world.stop(),
    run: (promise) => promise,
  };
};

describe.each<MappingMethod>(['pcp', 'nat-pmp', 'igd2', 'igd1'])('miniupnpd by %s', (method) => {
  describeRouterClient(() => create(method));
});
