/**
 * The machine of ownership by heartbeat against everything that a network and its nodes do. `HEARTBEAT_STEPS=1000000` for
 * the run that counts, `HEARTBEAT_SEED` to repeat one.
 *
 * Bounds held to, with T the timeout (missed × interval) and I the interval; where a death has to be noticed, the longest T
 * that any node asked for, which is more than the profile's once one came late:
 * - Two nodes that answer for an address and hear each other both ways: T + 2 I. Most of it is for nodes that could not
 *   hear each other until this moment; two that heard each other all along are apart for a few milliseconds.
 * - No node answers though one could that runs, is ready and eligible, and that everybody around it hears both ways or
 *   not at all: 2 T + 1.5 I for each better one + what a node listens at the start (at most 1 s). While an address is
 *   offered from node to node, each has 3 I to take it; that lies within.
 * - A node that is gone counts as alive: T + 2 I, and 2 T more where somebody plays what it said last to one that has not
 *   heard that; older recordings change nothing. One that runs and is heard both
 *   ways does not: T + 2 I. After a standstill nothing is answered before the others had their say.
 * The first two and the last count only while nothing else happens: a link that loses datagrams is neither heard nor not heard.
 */
import { describe, expect, it } from 'vitest';
import { timeoutOf } from '../../../../src/exposure/ownership/heartbeat/profile.ts';
import type { Ip } from '../../../../src/model/ip.ts';
import { chanceFrom, seedFrom, type Chance } from '../../../support/chance.ts';
import { FAIR, HeartbeatWorld, STORM } from '../../../support/heartbeat-world.ts';
import { HeartbeatWatcher } from '../../../support/heartbeat-watcher.ts';

const STEPS = Number(process.env['HEARTBEAT_STEPS'] ?? 150_000);
const SEED = seedFrom(process.env['HEARTBEAT_SEED']);
const LISTEN = 1000;
const QUIET = 4000;
const FAULTS = 25;

/** Something happens. @returns what, or undefined where it cannot */
type Fault = (world: HeartbeatWorld, watcher: HeartbeatWatcher, chance: Chance) => string | undefined;

const FAULT: Readonly<Record<string, { readonly weight: number; readonly act: Fault }>> = {
  kill: {
    weight: 3,
    act: (world, _watcher, chance) => {
      const node = chance.pick(world.nodes);
      if (!node.machine) return undefined;
      world.kill(node);
      return node.name;
    },
  },
  leave: {
    weight: 1,
    act: (world, _watcher, chance) => {
      const node = chance.pick(world.nodes);
      if (!node.isUp) return undefined;
      world.leave(node);
      return node.name;
    },
  },
  start: {
    weight: 6,
    act: (world, _watcher, chance) => {
      const node = chance.pick(world.nodes);
      if (node.machine) return undefined;
      world.start(node);
      return node.name;
    },
  },
  freeze: {
    weight: 2,
    act: (world, watcher, chance) => {
      const node = chance.pick(world.nodes);
      if (!node.isUp) return undefined;
      const time = chance.pick([60, 120, 200, 500, 1500, 2500]);
      world.freeze(node);
      world.after(time, () => {
        watcher.changed(`thaw ${node.name}`);
        world.thaw(node);
      });
      return `${node.name} for ${time} ms`;
    },
  },
  'cut one way': {
    weight: 2,
    act: (world, _watcher, chance) => {
      const cut = `${chance.pick(world.nodes).name}>${chance.pick(world.nodes).name}`;
      world.cuts.add(cut);
      return cut;
    },
  },
  'cut both ways': {
    weight: 2,
    act: (world, _watcher, chance) => {
      const [a, b] = [chance.pick(world.nodes).name, chance.pick(world.nodes).name];
      world.cuts.add(`${a}>${b}`).add(`${b}>${a}`);
      return `${a} ${b}`;
    },
  },
  partition: {
    weight: 1,
    act: (world, _watcher, chance) => {
      const here = world.nodes.filter(() => chance.happens(0.5));
      const there = world.nodes.filter((node) => !here.includes(node));
      for (const a of here) for (const b of there) world.cuts.add(`${a.name}>${b.name}`).add(`${b.name}>${a.name}`);
      return here.map(({ name }) => name).join('+');
    },
  },
  heal: {
    weight: 3,
    act: (world) => {
      if (world.cuts.size === 0) return undefined;
      world.cuts.clear();
      return '';
    },
  },
  ready: {
    weight: 1,
    act: (world, _watcher, chance) => {
      const node = chance.pick(world.nodes);
      world.setReady(node, !node.ready);
      return `${node.name} ${node.ready}`;
    },
  },
  draining: {
    weight: 1,
    act: (world, _watcher, chance) => {
      const node = chance.pick(world.nodes);
      world.setDraining(node, !node.draining);
      return `${node.name} ${node.draining}`;
    },
  },
  eligible: {
    weight: 1,
    act: (world, _watcher, chance) => {
      const address = chance.pick(world.addresses);
      const some = world.nodes.filter(() => chance.happens(0.6)).map(({ name }) => name);
      world.setEligible(address, chance.happens(0.3) ? 'anyone' : some);
      return `${address} on ${String(world.eligible.get(address))}`;
    },
  },
  storm: {
    weight: 1,
    act: (world) => {
      world.weather = STORM;
      return '';
    },
  },
  'fair weather': {
    weight: 2,
    act: (world) => {
      world.weather = FAIR;
      return '';
    },
  },
};

