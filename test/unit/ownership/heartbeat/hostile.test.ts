/** Datagrams of others, recordings, and floods of both change nothing. */
import { describe, expect, it } from 'vitest';
import { MAX_CLAIMS } from '../../../../src/exposure/ownership/heartbeat/claims.ts';
import { OwnershipMachine } from '../../../../src/exposure/ownership/heartbeat/machine.ts';
import { MAX_PEERS } from '../../../../src/exposure/ownership/heartbeat/membership.ts';
import { PROFILES } from '../../../../src/exposure/ownership/heartbeat/profile.ts';
import { fromBigInt, ip, type Ip } from '../../../../src/model/ip.ts';
import { encodeHeartbeat } from '../../../../src/protocols/heartbeat/codec.ts';
import type { Heartbeat } from '../../../../src/protocols/heartbeat/message.ts';
import { nodeHash } from '../../../../src/protocols/heartbeat/message.ts';
import { seal } from '../../../../src/protocols/heartbeat/seal.ts';
import { createHeartbeatLan, hmac, keyFrom, type HeartbeatLan, type LanAgent } from '../../../support/heartbeat-lan.ts';

const VIP = ip('10.0.0.100');
const NAMES = ['a', 'b', 'c'];

function world(): HeartbeatLan & { of: (node: string) => LanAgent; owner: () => LanAgent } {
  const lan = createHeartbeatLan();
  for (const name of NAMES) void lan.add(name).ownership.start();
  for (const { ownership } of lan.agents) ownership.ensure(VIP, NAMES);
  lan.clock.advance(500);
  const owner = (): LanAgent => {
    const holders = lan.agents.filter(({ ownership }) => ownership.answers(VIP));
    expect(holders).toHaveLength(1);
    return holders[0]!;
  };
  return { ...lan, owner, of: (node) => lan.agents.find((one) => one.node === node)! };
}

/** A beat that claims everything, of the latest term. */
function claiming(node: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    group: 1,
    node,
    epoch: 99n,
    sequence: 1_000_000,
    uptime: 1000,
    interval: 50,
    missed: 3,
    ready: true,
    draining: false,
    leaving: false,
    complete: true,
    claimCount: 1,
    claimDigest: 0,
    heard: [],
    claims: [{ address: VIP, term: 1_000_000 }],
    dropped: [],
    offers: [],
    relayed: [],
    ...more,
  };
}

const KEY = keyFrom('first');
const sealed = (beat: Heartbeat, key = KEY): Uint8Array => seal(encodeHeartbeat(beat), key, hmac);

/** Nobody became alive, nobody owns anything else, and each datagram was refused. @param told but for an agent's own */
function unmoved(
  { clock, agents, owner, ...lan }: ReturnType<typeof world>,
  datagrams: readonly Uint8Array[],
  told = datagrams.length,
): void {
  const before = owner();
  const terms = agents.map(({ ownership }) => ownership.ensure(VIP, NAMES));
  const refused = agents.map((agent) => agent.refused.length);
  for (const datagram of datagrams) {
    for (const agent of agents) agent.deliver(datagram);
    clock.advance(7);
  }
  clock.advance(500);
  expect(owner()).toBe(before);
  expect(agents.map(({ ownership }) => ownership.ensure(VIP, NAMES))).toEqual(terms);
  for (const [i, agent] of agents.entries()) {
    expect(agent.ownership.liveNodes()).toEqual(NAMES.filter((node) => !lan.cuts.has(`${node}>a`)));
    expect(agent.refused.length).toBeGreaterThanOrEqual((refused[i] ?? 0) + told);
  }
}

