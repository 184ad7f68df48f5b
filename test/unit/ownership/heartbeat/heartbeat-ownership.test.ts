import { describe, expect, it } from 'vitest';
import { UNCONFIRMED } from '../../../../src/exposure/ownership/custody.ts';
import type { Takeover } from '../../../../src/exposure/ownership/port.ts';
import { ip, type Ip } from '../../../../src/model/ip.ts';
import { createHeartbeatLan, keyFrom, type HeartbeatLan, type LanAgent } from '../../../support/heartbeat-lan.ts';

const VIP = ip('10.0.0.100');
const NAMES = ['a', 'b', 'c'];

function world(
  names: readonly string[] = NAMES,
  addresses: readonly Ip[] = [VIP],
): HeartbeatLan & { of: (node: string) => LanAgent; holders: (address?: Ip) => string[]; ensureAll: () => void } {
  const lan = createHeartbeatLan();
  for (const name of names) void lan.add(name).ownership.start();
  const ensureAll = (): void => {
    for (const { ownership } of lan.agents)
      for (const address of addresses) ownership.ensure(address, ownership.liveNodes());
  };
  for (const { ownership } of lan.agents) ownership.onChange((address) => address === undefined && ensureAll());
  ensureAll();
  return {
    ...lan,
    ensureAll,
    of: (node) => lan.agents.find((one) => one.node === node)!,
    holders: (address = VIP) => lan.agents.filter(({ ownership }) => ownership.holds(address)).map(({ node }) => node),
  };
}