/** A recording is played. That may change nothing, so it is no excuse either. */
function replay(world: HeartbeatWorld, watcher: HeartbeatWatcher, chance: Chance): void {
  const node = chance.pick(world.nodes);
  watcher.note(`replay to ${node.name}`);
  world.replay(node);
}

const BAG = Object.entries(FAULT).flatMap(([name, { weight, act }]) =>
  Array.from({ length: weight }, () => ({ name, act })),
);
/** Nobody comes late, so nobody asks for more patience: the bounds are those of the profile. */
const PUNCTUAL = BAG.filter(({ name }) => name !== 'freeze');

function happen(world: HeartbeatWorld, watcher: HeartbeatWatcher, chance: Chance, bag: typeof BAG): void {
  if (chance.happens(0.2)) return replay(world, watcher, chance);
  for (let tries = 0; tries < 20; tries++) {
    const { name, act } = chance.pick(bag);
    const what = act(world, watcher, chance);
    if (what === undefined) continue;
    watcher.changed(`${name} ${what}`);
    return;
  }
}

/** Everything is mended: all agree, and one that may answers. */
function settle(world: HeartbeatWorld, watcher: HeartbeatWatcher): void {
  world.cuts.clear();
  world.weather = FAIR;
  for (const node of world.nodes) {
    if (!node.machine) world.start(node);
    world.thaw(node);
    if (!node.ready) world.setReady(node, true);
    if (node.draining) world.setDraining(node, false);
  }
  for (const address of world.addresses)
    if (world.eligible.get(address)?.length === 0) world.setEligible(address, 'anyone');
  watcher.changed('all is mended');
  world.run(QUIET);
  for (const address of world.addresses) agree(world, watcher, address);
}

function agree(world: HeartbeatWorld, watcher: HeartbeatWatcher, address: Ip): void {
  const owners = world.nodes.map(({ machine }) => machine?.owner(address));
  const [first] = owners;
  if (!first || owners.some((one) => one?.node !== first.node || one.term !== first.term)) {
    const said = owners.map((owner) => `${owner?.node}/${owner?.term}`).join(', ');
    watcher.fail(`no agreement on ${address}: ${said}`);
  }
  const eligible = world.eligible.get(address) ?? [];
  if (eligible !== 'anyone' && !eligible.includes(first.node))
    watcher.fail(`${address} is on ${first.node} and not on ${eligible.join()}`);
  const answering = world.nodes.filter((node) => world.answers(node, address)).map(({ name }) => name);
  if (answering.join() !== first.node) watcher.fail(`${answering.join()} answers for ${address} of ${first.node}`);
}

describe(`ownership by heartbeat in ${STEPS} steps (HEARTBEAT_SEED=${SEED})`, () => {
  it('has one owner within the bounds, ever later terms, and agreement after all', () => {
    const chance = chanceFrom(SEED);
    const sum = { steps: 0, worlds: 0, time: 0, double: 0, orphan: 0 };
    while (sum.steps < STEPS) {
      const world = new HeartbeatWorld({ nodes: 2 + chance.below(4), addresses: 1 + chance.below(5), chance });
      const timeout = timeoutOf(world.profile);
      const { interval } = world.profile;
      const watcher = new HeartbeatWatcher(world, {
        double: timeout + 2 * interval,
        get orphan() {
          return 2 * world.longestTimeout + 1.5 * interval * (world.nodes.length - 1) + LISTEN;
        },
        get ghost() {
          return 3 * world.longestTimeout + 2 * interval;
        },
        missing: timeout + 2 * interval,
      });
      const bag = sum.worlds % 3 === 2 ? PUNCTUAL : BAG;
      for (const node of world.nodes) world.after(chance.below(300), () => world.start(node));
      world.run(500);
      for (let i = 1; i <= FAULTS; i++) {
        happen(world, watcher, chance, bag);
        world.run(chance.happens(0.3) ? chance.below(3000) : chance.below(400));
        if (i % 8 === 0 || i === FAULTS) settle(world, watcher);
      }
      sum.steps += world.steps;
      sum.time += world.now;
      sum.worlds++;
      sum.double = Math.max(sum.double, watcher.longestDouble);
      sum.orphan = Math.max(sum.orphan, watcher.longestOrphan);
    }
    console.log(
      `${sum.steps} steps in ${sum.worlds} worlds and ${(sum.time / 1000).toFixed(0)} s of theirs; two owners for at most ${sum.double.toFixed(0)} ms, none for at most ${sum.orphan.toFixed(0)} ms`,
    );
    expect(sum.steps).toBeGreaterThanOrEqual(STEPS);
  }, 3_600_000);
});
