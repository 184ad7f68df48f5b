/** The rules of the machine, one by one; all of them at once are in test/property/ownership/heartbeat. */
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../../src/exposure/ownership/heartbeat/effects.ts';
import { rankNodes } from '../../../../src/exposure/ownership/rendezvous.ts';
import type { Ip } from '../../../../src/model/ip.ts';
import type { Heartbeat } from '../../../../src/protocols/heartbeat/message.ts';
import { chanceFrom } from '../../../support/chance.ts';
import { HeartbeatWorld, type SimNode } from '../../../support/heartbeat-world.ts';

const SETTLED = 500;

interface Told {
  readonly at: number;
  readonly node: string;
  readonly effect: Effect;
}

/** Nodes that have run for a while. The first address is the one that matters. */
function world(nodes: number, addresses = 1): { w: HeartbeatWorld; vip: Ip; told: Told[]; owner: () => SimNode } {
  const w = new HeartbeatWorld({ nodes, addresses, chance: chanceFrom(7) });
  const told: Told[] = [];
  w.onEffect = (node, effect) => void told.push({ at: w.now, node: node.name, effect });
  for (const node of w.nodes) w.start(node);
  w.run(SETTLED);
  const vip = w.addresses[0]!;
  const owner = (): SimNode => {
    const answering = w.nodes.filter((node) => w.answers(node, vip));
    expect(answering).toHaveLength(1);
    return answering[0]!;
  };
  return { w, vip, told, owner };
}

const seenBy = (node: SimNode, vip: Ip): string | undefined => node.machine?.owner(vip)?.node;
const cut = (w: HeartbeatWorld, from: SimNode, to: SimNode): unknown => w.cuts.add(`${from.name}>${to.name}`);
const takeovers = (told: readonly Told[]): Told[] => told.filter(({ effect }) => effect.do === 'takeover');

describe('who is alive', () => {
  it('is dead after the missed beats, and not before', () => {
    const { w, owner } = world(3);
    const dead = owner();
    w.kill(dead);
    w.run(90);
    for (const node of w.nodes) expect(node.machine?.live() ?? [dead.name]).toContain(dead.name);
    w.run(70);
    for (const node of w.nodes) expect(node.machine?.live() ?? []).not.toContain(dead.name);
  });

  it('is not dead whom only this node does not hear', () => {
    const { w, vip, told, owner } = world(3);
    const held = owner();
    const other = w.nodes.find((node) => node !== held)!;
    cut(w, held, other);
    told.length = 0;
    w.run(3000);
    expect(other.machine?.live()).toContain(held.name);
    expect(takeovers(told)).toEqual([]);
    expect(seenBy(other, vip)).toBe(held.name);
    // All agree on its death within the timeout though one hears of it by others only.
    w.kill(held);
    w.run(170);
    expect(other.machine?.live()).not.toContain(held.name);
    owner();
  });

  it('declares nobody dead because it came late itself', () => {
    const { w } = world(3);
    const late = w.nodes[0]!;
    w.freeze(late);
    w.run(120);
    // What arrived meanwhile is lost: the buffer was full.
    late.inbox.length = 0;
    w.thaw(late);
    expect(late.machine?.live()).toHaveLength(3);
    w.run(1000);
    expect(late.machine?.live()).toHaveLength(3);
  });

  it('is dead though one that stood still reads its last beats only now', () => {
    const { w } = world(3);
    const [still, dead, third] = w.nodes as [SimNode, SimNode, SimNode];
    w.freeze(still);
    w.run(60);
    w.kill(dead);
    w.run(200);
    expect(third.machine?.live()).not.toContain(dead.name);
    w.thaw(still);
    for (let i = 0; i < 20; i++) {
      w.run(10);
      expect(third.machine?.live()).not.toContain(dead.name);
    }
    expect(still.machine?.live()).not.toContain(dead.name);
  });

  it('hears nothing of a life that is over, however fresh the recording is', () => {
    const { w } = world(2);
    const [watching, restarting] = w.nodes as [SimNode, SimNode];
    const recorded: Heartbeat[] = [];
    w.onEffect = (node, effect) => {
      if (node === restarting && effect.do === 'send') recorded.push(effect.beat);
    };
    w.cuts.add(`${restarting.name}>${watching.name}`);
    w.run(60);
    const old = [...recorded];
    expect(old).not.toEqual([]);
    w.cuts.clear();
    w.start(restarting);
    w.run(60);
    for (const beat of old) {
      expect(watching.machine?.receive(beat, w.clockOf(watching)).refused).toBe('a life that has ended');
    }
  });

  it('says who it lost, but not who left', () => {
    const { w } = world(3);
    const [a, b, c] = w.nodes as [SimNode, SimNode, SimNode];
    w.kill(b);
    w.leave(c);
    w.run(300);
    expect(a.machine?.lost()).toEqual([b.name]);
  });
});

