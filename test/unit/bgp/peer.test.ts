/** Sessions of two peers in simulated time. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { describeCause, type PeerOutput } from '../../../src/protocols/bgp/session/events.ts';
import { describeNotification } from '../../../src/protocols/bgp/notification.ts';
import { createBgpWorld, prefix, route, type BgpWorld, type Side } from '../../support/bgp-world.ts';

const started = (...args: Parameters<typeof createBgpWorld>): BgpWorld => {
  const world = createBgpWorld(...args);
  world.input('a', { kind: 'start' });
  world.input('b', { kind: 'start' });
  return world;
};
const outputs = <Kind extends PeerOutput['kind']>(
  world: BgpWorld,
  side: Side,
  kind: Kind,
): Extract<PeerOutput, { kind: Kind }>[] =>
  world.events
    .filter((event) => event.side === side && event.output.kind === kind)
    .map(({ output }) => output as Extract<PeerOutput, { kind: Kind }>);
const states = ({ peers }: BgpWorld): string => `${peers.a.state} ${peers.b.state}`;
const VIPS = [route('10.99.0.1/32'), route('2001:db8:99::1/128')];

describe('a session', () => {
  it('is established at once, though both call at the same time', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const world = started({ seed });
      world.run(1000);
      expect(states(world)).toBe('Established Established');
      // One connection is left, of those two.
      expect(outputs(world, 'a', 'up')).toHaveLength(1);
      expect(outputs(world, 'b', 'up')).toHaveLength(1);
      expect(outputs(world, 'a', 'failed')).toEqual([]);
    }
  });

  it('comes about within milliseconds when one side only calls', () => {
    const world = started({ b: { passive: true } });
    world.run(10);
    expect(states(world)).toBe('Established Established');
  });

  it('tells the routes that are there, their end, and every change after it', () => {
    const world = createBgpWorld({ a: { nextHops: { v6: ip('2001:db8:77::b') } } });
    world.input('a', { kind: 'routes', routes: VIPS });
    world.input('a', { kind: 'start' });
    world.input('b', { kind: 'start' });
    world.run(1000);
    expect([...world.knows('b').keys()].sort()).toEqual(['10.99.0.1/32', '2001:db8:99::1/128']);
    expect(world.knows('b').get(prefix('10.99.0.1/32'))).toEqual({
      attributes: { origin: 'igp', asPath: [{ type: 'sequence', asns: [65000] }] },
      nextHops: ['10.77.0.11'],
    });
    expect(world.knows('b').get(prefix('2001:db8:99::1/128'))?.nextHops).toEqual(['2001:db8:77::b']);
    expect([...world.heardAll('b')].sort()).toEqual([4, 6]);
    expect(outputs(world, 'b', 'end-of-rib').map(({ family }) => family)).toEqual([4, 6]);

    world.input('a', { kind: 'routes', routes: [route('10.99.0.2/32', { med: 5, prepend: 2, communities: [7] })] });
    world.run(5);
    expect([...world.knows('b')]).toEqual([
      [
        '10.99.0.2/32',
        {
          attributes: {
            origin: 'igp',
            asPath: [{ type: 'sequence', asns: [65000, 65000, 65000] }],
            med: 5,
            communities: [7],
          },
          nextHops: ['10.77.0.11'],
        },
      ],
    ]);
  });

  it('says nothing twice', () => {
    const world = started();
    world.run(1000);
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32'), route('10.99.0.2/32')] });
    world.run(5);
    const before = world.said.length;
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32'), route('10.99.0.2/32')] });
    world.run(5);
    expect(world.said.slice(before).filter(({ message }) => message.kind === 'update')).toEqual([]);
  });

  it('packs a thousand routes of both families with the same attributes into few messages', () => {
    const world = started({ a: { nextHops: { v6: ip('2001:db8:77::b') } } });
    world.run(1000);
    const before = world.said.length;
    const thousand = Array.from({ length: 1000 }, (_, i) => [
      route(`10.99.${i >> 8}.${i & 255}/32`),
      route(`2001:db8:99::${i.toString(16)}/128`),
    ]).flat();
    world.input('a', { kind: 'routes', routes: thousand });
    world.run(5);
    expect(world.knows('b').size).toBe(2000);
    const updates = (): number => world.said.slice(before).filter(({ message }) => message.kind === 'update').length;
    expect(updates()).toBeLessThanOrEqual(7);
    world.input('a', { kind: 'routes', routes: [] });
    world.run(5);
    expect(world.knows('b').size).toBe(0);
    expect(updates()).toBeLessThanOrEqual(14);
  });

  it('says on request what it has said before, and not more often than once a second', () => {
    const world = started();
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(2000);
    const connection = 1;
    const updates = (): number =>
      world.said.filter(({ side, message }) => side === 'a' && message.kind === 'update').length;
    const before = updates();
    const refresh = Uint8Array.from([...new Uint8Array(16).fill(255), 0, 23, 5, 0, 1, 0, 1]);
    for (let i = 0; i < 1000; i++) {
      for (const id of [connection, 2, 3]) world.input('a', { kind: 'data', connection: id, bytes: refresh });
    }
    world.run(5000);
    expect(updates() - before).toBeGreaterThanOrEqual(1);
    expect(updates() - before).toBeLessThanOrEqual(2);
    expect(world.knows('b').size).toBe(1);
  });
});

describe('the end of a session', () => {
  it('comes when the other side is silent for the hold time, and both find each other again', () => {
    const world = started();
    world.run(20_000);
    expect(states(world)).toBe('Established Established');
    world.setWire(false);
    world.run(9001);
    for (const side of ['a', 'b'] as const) {
      const [down] = outputs(world, side, 'down');
      expect(describeCause(down!.cause)).toBe('the peer was silent for 9 s (sent Hold Timer Expired)');
    }
    world.setWire(true);
    world.run(6000);
    expect(states(world)).toBe('Established Established');
  });

  it('is announced with the reason, and not tried again until it is started', () => {
    const world = started();
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(1000);
    world.input('a', { kind: 'stop', farewell: { kind: 'shutdown', communication: 'new disks' } });
    world.run(60_000);
    expect(world.peers.a.state).toBe('Idle');
    expect(world.peers.b.state).not.toBe('Established');
    const [down] = outputs(world, 'b', 'down');
    expect(describeCause(down!.cause)).toBe('the peer sent Cease/Administrative Shutdown: new disks');
    world.input('a', { kind: 'start' });
    world.run(6000);
    expect(states(world)).toBe('Established Established');
  });

  it('can be had without a word, so that routes are kept', () => {
    const world = started({ a: { gracefulRestart: { seconds: 60, restarted: false } } });
    world.run(1000);
    const before = world.said.length;
    world.input('a', { kind: 'stop', farewell: { kind: 'restart' } });
    world.run(100);
    expect(world.said.slice(before).filter(({ message }) => message.kind === 'notification')).toEqual([]);
    expect(outputs(world, 'b', 'down')).toHaveLength(1);
  });

  it('comes with the word of BFD', () => {
    const world = started();
    world.run(1000);
    world.input('a', { kind: 'bfd-down', message: 'no BFD packet for 150 ms' });
    world.run(2);
    expect(describeCause(outputs(world, 'b', 'down')[0]!.cause)).toBe('the peer sent Cease/BFD Down');
  });

  it('is followed by another attempt a quarter of a second later, and slower ones if those fail', () => {
    const world = createBgpWorld();
    world.input('a', { kind: 'start' });
    world.run(60_000);
    const times = world.events.filter(({ output }) => output.kind === 'connect').map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - times[i]!);
    expect(gaps[0]).toBeGreaterThanOrEqual(187);
    expect(gaps[0]).toBeLessThanOrEqual(252);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5002);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(3750);
  });
});

describe('a peer that is not the one expected', () => {
  it('is told which AS was wanted', () => {
    const world = started({ b: { localAs: 64513 } });
    world.run(1000);
    expect(states(world)).not.toContain('Established');
    const [failed] = outputs(world, 'a', 'failed');
    expect(describeCause(failed!.cause)).toBe(
      'the peer is in AS 64513, not 64512 (sent OPEN Message Error/Bad Peer AS)',
    );
  });

  it('is not talked to again and again', () => {
    const world = started({ b: { localAs: 64513 } });
    world.run(60_000);
    expect(outputs(world, 'a', 'failed').length).toBeLessThan(60);
  });

  it('may not have our identifier within one AS', () => {
    const world = started({
      a: { localAs: 65000, peerAs: 65000 },
      b: { localAs: 65000, peerAs: 65000, identifier: ip('10.77.0.11') },
    });
    world.run(1000);
    const [failed] = outputs(world, 'a', 'failed');
    expect(failed!.cause).toMatchObject({ notification: { code: 2, subcode: 3 } });
  });
});

describe('within one AS', () => {
  it('routes have a local preference and no path', () => {
    const world = started({ a: { localAs: 65000, peerAs: 65000 }, b: { localAs: 65000, peerAs: 65000 } });
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32', { prepend: 3, localPref: 200 })] });
    world.run(1000);
    expect(world.knows('b').get(prefix('10.99.0.1/32'))?.attributes).toEqual({
      origin: 'igp',
      asPath: [],
      localPref: 200,
    });
  });
});

describe('graceful shutdown', () => {
  it('marks every route before it goes, and takes the mark away', () => {
    const world = started();
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32', { communities: [65000 * 65536 + 1] })] });
    world.run(1000);
    world.input('a', { kind: 'graceful-shutdown', on: true });
    world.run(5);
    const marked = world.knows('b').get(prefix('10.99.0.1/32'))?.attributes.communities;
    expect(marked).toEqual([65000 * 65536 + 1, 0xffff_0000]);
    world.input('a', { kind: 'graceful-shutdown', on: false });
    world.run(5);
    expect(world.knows('b').get(prefix('10.99.0.1/32'))?.attributes.communities).toEqual([65000 * 65536 + 1]);
  });

  it('is the least preference within one AS', () => {
    const world = started({ a: { localAs: 65000, peerAs: 65000 }, b: { localAs: 65000, peerAs: 65000 } });
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32')] });
    world.run(1000);
    world.input('a', { kind: 'graceful-shutdown', on: true });
    world.run(5);
    expect(world.knows('b').get(prefix('10.99.0.1/32'))?.attributes.localPref).toBe(0);
  });
});

describe('graceful restart', () => {
  const gracefulRestart = { seconds: 120, restarted: false };
  const restartFlag = (world: BgpWorld): boolean[] =>
    world.said
      .filter(({ side }) => side === 'a')
      .flatMap(({ message }) => (message.kind === 'open' ? message.capabilities : []))
      .flatMap((capability) => (capability.kind === 'graceful-restart' ? [capability.restarted] : []));

  it('is told by a process that takes over, until everything has been said once', () => {
    const world = started({ a: { gracefulRestart: { seconds: 120, restarted: true } } });
    world.run(1000);
    expect(new Set(restartFlag(world))).toEqual(new Set([true]));
    const before = restartFlag(world).length;
    world.breakConnections();
    world.run(1000);
    expect(new Set(restartFlag(world).slice(before))).toEqual(new Set([false]));
  });

  it('lets a peer that comes back take the place of a session that is dead', () => {
    const world = started({ a: { gracefulRestart, passive: true }, b: { gracefulRestart } });
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(1000);
    world.setWire(false);
    world.restart('b');
    world.run(10);
    world.setWire(true);
    world.run(6000);
    expect(states(world)).toBe('Established Established');
    expect(outputs(world, 'a', 'down').map(({ cause }) => describeCause(cause))).toContain(
      'the peer has opened another connection in its place',
    );
    expect(world.knows('b').size).toBe(1);
  });
});

describe('next hops', () => {
  const told = (world: BgpWorld, text: string): readonly string[] | undefined =>
    world.knows('b').get(prefix(text))?.nextHops;

  it('are IPv6 for IPv4 routes where only the session’s own IPv6 address is at hand', () => {
    const world = started({
      a: { nextHops: { v4: ip('10.77.0.99'), v6: ip('2001:db8:77::b'), linkLocal: ip('fe80::b') } },
    });
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(1000);
    expect(told(world, '10.99.0.1/32')).toEqual(['10.77.0.99']);
    expect(told(world, '2001:db8:99::1/128')).toEqual(['2001:db8:77::b', 'fe80::b']);
  });

  it('that are missing are told, and do not keep the other family', () => {
    const world = started();
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(1000);
    expect(told(world, '10.99.0.1/32')).toEqual(['10.77.0.11']);
    expect(told(world, '2001:db8:99::1/128')).toBeUndefined();
    expect([...world.peers.a.refused]).toEqual([
      ['2001:db8:99::1/128', 'no next hop: an IPv6 address is needed for a session over IPv4'],
    ]);
  });

  it('are not told of families that the peer did not ask for', () => {
    const world = started({ a: { nextHops: { v6: ip('2001:db8:77::b') } }, b: { families: [4] } });
    world.input('a', { kind: 'routes', routes: VIPS });
    world.run(1000);
    expect([...world.knows('b').keys()]).toEqual(['10.99.0.1/32']);
    expect([...world.peers.a.refused.values()]).toEqual(['the peer takes no IPv6 routes']);
  });

  it('leave out a route whose communities fit into no message', () => {
    const world = started();
    const communities = Array.from({ length: 1100 }, (_, i) => i);
    world.input('a', { kind: 'routes', routes: [route('10.99.0.1/32', { communities }), route('10.99.0.2/32')] });
    world.run(1000);
    expect([...world.knows('b').keys()]).toEqual(['10.99.0.2/32']);
    expect([...world.peers.a.refused.keys()]).toEqual(['10.99.0.1/32']);
  });
});

describe('a slow peer', () => {
  it('is waited for without anything piling up, and given up after eight minutes', () => {
    const world = started({ a: { holdTime: 0 }, b: { holdTime: 0 } });
    world.run(1000);
    const id = world.events.findLast(({ side, output }) => side === 'a' && output.kind === 'connect')!.output as {
      connection: number;
    };
    for (const connection of [id.connection, id.connection + 1, 1, 2])
      world.input('a', { kind: 'congested', connection });
    const before = world.said.length;
    for (let i = 0; i < 100; i++) {
      world.input('a', { kind: 'routes', routes: [route(`10.99.0.${i}/32`)] });
      world.run(1000);
    }
    expect(world.said.length).toBe(before);
    for (const connection of [id.connection, id.connection + 1, 1, 2])
      world.input('a', { kind: 'drained', connection });
    world.run(5);
    expect([...world.knows('b').keys()]).toEqual(['10.99.0.99/32']);
    for (const connection of [id.connection, id.connection + 1, 1, 2])
      world.input('a', { kind: 'congested', connection });
    world.run(480_001);
    const [down] = outputs(world, 'a', 'down');
    expect(down!.cause.kind === 'sent' && describeNotification(down!.cause.notification)).toBe(
      'Send Hold Timer Expired',
    );
  });
});
