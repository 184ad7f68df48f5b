import { describe, expect, it } from 'vitest';
import { listenToRouter } from '../../../src/exposure/router/announcements.ts';
import { readRecords } from '../../../src/exposure/router/records.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { createRouterWorld } from '../../support/router-world.ts';

const GOOD = {
  protocol: 'TCP',
  internalPort: 80,
  externalPort: 8080,
  internalIp: '10.77.0.101',
  method: 'igd2',
  gateway: '10.77.0.1',
  externalIp: '84.112.3.4',
  controlUrl: 'http://10.77.0.1:5000/ctl',
  serviceType: 'urn:x',
  lifetime: 3_600_000,
};
const read = (text: string | undefined) =>
  readRecords({
    metadata: { name: 'web', ...(text === undefined ? {} : { annotations: { [KEY.routerMappings]: text } }) },
    spec: {},
  });

describe('the record of mappings', () => {
  it('reads back what was written', () => {
    expect(read(JSON.stringify([GOOD]))).toEqual([GOOD]);
    expect(read(undefined)).toEqual([]);
  });

  it.each([
    ['no JSON', '{'],
    ['no list', '{}'],
    ['no object', '[1, null, "x"]'],
    ...Object.entries({
      protocol: 'SCTP',
      internalPort: 0,
      externalPort: 70_000,
      internalIp: 'router',
      method: 'magic',
      gateway: 5,
      externalIp: 'x',
      controlUrl: 5,
      serviceType: [],
      nonce: 5,
      lifetime: 'long',
    }).map(([key, value]) => [`a doctored ${key}`, JSON.stringify([{ ...GOOD, [key]: value }])]),
  ])('takes nothing from %s', (_, text) => {
    expect(read(text)).toEqual([]);
  });
});

describe('listening to the router', () => {
  it('is taken up again when a socket breaks or a port is not free', async () => {
    const { clock, network, router } = await createRouterWorld();
    let broken: ((error: Error) => void) | undefined;
    let refused = 1;
    const heard: number[] = [];
    const close = listenToRouter(
      {
        clock,
        network: {
          ...network,
          openDatagrams: async (options) => {
            if (options.localPort === 1900 && refused-- > 0) throw new Error('in use');
            if (options.localPort === 5350) broken = options.onError;
            return network.openDatagrams(options);
          },
        },
      },
      { gateway: router.ip, link: 'eth0' },
      { announced: (_, epoch) => void heard.push(epoch), notified: () => void heard.push(-1) },
    );
    await clock.advanceAsync(0);
    broken?.(new Error('network is down'));
    await clock.advanceAsync(10_001);
    router.announce('alive');
    router.announce('nat-pmp');
    await clock.advanceAsync(10);
    expect(heard).toContain(-1);
    expect(heard.some((epoch) => epoch >= 1000)).toBe(true);
    close();
    expect(clock.pending()).toBe(0);
  });
});