describe('ownership by heartbeat', () => {
  it('says that it listens first, then who the owner is, with the reason', () => {
    const { clock, of, agents, holders } = world();
    expect(of('a').ownership.ensure(VIP, NAMES)).toMatchObject({ state: 'pending', reason: 'SettlingIn' });
    clock.advance(400);
    const [owner] = holders();
    expect(holders()).toHaveLength(1);
    for (const { ownership, node } of agents) {
      expect(ownership.ensure(VIP, NAMES)).toMatchObject({
        state: 'ready',
        reason: 'Owned',
        value: { node: owner, mine: node === owner, term: 1 },
      });
      expect(ownership.liveNodes()).toEqual(NAMES);
    }
  });

  it('fails over within the timeout and tells the record, the flight recorder and whom it lost', () => {
    const { clock, of, holders, agents, unplug } = world();
    clock.advance(400);
    const dead = of(holders()[0]!);
    const takeovers: Takeover[] = [];
    for (const { ownership } of agents) ownership.onTakeover((takeover) => takeovers.push(takeover));
    unplug(dead);
    const since = clock.now();
    clock.advance(160);
    const [next, ...others] = holders().filter((node) => node !== dead.node);
    expect(others).toEqual([]);
    expect(of(next!).notes).toEqual([`owned ${VIP} 2`]);
    expect(of(next!).ownership.lostNodes()).toEqual([dead.node]);
    const [takeover] = takeovers.filter(({ from }) => from === dead.node);
    expect(takeover).toMatchObject({ address: VIP, cause: 'death' });
    // What was on its way still arrives.
    expect(takeover!.lastHeard).toBeLessThanOrEqual(since + 5);
    expect(takeover!.detected! - takeover!.lastHeard!).toBeGreaterThanOrEqual(150);
    expect(takeover!.decided).toBe(takeover!.detected);
  });

  it('is silent while its cable is out, and plugged in again until it knows that another node took over', () => {
    const { clock, of, holders, agents, unplug, plugIn } = world();
    clock.advance(400);
    const cut = of(holders()[0]!);
    unplug(cut);
    cut.ownership.setCutOff(true);
    expect(cut.ownership.answers(VIP)).toBe(false);
    clock.advance(5000);
    const answering = (): string[] => agents.filter(({ ownership }) => ownership.answers(VIP)).map(({ node }) => node);
    const [next] = answering();
    expect(next).not.toBe(cut.node);
    plugIn(cut);
    cut.ownership.setCutOff(false);
    for (let step = 0; step < 300; step++) {
      expect(answering()).toEqual([next]);
      clock.advance(2);
    }
    expect(cut.ownership.ensure(VIP, NAMES)).toMatchObject({ state: 'ready', value: { node: next, mine: false } });
  });

  it('takes nothing while its cable is out, and goes on with what nobody took', () => {
    const lan = world(['a', 'b']);
    lan.clock.advance(400);
    const owner = lan.of(lan.holders()[0]!);
    const other = lan.agents.find((one) => one !== owner)!;
    lan.unplug(other);
    other.ownership.setCutOff(true);
    lan.clock.advance(3000);
    expect(lan.holders()).toEqual([owner.node]);
    lan.plugIn(other);
    other.ownership.setCutOff(false);
    lan.clock.advance(1000);
    expect(lan.holders()).toEqual([owner.node]);
  });

  it('serves alone, whatever its link does', () => {
    const { clock, of, holders } = world(['a']);
    clock.advance(400);
    of('a').ownership.setCutOff(true);
    clock.advance(1000);
    expect(holders()).toEqual(['a']);
  });

  it('hands over before it ends: the next one has it before this one lets go, and this one does not answer meanwhile', async () => {
    const { clock, of, holders, agents } = world();
    clock.advance(400);
    const old = of(holders()[0]!);
    const answering = (): string[] => agents.filter(({ ownership }) => ownership.answers(VIP)).map(({ node }) => node);
    let ended = false;
    const handedOver = old.ownership.handOver().then(() => (ended = true));
    expect(answering()).toEqual([]);
    expect(old.ownership.ensure(VIP, NAMES)).toMatchObject({
      state: 'ready',
      reason: 'HandingOver',
      value: { mine: true },
    });
    await clock.advanceAsync(20);
    const [next] = answering();
    expect(answering()).toHaveLength(1);
    expect(next).not.toBe(old.node);
    expect(old.notes).toEqual([`owned ${VIP} 1`, `lost ${VIP}`]);
    await handedOver;
    expect(ended).toBe(true);
    expect(old.ownership.ensure(VIP, NAMES)).toMatchObject({ reason: 'Owned', value: { node: next, mine: false } });
  });

  it('says good-bye: the others need not wait until it counts as dead', async () => {
    const { clock, of, holders } = world();
    clock.advance(400);
    const old = of(holders()[0]!);
    const stopped = old.ownership.stop();
    await clock.advanceAsync(700);
    await stopped;
    for (const node of NAMES.filter((one) => one !== old.node)) {
      expect(of(node).ownership.liveNodes()).not.toContain(old.node);
      expect(of(node).ownership.lostNodes()).toEqual([]);
    }
    expect(holders()).toHaveLength(1);
  });

  it('answers nothing after a standstill until the others had time to say what they took', () => {
    const { clock, of, holders } = world(['a']);
    clock.advance(400);
    expect(holders()).toEqual(['a']);
    const { ownership } = of('a');
    clock.stall(300);
    expect(ownership.answers(VIP)).toBe(false);
    expect(ownership.holds(VIP)).toBe(false);
    clock.advance(20);
    expect(ownership.ensure(VIP, ['a'])).toMatchObject({ state: 'ready', reason: UNCONFIRMED });
    expect(ownership.answers(VIP)).toBe(false);
    clock.advance(200);
    expect(ownership.answers(VIP)).toBe(true);
    expect(ownership.ensure(VIP, ['a'])).toMatchObject({ reason: 'Owned', value: { term: 1 } });
  });

  it('takes no notice of wall clocks, whether they jump or have never agreed', () => {
    const lan = createHeartbeatLan();
    const YEAR = 365 * 86_400_000;
    let jump = 0;
    for (const [i, name] of NAMES.entries()) {
      const wall = (): Date => new Date(lan.clock.wall().getTime() + jump + i * YEAR);
      void lan.add(name, { clock: { ...lan.clock, wall } }).ownership.start();
    }
    const holders = (): string[] => lan.agents.filter(({ ownership }) => ownership.holds(VIP)).map(({ node }) => node);
    for (const { ownership } of lan.agents) ownership.ensure(VIP, NAMES);
    lan.clock.advance(400);
    const [first] = holders();
    for (const to of [YEAR, -YEAR, 10 * YEAR, 0]) {
      jump = to;
      for (let i = 0; i < 40; i++) {
        lan.clock.advance(50);
        expect(holders()).toEqual([first]);
      }
    }
    lan.unplug(lan.agents.find(({ node }) => node === first)!);
    jump = -YEAR;
    lan.clock.advance(250);
    expect(holders().filter((node) => node !== first)).toHaveLength(1);
  });

  it('lets go of what nobody wants, and has it noted', () => {
    const { clock, of, holders } = world();
    clock.advance(400);
    const old = of(holders()[0]!);
    expect(old.ownership.release(VIP)).toMatchObject({ state: 'off', reason: 'Released' });
    expect(old.ownership.answers(VIP)).toBe(false);
    expect(old.notes.at(-1)).toBe(`released ${VIP}`);
    // The others hear of it a moment later, and nobody takes it in between.
    clock.advance(200);
    expect(holders()).toEqual([]);
  });

  it('has no node for an address that no live one may own', () => {
    const { clock, of } = world();
    clock.advance(400);
    expect(of('a').ownership.ensure(ip('10.0.0.7'), ['x'])).toMatchObject({
      state: 'failed',
      reason: 'NoEligibleNode',
    });
  });

  it('keeps an address of which every agent speaks for itself while nobody may have it', () => {
    const lan = createHeartbeatLan();
    for (const name of ['a', 'b']) void lan.add(name, { eligibility: 'self' }).ownership.start();
    const [a, b] = [lan.agents[0]!, lan.agents[1]!];
    a.ownership.ensure(VIP, ['a']);
    b.ownership.ensure(VIP, []);
    lan.clock.advance(400);
    expect(a.ownership.holds(VIP)).toBe(true);
    a.ownership.ensure(VIP, []);
    lan.clock.advance(3000);
    expect(a.ownership.answers(VIP)).toBe(true);
    b.ownership.ensure(VIP, ['b']);
    lan.clock.advance(50);
    expect([a.ownership.answers(VIP), b.ownership.answers(VIP)]).toEqual([false, true]);
  });

  it('sends nothing without a key, and changes it without losing anybody', () => {
    const { clock, agents, wire, holders } = world();
    clock.advance(400);
    const [owner] = holders();
    const next = keyFrom('next');
    // As the Secret changes: accepted by all, then signed with by one after the other.
    for (const agent of agents) agent.keys.accepted.unshift(next);
    for (const agent of agents) {
      agent.keys.signing = next;
      clock.advance(300);
      for (const { ownership } of agents) expect(ownership.liveNodes()).toEqual(NAMES);
    }
    for (const agent of agents) agent.keys.accepted = [next];
    clock.advance(300);
    expect(holders()).toEqual([owner]);
    for (const agent of agents) agent.keys.signing = undefined;
    const sent = wire.length;
    clock.advance(300);
    expect(wire).toHaveLength(sent);
  });
});
