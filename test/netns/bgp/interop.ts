/** What every router of another make has to see of ours, by its own words. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { route } from '../../support/bgp-world.ts';
import type { BgpRouter, Neighbor, RouterOptions } from '../../support/bgp/router.ts';
import { eventually } from '../../support/netns.ts';
import {
  createInteropWorld,
  ELSEWHERE,
  NEIGHBORS,
  OTHER_PORT,
  OUR_AS,
  OUR_IP6,
  ROUTER,
  ROUTER_AS,
  routesOf,
  untilTold,
  type InteropWorld,
  type NeighborName,
  type OurSide,
} from './world.ts';

export interface Abilities {
  /** Watches by BFD, and how it names a session that is up. */
  readonly bfd?: RegExp;
  /** Takes IPv4 routes with IPv6 next hops over a session of IPv6. */
  readonly extendedNextHop: boolean;
  /** How it says that the AS was wrong, what we said on shutting down, and that it has heard nothing. */
  readonly wrongAs: RegExp;
  /** That we have said so; absent: it keeps that to itself. */
  readonly toldWrongAs?: RegExp;
  readonly farewell: RegExp;
  readonly expired: RegExp;
}

type Watching = BgpRouter & { bfd?(neighbor: Neighbor): Promise<string> };

export function interop(kind: string, create: (options: RouterOptions) => Watching, abilities: Abilities): void {
  const without = (name: NeighborName): boolean =>
    abilities.bfd === undefined && NEIGHBORS[name].name.startsWith('watched');
  const names = (Object.keys(NEIGHBORS) as NeighborName[]).filter((name) => !without(name));
  let world: InteropWorld;
  let router: Watching;
  let elsewhere: Watching;
  const ours = {} as Record<NeighborName, OurSide>;
  let other: OurSide;
  const prefixes = (neighbor: Neighbor): string[] => routesOf(neighbor).map(({ prefix }) => prefix);
  const up = (name: NeighborName): Promise<unknown> =>
    eventually(`${name} is up`, () => router.established(NEIGHBORS[name]), 30_000);

  describe(kind, () => {
    beforeAll(async () => {
      world = await createInteropWorld();
      const { router: host } = world.lan.hosts;
      const common = { host, dir: world.lan.dir, as: ROUTER_AS, ip: ROUTER.ip, ip6: ROUTER.ip6 };
      router = create({ ...common, port: 179, neighbors: names.map((name) => NEIGHBORS[name]) });
      elsewhere = create({ ...common, port: OTHER_PORT, neighbors: [ELSEWHERE] });
      await router.start();
      await elsewhere.start();
      const fast = { transmitInterval: 300, receiveInterval: 300, multiplier: 3 };
      const gracefulRestart = { seconds: 30, restarted: false };
      const over: Partial<Record<NeighborName, Parameters<InteropWorld['speak']>[1]>> = {
        missigned: { password: 'battery-staple' },
        called: { passive: true },
        near: { distance: { kind: 'ttl-security', hops: 1 } },
        restarted: { gracefulRestart },
        silent: { holdTime: 3 },
        mistaken: { peerAs: 65_098 },
        internal: { localAs: ROUTER_AS, distance: { kind: 'any' } },
        watched: { bfd: fast },
        far: { distance: { kind: 'multihop', ttl: 5 } },
        watchedfar: { distance: { kind: 'multihop', ttl: 5 }, bfd: fast },
        ...(!abilities.extendedNextHop && { six: { nextHops: { v4: ip('10.77.0.11') } } }),
      };
      for (const name of names) ours[name] = world.speak(NEIGHBORS[name], over[name]);
      other = world.speak(ELSEWHERE, { port: OTHER_PORT });
      await up('base');
    });
    afterAll(() => world.dispose());

    it('is told IPv4 and IPv6 routes, with everything we say of them', async () => {
      const base = NEIGHBORS.base;
      await untilTold(router, base, prefixes(base));
      const routes = await router.routes(base);
      expect(routes.get('10.99.101.1/32')).toEqual({
        nextHop: base.ip,
        path: `${OUR_AS} ${OUR_AS}`,
        communities: ['64512:100', '64512:200'],
        largeCommunities: [`${OUR_AS}:7:9`],
        med: 50,
        localPref: routes.get('10.99.101.1/32')?.localPref,
        stale: false,
      });
      expect(routes.get('2001:db8:99:101::1/128')).toMatchObject({ nextHop: OUR_IP6, path: String(OUR_AS) });
      // What it tells us is counted, and nothing more.
      await eventually('its route is counted', () => ours.base.status().received.announced > 0);
      expect(ours.base.status()).toMatchObject({
        state: 'Established',
        problem: undefined,
        announced: { 4: 1, 6: 1 },
        received: { faulty: 0 },
      });
    });

    it('is told what goes, comes and changes', async () => {
      const base = NEIGHBORS.base;
      const [four] = routesOf(base);
      ours.base.setRoutes([four!]);
      await untilTold(router, base, [four!.prefix]);
      ours.base.setRoutes([]);
      await untilTold(router, base, []);
      ours.base.setRoutes([{ ...four!, med: 60, prepend: 0 }]);
      await untilTold(router, base, [four!.prefix]);
      expect((await router.routes(base)).get(four!.prefix)).toMatchObject({ med: 60, path: String(OUR_AS) });
    });

    it('sees GRACEFUL_SHUTDOWN before routes go', async () => {
      ours.base.speaker.setGracefulShutdown(true);
      await eventually('the mark is there', async () => {
        const seen = (await router.routes(NEIGHBORS.base)).get('10.99.101.1/32');
        return seen?.communities.some((each) => each === '65535:0' || each === 'graceful-shutdown');
      });
      ours.base.speaker.setGracefulShutdown(false);
    });

    it('speaks over IPv6', async () => {
      await up('six');
      await untilTold(router, NEIGHBORS.six, prefixes(NEIGHBORS.six));
      const routes = await router.routes(NEIGHBORS.six);
      expect(routes.get('2001:db8:99:102::1/128')?.nextHop).toBe(NEIGHBORS.six.ip);
      expect(routes.get('10.99.102.1/32')?.nextHop).toBe(abilities.extendedNextHop ? NEIGHBORS.six.ip : '10.77.0.11');
    });

    it('speaks with TCP MD5, and not with another password', async () => {
      await up('signed');
      await untilTold(router, NEIGHBORS.signed, prefixes(NEIGHBORS.signed));
      expect(await router.established(NEIGHBORS.missigned)).toBe(false);
      await eventually('it is said what may be wrong', () => /same password\?$/.test(ours.missigned.problem()));
      expect(JSON.stringify(ours.missigned.status())).not.toContain('battery-staple');
    });

    it('refuses us, as we refuse it, for the wrong AS', async () => {
      await eventually('it says so', async () => abilities.wrongAs.test(await router.describe(NEIGHBORS.foreign)));
      expect(await router.established(NEIGHBORS.foreign)).toBe(false);
      await eventually('so do we', () => /Bad Peer AS/.test(ours.foreign.problem()));
      await eventually('we do', () =>
        ours.mistaken.news.some(
          (each) =>
            'news' in each &&
            each.news.kind === 'failed' &&
            each.news.cause.kind === 'sent' &&
            each.news.cause.message === `the peer is in AS ${ROUTER_AS}, not 65098`,
        ),
      );
      const { toldWrongAs } = abilities;
      if (toldWrongAs !== undefined) {
        await eventually('it hears of it', async () => toldWrongAs.test(await router.describe(NEIGHBORS.mistaken)));
      }
      expect(await router.established(NEIGHBORS.mistaken)).toBe(false);
    });

    it('may be the one that calls', async () => {
      await up('called');
      await untilTold(router, NEIGHBORS.called, prefixes(NEIGHBORS.called));
    });

    it('speaks with TTL security', async () => {
      await up('near');
      await untilTold(router, NEIGHBORS.near, prefixes(NEIGHBORS.near));
    });

    it('speaks within one AS, and prefers what we prefer', async () => {
      await up('internal');
      const routes = await eventually('it has the route', async () => {
        const held = await router.routes(NEIGHBORS.internal);
        return held.size === 2 ? held : undefined;
      });
      expect(routes?.get('10.99.110.1/32')).toMatchObject({ path: '', localPref: 100 });
    });

    it('is reached through a router', async () => {
      await up('far');
      await untilTold(router, NEIGHBORS.far, prefixes(NEIGHBORS.far).slice(0, 2));
    });

    it('is reached on another port', async () => {
      await eventually('it is up', () => elsewhere.established(ELSEWHERE), 30_000);
      await untilTold(elsewhere, ELSEWHERE, prefixes(ELSEWHERE));
      expect(other.status().state).toBe('Established');
    });

    it('takes our routes away when it hears nothing for the hold time, and back later', async () => {
      await up('silent');
      await untilTold(router, NEIGHBORS.silent, prefixes(NEIGHBORS.silent));
      const { node } = world.lan.hosts;
      await node.must(['nft', '-f', '-'], { input: cut(NEIGHBORS.silent.ip) });
      await untilTold(router, NEIGHBORS.silent, []);
      expect(await router.describe(NEIGHBORS.silent)).toMatch(abilities.expired);
      await eventually('we notice too', () => ours.silent.status().state !== 'Established');
      expect(ours.silent.news.some((each) => 'news' in each && each.news.kind === 'down')).toBe(true);
      await node.must(['nft', 'delete', 'table', 'inet', 'cut']);
      await up('silent');
      await untilTold(router, NEIGHBORS.silent, prefixes(NEIGHBORS.silent));
    });

    it('reads why we leave, and forgets our routes at once', async () => {
      await up('leaving');
      await untilTold(router, NEIGHBORS.leaving, prefixes(NEIGHBORS.leaving));
      ours.leaving.speaker.stop({ kind: 'shutdown', communication: 'new disks' });
      await untilTold(router, NEIGHBORS.leaving, []);
      await eventually('it read it', async () => abilities.farewell.test(await router.describe(NEIGHBORS.leaving)));
    });

    it('tells us why it leaves', async () => {
      await up('dismissed');
      await router.shutdown(NEIGHBORS.dismissed, 'moving');
      await eventually('we hear it', () =>
        ours.dismissed.news.some(
          (each) =>
            'news' in each &&
            each.news.kind === 'down' &&
            each.news.cause.kind === 'received' &&
            each.news.cause.notification.code === 6 &&
            each.news.cause.notification.subcode === 2,
        ),
      );
      expect(await router.established(NEIGHBORS.dismissed)).toBe(false);
    });

    it('keeps our routes over a restart, and drops those that are not there afterwards', async () => {
      const neighbor = NEIGHBORS.restarted;
      await up('restarted');
      const extra = route('10.99.108.2/32');
      ours.restarted.setRoutes([...routesOf(neighbor), extra]);
      await untilTold(router, neighbor, [...prefixes(neighbor), extra.prefix]);
      ours.restarted.speaker.stop({ kind: 'restart' });
      await eventually('the session is gone', async () => !(await router.established(neighbor)));
      await delay(300);
      expect([...(await router.routes(neighbor)).keys()].sort()).toEqual([...prefixes(neighbor), extra.prefix].sort());
      const next = world.speak(neighbor, { gracefulRestart: { seconds: 30, restarted: true } });
      await up('restarted');
      await untilTold(router, neighbor, prefixes(neighbor));
      for (const { stale } of (await router.routes(neighbor)).values()) expect(stale).toBe(false);
      expect(next.status().negotiated?.gracefulRestart).toBeDefined();
    });

    if (abilities.bfd !== undefined) {
      const { bfd } = abilities;
      it('watches the path by BFD, and so do we', async () => {
        for (const name of ['watched', 'watchedfar'] as const) {
          await up(name);
          await eventually(`BFD with ${name} is up`, async () => bfd.test((await router.bfd?.(NEIGHBORS[name])) ?? ''));
          await eventually('ours too', () => ours[name].status().bfd === 'Up');
        }
        await untilTold(router, NEIGHBORS.watched, prefixes(NEIGHBORS.watched));
        const { node } = world.lan.hosts;
        const { length } = ours.watched.news;
        await node.must(['nft', '-f', '-'], { input: cut(NEIGHBORS.watched.ip) });
        const since = performance.now();
        await untilTold(router, NEIGHBORS.watched, []);
        // The hold time is 90 s: nothing but BFD takes the route away that soon.
        expect(performance.now() - since).toBeLessThan(30_000);
        await eventually('we notice too', () =>
          ours.watched.news
            .slice(length)
            .some(
              (each) => 'news' in each && each.news.kind === 'down' && JSON.stringify(each.news.cause).includes('BFD'),
            ),
        );
        await up('watchedfar');
        await node.must(['nft', 'delete', 'table', 'inet', 'cut']);
        await up('watched');
      });
    }

    it('has everything again after it was restarted', async () => {
      await router.kill();
      await eventually('we notice', () => ours.base.status().state !== 'Established');
      await router.start();
      await up('base');
      await untilTold(router, NEIGHBORS.base, ['10.99.101.1/32']);
      await untilTold(router, NEIGHBORS.called, prefixes(NEIGHBORS.called));
    });
  });
}

/** Nothing comes or goes for this address any more, and nobody is told. */
function cut(address: string): string {
  return `table inet cut {
  chain in { type filter hook input priority 0; ip daddr ${address} drop; }
  chain out { type filter hook output priority 0; ip saddr ${address} drop; }
}
`;
}