describe('who owns', () => {
  it('is the first by rank at once, and keeps it when better ones come', () => {
    const { w, vip, told, owner } = world(4, 20);
    const [victim] = [owner()];
    const others = w.nodes.filter((node) => node !== victim).map(({ name }) => name);
    told.length = 0;
    w.kill(victim);
    w.run(200);
    expect(owner().name).toBe(rankNodes(vip, others)[0]);
    for (const { effect, node } of takeovers(told)) {
      if (effect.do !== 'takeover') continue;
      expect(effect.takeover).toMatchObject({ from: victim.name, cause: 'death' });
      // Nobody but the first of each had to take it.
      expect(node).toBe(rankNodes(effect.takeover.address, others)[0]);
    }
    told.length = 0;
    w.start(victim);
    w.run(1000);
    expect(takeovers(told)).toEqual([]);
  });

  it('is the next by rank, after a while, where the first does not know of the address', () => {
    const { w, vip, owner } = world(2);
    w.release(vip);
    w.run(1500);
    const [first, second] = rankNodes(vip, ['n1', 'n2']).map((name) => w.node(name)) as [SimNode, SimNode];
    w.tellEligible(second, vip);
    w.run(60);
    expect(w.answers(second, vip)).toBe(false);
    w.run(30);
    expect(owner()).toBe(second);
    expect(seenBy(first, vip)).toBe(second.name);
  });

  it('is not yet the next by rank while what the first may have said is unread', () => {
    const { w, vip } = world(2, 2);
    w.release(vip);
    w.run(1500);
    const second = w.node(rankNodes(vip, ['n1', 'n2'])[1]!);
    const { machine } = second;
    const [now, late] = [w.clockOf(second), 100];
    const taken = (effects: readonly Effect[] = []): boolean =>
      effects.some((effect) => effect.do === 'owner' && effect.address === vip);
    expect(taken(machine?.want(vip, 'anyone', now))).toBe(false);
    // A Service is looked at, and its turn has come since the sockets were read.
    expect(taken(machine?.want(w.addresses[1]!, ['n1'], now + late))).toBe(false);
    expect(taken(machine?.advance(now + late))).toBe(true);
  });

  it('listens before it takes, and takes what nobody has', () => {
    const w = new HeartbeatWorld({ nodes: 1, addresses: 1, chance: chanceFrom(1) });
    const [node] = w.nodes as [SimNode];
    w.start(node);
    w.run(140);
    expect(node.machine?.isListening).toBe(true);
    expect(w.answers(node, w.addresses[0]!)).toBe(false);
    w.run(20);
    expect(w.answers(node, w.addresses[0]!)).toBe(true);
  });

  it('serves on both sides of a partition, and one within a beat of its end', () => {
    const { w, vip, owner } = world(2);
    const held = owner();
    const other = w.nodes.find((node) => node !== held)!;
    cut(w, held, other);
    cut(w, other, held);
    w.run(1000);
    expect(w.nodes.filter((node) => w.answers(node, vip))).toHaveLength(2);
    w.cuts.clear();
    w.run(60);
    // The later term prevails.
    expect(owner()).toBe(other);
    expect(seenBy(held, vip)).toBe(other.name);
  });

  it('is the deaf one where one of two hears nothing, whoever had it before', () => {
    for (const deafIsOwner of [true, false]) {
      const { w, vip, owner } = world(2);
      const held = owner();
      const other = w.nodes.find((node) => node !== held)!;
      const [deaf, hearing] = deafIsOwner ? [held, other] : [other, held];
      cut(w, hearing, deaf);
      w.run(1000);
      expect(owner()).toBe(deaf);
      expect(seenBy(hearing, vip)).toBe(deaf.name);
      w.run(3000);
      expect(owner()).toBe(deaf);
    }
  });

  it('is the deaf one of an address that is new, also where the hearing one goes before it', () => {
    const { w } = world(2, 8);
    const [deaf, hearing] = w.nodes as [SimNode, SimNode];
    cut(w, hearing, deaf);
    for (const address of w.addresses) w.release(address);
    w.run(3000);
    for (const address of w.addresses) for (const node of [hearing, deaf]) w.tellEligible(node, address);
    expect(w.addresses.filter((one) => rankNodes(one, [deaf.name, hearing.name])[0] === hearing.name)).not.toEqual([]);
    w.run(1000);
    for (const address of w.addresses) {
      expect(w.answers(deaf, address)).toBe(true);
      expect(w.answers(hearing, address)).toBe(false);
      expect(seenBy(hearing, address)).toBe(deaf.name);
    }
  });

  it('is one of two that do not hear each other where a third hears both', () => {
    const { w, vip, told, owner } = world(3, 8);
    const [a, b, c] = w.nodes as [SimNode, SimNode, SimNode];
    cut(w, a, b);
    cut(w, b, a);
    w.run(500);
    // All of one's go to those two, which learn of each other's claims by the third.
    w.setDraining(c, true);
    w.run(1500);
    told.length = 0;
    w.setDraining(c, false);
    w.run(3000);
    for (const address of w.addresses) {
      const answering = w.nodes.filter((node) => w.answers(node, address));
      expect(answering).toHaveLength(1);
      for (const node of w.nodes) expect(seenBy(node, address)).toBe(answering[0]?.name);
    }
    expect(takeovers(told)).toEqual([]);
    expect(owner()).toBe(w.node(seenBy(c, vip)!));
  });

  it('lets a node that hears both tell two that hear nothing of each other of a conflict', () => {
    const { w, owner, vip } = world(3);
    const held = owner();
    const [other, third] = w.nodes.filter((node) => node !== held) as [SimNode, SimNode];
    // First apart altogether, so that both take it.
    for (const node of [other, third]) {
      cut(w, held, node);
      cut(w, node, held);
    }
    w.run(1000);
    expect(w.nodes.filter((node) => w.answers(node, vip))).toHaveLength(2);
    const taker = w.nodes.find((node) => node !== held && w.answers(node, vip))!;
    const between = taker === other ? third : other;
    w.cuts.delete(`${held.name}>${between.name}`);
    w.cuts.delete(`${between.name}>${held.name}`);
    w.run(1000);
    expect(owner()).toBe(taker);
    expect(seenBy(held, vip)).toBe(taker.name);
  });
});