describe('hostile heartbeats', () => {
  it('under another key', () => {
    const lan = world();
    unmoved(lan, [
      sealed(claiming('x'), keyFrom('guessed')),
      sealed(claiming('a'), { ...keyFrom('guessed'), id: KEY.id }),
    ]);
    expect(lan.of('a').refused).toContain('not authentic');
  });

  it('cut off, flipped, of another version, or no heartbeats', () => {
    const lan = world();
    const good = lan.wire.at(-1)!.datagram;
    const flipped = Uint8Array.from(good);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    const version = Uint8Array.from(good);
    version[2] = 2;
    const inner = seal(encodeHeartbeat(claiming('x')).subarray(0, 30), KEY, hmac);
    unmoved(lan, [
      good.subarray(0, good.length - 1),
      good.subarray(0, 10),
      new Uint8Array(0),
      new Uint8Array(9000),
      flipped,
      version,
      inner,
    ]);
  });

  it('of another cluster with the same key', () => {
    unmoved(world(), [sealed(claiming('x', { group: 2 })), sealed(claiming('a', { group: 2 }))]);
  });

  it('played again, while their sender lives and after its death', () => {
    const lan = world();
    lan.clock.advance(10);
    // A third of them are an agent's own, which are no news.
    unmoved(
      lan,
      lan.wire.slice(-30).map(({ datagram }) => datagram),
      18,
    );
    const dead = lan.of('c') === lan.owner() ? lan.of('b') : lan.of('c');
    const recorded = lan.wire.filter(({ from }) => from === dead.node).map(({ datagram }) => datagram);
    lan.unplug(dead);
    lan.clock.advance(300);
    const alive = lan.agents.filter((agent) => agent !== dead);
    for (const datagram of recorded) {
      for (const agent of alive) agent.deliver(datagram);
      lan.clock.advance(5);
      for (const { ownership } of alive) expect(ownership.liveNodes()).not.toContain(dead.node);
    }
  });

  it('of a life that nobody heard: they do not name what we sent a moment ago', () => {
    const lan = world();
    const self = nodeHash('a');
    // Also where they list us, by guess, with numbers that we have not reached, or long had.
    const heard = [1, 4_000_000_000].map((sequence) => ({
      node: self,
      epoch: 7,
      sequence,
      age: 1,
      live: true,
      synced: true,
    }));
    const beats = heard.map((one, i) => sealed(claiming('x', { heard: [one], sequence: i + 1 })));
    unmoved(lan, [
      ...beats,
      sealed(claiming('b', { epoch: 98n })),
      sealed(claiming('c', { epoch: 97n, leaving: true })),
    ]);
    expect(lan.of('a').refused).toContain('unproven');
  });

  it('held back on their way for long', () => {
    const lan = world();
    const { clock, of } = lan;
    const [a, b] = [of('a'), of('b')];
    lan.cuts.add('b>a').add('c>a');
    const from = lan.wire.length;
    clock.advance(1000);
    expect(a.ownership.liveNodes()).toEqual(['a']);
    const held = lan.wire.slice(from).filter((sent) => sent.from === b.node);
    clock.advance(1000);
    for (const { datagram } of held) {
      a.deliver(datagram);
      clock.advance(5);
      expect(a.ownership.liveNodes()).toEqual(['a']);
    }
    expect(a.refused).toContain('held back');
  });

  it('in floods: not one more datagram is sent for each, and memory stays bounded', () => {
    const lan = world();
    const a = lan.of('a');
    const from = lan.wire.length;
    for (let i = 0; i < 5000; i++) {
      // Of ever new nodes, with the right key: a machine of ours that went mad.
      a.deliver(sealed(claiming(`x${i}`, { epoch: BigInt(i + 1000) })));
      if (i % 50 === 0) lan.clock.advance(1);
    }
    lan.clock.advance(500);
    const sent = lan.wire.slice(from).filter((one) => one.from === 'a').length;
    // 600 ms: twelve beats, and news every 5 ms at most.
    expect(sent).toBeLessThan(140);
    expect(a.ownership.liveNodes()).toEqual(NAMES);
    expect(lan.owner().ownership.ensure(VIP, NAMES)).toMatchObject({ value: { term: 1 } });
    expect(a.refused).toContain('unproven');
  });

  it('of a machine that has the name of this node: told once, and without effect', () => {
    const lan = createHeartbeatLan();
    let clones = 0;
    const a = lan.add('a', { onClone: () => clones++ });
    void a.ownership.start();
    a.ownership.ensure(VIP, ['a']);
    lan.clock.advance(300);
    for (let i = 0; i < 20; i++) a.deliver(sealed(claiming('a', { sequence: i + 1 })));
    expect(clones).toBe(1);
    lan.clock.advance(300);
    expect(a.ownership.answers(VIP)).toBe(true);
    expect(a.ownership.liveNodes()).toEqual(['a']);
  });

  it('from too many nodes and with too many claims: known ones count, the rest is refused', () => {
    const machine = new OwnershipMachine({ node: 'a', epoch: 5n, group: 1, profile: PROFILES.lan, now: 0 });
    let sequence = 0;
    for (const effect of machine.advance(0)) if (effect.do === 'send') sequence = effect.beat.sequence;
    const us = { node: nodeHash('a'), epoch: 5, sequence, age: 1, live: true, synced: true };
    const beat = (node: string, more: Partial<Heartbeat>): Heartbeat =>
      claiming(node, { heard: [us], claims: [], claimCount: 0, sequence: 1, ...more });
    for (let i = 0; i < MAX_PEERS; i++) expect(machine.receive(beat(`n${i}`, {}), 1).refused).toBeUndefined();
    expect(machine.receive(beat('one-more', {}), 1).refused).toBe('too many nodes');
    expect(machine.live()).toHaveLength(MAX_PEERS + 1);
    const address = (i: number): Ip => fromBigInt(BigInt(0x0a000000 + i), 4);
    for (let i = 0; i < MAX_CLAIMS + 500; i += 100) {
      const claims = Array.from({ length: 100 }, (_, j) => ({ address: address(i + j), term: 1 }));
      machine.receive(beat('n0', { sequence: i + 2, claims }), 2);
    }
    expect(machine.owner(address(0))).toMatchObject({ node: 'n0' });
    expect(machine.owner(address(MAX_CLAIMS - 1))).toMatchObject({ node: 'n0' });
    expect(machine.owner(address(MAX_CLAIMS + 1))).toBeUndefined();
  });
});
