/** A LAN in memory with a router and one node that holds virtual IPs. */
import { ip, type Ip } from '../../src/model/ip.ts';
import { parseMac } from '../../src/model/mac.ts';
import type { Network } from '../../src/model/wire.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeLan, type FakeHost, type FakeLan } from './fake-network.ts';
import { createFakeRouter, type FakeRouter } from './fake-router.ts';

export const VIP = ip('10.77.0.101');
export const OTHER_VIP = ip('10.77.0.102');
export const VIP6 = ip('2a01:77::101');
export const OTHER_VIP6 = ip('2a01:77::102');

export interface RouterWorld {
  readonly clock: FakeClock;
  readonly lan: FakeLan;
  readonly router: FakeRouter;
  readonly node: FakeHost;
  readonly network: Network;
  /** Advances the clock until the promise settles, for an hour at most. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

/** @param latency of every packet, in milliseconds */
export async function createRouterWorld(gateway: Ip | 'none' = ip('10.77.0.1'), latency = 1): Promise<RouterWorld> {
  const clock = createFakeClock();
  const lan = createFakeLan(clock, { latency });
  const router = await createFakeRouter({ clock, lan });
  const node = lan.host({
    name: 'n1',
    mac: parseMac('02:77:00:00:00:0b')!,
    addresses: [
      ...[ip('10.77.0.11'), VIP, OTHER_VIP].map((each) => ({ ip: each, prefixLength: 24 })),
      ...[ip('2a01:77::b'), VIP6, OTHER_VIP6].map((each) => ({ ip: each, prefixLength: 64 })),
    ],
    ...(gateway === 'none' ? {} : { gateway, gateway6: router.ip6 }),
  });
  node.onHttp(router.http);
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    const state = { settled: false };
    const done = (): void => void (state.settled = true);
    promise.then(done, done);
    for (let waited = 0; waited < 3_600_000; waited += 50) {
      if (state.settled) return promise;
      await clock.advanceAsync(50);
    }
    throw new Error('not settled within an hour');
  };
  return { clock, lan, router, node, network: node.network, run };
}
