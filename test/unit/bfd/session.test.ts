/** BFD sessions in simulated time. */
import { describe, expect, it } from 'vitest';
import { createBfdSession, type BfdTimers } from '../../../src/protocols/bfd/session.ts';
import { createBfdWorld, type BfdWorld, type End } from '../../support/bfd-world.ts';
import { seededEntropy } from '../../support/bgp-world.ts';

const FAST: BfdTimers = { transmitInterval: 50, receiveInterval: 50, multiplier: 3 };
const SLOW: BfdTimers = { transmitInterval: 300, receiveInterval: 300, multiplier: 3 };
const up = (a = FAST, b = FAST, seed = 1): BfdWorld => {
  const world = createBfdWorld({ a, b }, seed);
  world.start('a');
  world.start('b');
  world.run(4000);
  expect([world.sessions.a.state, world.sessions.b.state]).toEqual(['Up', 'Up']);
  return world;
};
const gaps = (world: BfdWorld, end: End, since: number): number[] => {
  const times = world.sent.filter((each) => each.end === end && each.at >= since).map(({ at }) => at);
  return times.slice(1).map((at, i) => at - times[i]!);
};

describe('BFD', () => {
  it('comes up by a three-way handshake, slowly, and is fast from then on', () => {
    const world = createBfdWorld({ a: FAST, b: FAST });
    world.start('a');
    world.run(2000);
    // Nobody is there: a packet a second is enough.
    expect(Math.min(...gaps(world, 'a', 0))).toBeGreaterThanOrEqual(750);
    world.start('b');
    world.run(2000);
    expect(world.events.map(({ end, output }) => `${end} ${output.kind}`).sort()).toEqual(['a up', 'b up']);
    const since = world.now;
    world.run(5000);
    for (const end of ['a', 'b'] as const) {
      const all = gaps(world, end, since);
      expect(Math.max(...all)).toBeLessThanOrEqual(51);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(37);
    }
    expect(world.sent.at(-1)?.packet.poll).toBe(false);
  });

  it('keeps to the slower one of both sides', () => {
    const world = up(FAST, SLOW);
    const since = world.now;
    world.run(10_000);
    expect(Math.min(...gaps(world, 'a', since))).toBeGreaterThanOrEqual(225);
    expect(world.sessions.a.detectionTime).toBe(900);
    expect(world.sessions.b.detectionTime).toBe(900);
  });

  it('finds a broken path after three packets that did not come, in one direction too', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = up(FAST, FAST, seed);
      const cutAt = world.now;
      world.arrives = (end) => end === 'b';
      world.run(1000);
      const downs = world.events.filter(({ output, at }) => output.kind === 'down' && at > cutAt);
      expect(downs.map(({ end }) => end)).toEqual(['b', 'a']);
      // The last packet may have arrived just before.
      expect(downs[0]!.at - cutAt).toBeGreaterThanOrEqual(100);
      expect(downs[0]!.at - cutAt).toBeLessThanOrEqual(151);
      expect(downs[0]!.output).toEqual({ kind: 'down', administrative: false, message: 'no BFD packet for 150 ms' });
      expect(downs[1]!.output).toEqual({ kind: 'down', administrative: false, message: 'BFD is down at the peer' });
    }
  });

  it('bears two lost packets in a row', () => {
    const world = up();
    let count = 0;
    world.arrives = () => count++ % 3 === 0;
    world.run(60_000);
    // One after the other of both sides is lost at random: what counts is that it comes back by itself.
    world.arrives = () => true;
    world.run(5000);
    expect([world.sessions.a.state, world.sessions.b.state]).toEqual(['Up', 'Up']);
  });

  it('tells an end on purpose from a broken path', () => {
    const world = up();
    world.stop('b');
    world.run(2000);
    const down = world.events.find(({ end, output }) => end === 'a' && output.kind === 'down');
    expect(down!.output).toEqual({ kind: 'down', administrative: true, message: 'the peer has ended BFD' });
    expect(world.sessions.a.state).toBe('Down');
    world.start('b');
    world.run(4000);
    expect([world.sessions.a.state, world.sessions.b.state]).toEqual(['Up', 'Up']);
  });

  it('notices a peer that was restarted', () => {
    const world = up();
    world.restart('b');
    world.run(5000);
    expect(world.events.filter(({ end }) => end === 'a').map(({ output }) => output.kind)).toEqual([
      'up',
      'down',
      'up',
    ]);
  });

  it('ends a poll when the peer answers, and answers polls at once', () => {
    const world = up();
    const last = world.sent.filter(({ packet }) => packet.poll).at(-1)!;
    const finals = world.sent.filter(({ packet }) => packet.final);
    expect(finals.length).toBeGreaterThanOrEqual(2);
    expect(world.now - last.at).toBeGreaterThan(500);
    for (const { packet } of finals) expect(packet.poll).toBe(false);
  });

  it('sends nothing to a peer that wants nothing', () => {
    const session = createBfdSession(FAST, 7, seededEntropy(1));
    session.start(0);
    const packet = {
      diagnostic: 0,
      state: 'Down' as const,
      poll: false,
      final: false,
      controlPlaneIndependent: false,
      demand: false,
      detectMultiplier: 3,
      myDiscriminator: 9,
      yourDiscriminator: 0,
      desiredMinTx: 1_000_000,
      requiredMinRx: 0,
      requiredMinEchoRx: 0,
    };
    session.receive(packet, 10);
    expect(session.state).toBe('Init');
    expect(session.deadline()).toBe(10 + 3000);
  });

  it('does not listen to a session that is over', () => {
    const world = up();
    const stale = world.sent.findLast(({ end }) => end === 'b')!.packet;
    const outputs = world.sessions.a.receive({ ...stale, yourDiscriminator: 4711, state: 'Down' }, world.now);
    expect(outputs).toEqual([]);
    expect(world.sessions.a.state).toBe('Up');
  });
});
