import { beforeEach, describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../../src/model/ip.ts';
import { createBalanceWorld, HERE, SECOND, THIRD, VIP, type BalanceWorld } from '../../../support/balance-world.ts';

const SILENT = { state: 'silent', message: 'no answer' } as const;
const OUT = { state: 'out', message: 'answers 500' } as const;
const DEAD = { state: 'dead', message: 'connection refused' } as const;
const ALL = [HERE.ip, SECOND.ip, THIRD.ip];

let world: BalanceWorld;
beforeEach(() => {
  world = createBalanceWorld();
});
async function holding(): Promise<void> {
  world.balancer.start([VIP.ip]);
  world.balancer.hold([VIP]);
  await world.clock.advanceAsync(10);
}

describe('the balancer', () => {
  it('spreads over all that are ready, and asks nobody while the VIP is elsewhere', async () => {
    world.balancer.start([VIP.ip]);
    await world.clock.advanceAsync(60_000);
    expect(world.asked).toEqual([]);
    expect(world.balancer.state).toMatchObject({ state: 'off', reason: 'NotOwner' });
    world.balancer.hold([VIP]);
    await world.clock.advanceAsync(10);
    expect(world.outside()).toEqual(ALL);
    expect(world.inside()).toEqual(ALL);
    expect(world.balancer.state).toMatchObject({ state: 'ready', reason: 'Balanced' });
    world.balancer.hold([]);
    await world.clock.advanceAsync(10);
    expect(world.kernel).toEqual([]);
    expect([HERE, SECOND, THIRD].map((one) => world.standing(one))).toEqual([0, 0, 0]);
  });

  it('says of no API server that it has connections before the rules in the kernel do', async () => {
    world.setTakes = 10;
    for (const [i, one] of [HERE, SECOND, THIRD].entries()) world.answersAfter(one, 5 * i);
    await holding();
    await world.clock.advanceAsync(100);
    expect(world.balancer.state).toMatchObject({ state: 'ready', reason: 'Balanced' });
    expect(world.outside()).toEqual(ALL);
    expect(world.toldOf.filter(({ told, inKernel }) => told > inKernel)).toEqual([]);
    expect(world.toldOf.length).toBeGreaterThan(0);
  });

  it('says that one that is gone has connections until the rules in the kernel say otherwise', async () => {
    await holding();
    const serving = (): Ip[] =>
      world.balancer.backends.filter(({ isServing }) => isServing).map(({ backend }) => backend.ip);
    expect(serving()).toEqual(ALL);
    world.setTakes = 10;
    world.answer(THIRD, DEAD);
    world.drop(THIRD);
    await world.clock.advanceAsync(5);
    expect(serving()).toEqual(ALL);
    await world.clock.advanceAsync(5);
    expect(serving()).toEqual([HERE.ip, SECOND.ip]);
  });

  it('takes out at once whoever is not ready and leaves its connections alone', async () => {
    await holding();
    world.cuts.length = 0;
    world.answer(SECOND, OUT);
    await world.clock.advanceAsync(1000);
    expect(world.outside()).toEqual([HERE.ip, THIRD.ip]);
    expect(world.cuts).toEqual([]);
    world.answer(SECOND, { state: 'ready' });
    await world.clock.advanceAsync(1000);
    expect(world.outside()).toEqual(ALL);
  });

  it('cuts the connections of one that is gone, once, and after the rules', async () => {
    await holding();
    world.cuts.length = 0;
    world.answer(SECOND, DEAD);
    await world.clock.advanceAsync(5000);
    expect(world.outside()).toEqual([HERE.ip, THIRD.ip]);
    expect(world.cuts).toEqual([{ vips: [VIP.ip], to: [SECOND.ip], rules: 1 }]);
  });

  it('takes a silent one out, and cuts only where not even its port answers', async () => {
    await holding();
    world.cuts.length = 0;
    world.answer(SECOND, SILENT);
    world.answer(THIRD, SILENT);
    world.takes(THIRD, false);
    await world.clock.advanceAsync(1000);
    expect(world.outside()).toEqual([]);
    expect(world.kernel).toEqual([]);
    expect(world.cuts.map(({ to }) => to)).toEqual([[THIRD.ip]]);
  });

  it('asks at once when a connection ends or a node may have died, and not without end', async () => {
    await holding();
    world.answer(THIRD, DEAD);
    world.drop(THIRD);
    await world.clock.advanceAsync(0);
    expect(world.outside()).toEqual([HERE.ip, SECOND.ip]);
    world.takes(SECOND, false);
    world.balancer.doubt();
    await world.clock.advanceAsync(0);
    expect(world.outside()).toEqual([]);
    world.takes(SECOND, true);
    await world.clock.advanceAsync(1000);
    // A server that ends its connections without being dead.
    const before = world.asked.length;
    for (let i = 0; i < 50; i++) {
      world.drop(SECOND);
      await world.clock.advanceAsync(1);
    }
    expect(world.asked.length - before).toBeLessThanOrEqual(1);
    expect(world.outside()).toEqual([HERE.ip, SECOND.ip]);
  });

  it('leaves all to this node when nobody is ready, with no rules', async () => {
    await holding();
    for (const one of [HERE, SECOND, THIRD]) world.answer(one, OUT);
    await world.clock.advanceAsync(1000);
    expect(world.kernel).toEqual([]);
    expect(world.balancer.state).toMatchObject({ state: 'pending', reason: 'NoApiServerReady' });
  });

  it('spreads only its own connections where it passes none on, and says so', async () => {
    world.forwarding.delete(4);
    await holding();
    expect(world.outside()).toEqual([]);
    expect(world.inside()).toEqual(ALL);
    expect(world.balancer.state).toMatchObject({ state: 'pending', reason: 'NotForwarding' });
    expect(world.balancer.state.message).toContain('net.ipv4.ip_forward=1');
  });

  it('leads a port of its own to this node when nobody is ready', async () => {
    world = createBalanceWorld({ port: 443 });
    for (const one of [HERE, SECOND, THIRD]) world.answer(one, DEAD);
    await holding();
    expect(world.kernel).toMatchObject([{ port: 443, herePort: 6443, outside: [HERE], inside: [HERE] }]);
    world.candidates = [];
    world.balancer.candidatesChanged();
    await world.clock.advanceAsync(0);
    expect(world.kernel).toMatchObject([{ outside: [{ here: true }], inside: [{ here: true }] }]);
  });

  it('keeps families apart: without servers in one, its address stays here', async () => {
    await holding();
    world.balancer.hold([VIP, { ip: ip('2001:db8:77::240'), link: 'eth0' }]);
    await world.clock.advanceAsync(10);
    expect(world.kernel.map(({ family }) => family)).toEqual([4]);
    world.candidates = [...world.candidates, { ip: ip('2001:db8:77::12'), port: 6443, here: false }];
    world.balancer.candidatesChanged();
    await world.clock.advanceAsync(10);
    expect(world.kernel.map(({ family, outside }) => [family, outside.length])).toEqual([
      [4, 3],
      [6, 1],
    ]);
  });

  it('follows who there is', async () => {
    await holding();
    world.candidates = [HERE, THIRD];
    world.balancer.candidatesChanged();
    await world.clock.advanceAsync(0);
    expect(world.outside()).toEqual([HERE.ip, THIRD.ip]);
    expect(world.standing(SECOND)).toBe(0);
    const before = world.asked.length;
    await world.clock.advanceAsync(10_000);
    expect(world.asked.slice(before).some((one) => one.ip === SECOND.ip)).toBe(false);
  });

  it('sets rules again before they run out, and tries again what the kernel refused', async () => {
    await holding();
    const before = world.sets;
    await world.clock.advanceAsync(20_000);
    expect(world.sets - before).toBeGreaterThanOrEqual(3);
    world.refuses = true;
    world.answer(SECOND, OUT);
    await world.clock.advanceAsync(1000);
    expect(world.errors.length).toBeGreaterThan(0);
    expect(world.balancer.state.reason).toBe('RulesNotSet');
    world.refuses = false;
    await world.clock.advanceAsync(2000);
    expect(world.outside()).toEqual([HERE.ip, THIRD.ip]);
    expect(world.balancer.state.reason).toBe('Balanced');
  });

  it('leaves nothing: rules, connections, timers', async () => {
    await holding();
    world.cuts.length = 0;
    const stopped = world.balancer.stop();
    await world.clock.advanceAsync(10);
    await stopped;
    expect(world.kernel).toEqual([]);
    expect(world.cuts).toEqual([{ vips: [VIP.ip], rules: 0 }]);
    expect(world.clock.pending()).toBe(0);
    const before = world.asked.length;
    await world.clock.advanceAsync(60_000);
    expect(world.asked.length).toBe(before);
  });
});