describe('handing over', () => {
  it('has an answering node at every moment but that of one round trip, and asks the next where one does not take it', () => {
    const { w, vip, owner } = world(3);
    const held = owner();
    const [first, second] = rankNodes(
      vip,
      w.nodes.filter((node) => node !== held).map(({ name }) => name),
    );
    // The first one does not want it, which the owner cannot know.
    w.node(first!).machine?.release(vip, w.clockOf(w.node(first!)));
    w.setDraining(held, true);
    w.run(100);
    expect(held.machine?.isHandingOver(vip)).toBe(true);
    expect(held.machine?.isOwn(vip)).toBe(true);
    w.run(150);
    expect(owner().name).toBe(second);
    expect(seenBy(held, vip)).toBe(second);
  });

  it('keeps what nobody takes, and answers for it', () => {
    const { w, owner } = world(3);
    const held = owner();
    for (const node of w.nodes) w.setReady(node, false);
    w.run(5000);
    expect(owner()).toBe(held);
    const other = w.nodes.find((node) => node !== held)!;
    w.setReady(other, true);
    w.run(50);
    expect(owner()).toBe(other);
  });

  it('lets go of what it may not own though nobody takes it', () => {
    const { w, vip, owner } = world(2);
    owner();
    w.setEligible(vip, []);
    w.run(100);
    expect(w.nodes.filter((node) => w.answers(node, vip))).toEqual([]);
    for (const node of w.nodes) expect(node.machine?.owner(vip)).toBeUndefined();
  });

  it('lets the others take at once what a leaving node had', () => {
    const { w, owner } = world(3);
    const held = owner();
    w.leave(held);
    w.run(15);
    expect(owner()).not.toBe(held);
  });

  it('leaves the claim of a released address standing for a moment: nobody takes it who has not heard yet', () => {
    const { w, vip, told, owner } = world(3);
    const held = owner();
    told.length = 0;
    held.machine?.release(vip, w.clockOf(held));
    w.run(400);
    expect(w.nodes.filter((node) => w.answers(node, vip))).toEqual([]);
    w.tellEligible(held, vip);
    w.run(50);
    expect(owner()).toBe(held);
    expect(takeovers(told)).toEqual([]);
  });
});

describe('standing still', () => {
  it('loses what others took, and goes on with what they did not', () => {
    const { w, vip, owner } = world(2, 2);
    const held = owner();
    w.freeze(held);
    w.run(1000);
    expect(owner()).not.toBe(held);
    w.thaw(held);
    w.run(300);
    expect(owner()).not.toBe(held);
    expect(seenBy(held, vip)).toBe(owner().name);
  });

  it('answers nothing until it has heard for a timeout that nobody else has it', () => {
    const { w, vip } = world(1);
    const [node] = w.nodes as [SimNode];
    w.freeze(node);
    w.run(300);
    node.frozen = false;
    expect(w.answers(node, vip)).toBe(false);
    node.frozen = true;
    w.thaw(node);
    w.run(140);
    expect(w.answers(node, vip)).toBe(false);
    w.run(20);
    expect(w.answers(node, vip)).toBe(true);
    expect(node.machine?.owner(vip)?.term).toBe(1);
  });

  it('drops everything after the life of an address in the kernel, and begins anew', () => {
    const { w, vip } = world(1);
    const [node] = w.nodes as [SimNode];
    w.freeze(node);
    w.run(2100);
    w.thaw(node);
    expect(node.machine?.isOwn(vip)).toBe(false);
    expect(node.machine?.isListening).toBe(true);
    w.run(200);
    expect(node.machine?.owner(vip)).toMatchObject({ node: 'n1', term: 2 });
  });
});
