/** Looks at a whole {@link HeartbeatWorld} after each call of a machine, and fails where a bound is not kept. */
import type { Ip } from '../../src/model/ip.ts';
import { timeoutOf } from '../../src/exposure/ownership/heartbeat/profile.ts';
import type { HeartbeatWorld, SimNode } from './heartbeat-world.ts';

export interface Bounds {
  /** How long two nodes that hear each other may both answer for an address, in ms. */
  readonly double: number;
  /** How long none may answer where one could. */
  readonly orphan: number;
  /** How long a node that is gone or stands still may count as alive. */
  readonly ghost: number;
  /** How long a node that runs and is heard both ways may not. */
  readonly missing: number;
}

/** The last lines that a failure tells. */
const TOLD = 100;

export class HeartbeatWatcher {
  longestDouble = 0;
  longestOrphan = 0;
  readonly #world: HeartbeatWorld;
  readonly #bounds: Bounds;
  readonly #log: string[] = [];
  /** Since when, by what. */
  readonly #doubles = new Map<string, number>();
  readonly #orphans = new Map<string, number>();
  readonly #missing = new Map<string, number>();
  readonly #terms = new Map<string, number>();

  constructor(world: HeartbeatWorld, bounds: Bounds) {
    this.#world = world;
    this.#bounds = bounds;
    world.onStep = () => this.#look();
    world.onWake = (node, still) => {
      if (still < timeoutOf(world.profile)) return;
      for (const address of world.addresses)
        if (world.answers(node, address))
          this.fail(`${node.name} answers for ${address} after ${still} ms of standstill`);
    };
    world.onEffect = (node, effect) => {
      if (effect.do === 'live') this.note(`${node.name}: live ${node.machine?.live().join()}`);
      if (effect.do !== 'owner') return;
      const owner = node.machine?.owner(effect.address);
      this.note(`${node.name}: ${effect.address} ${owner?.node}/${owner?.term}`);
      if (owner?.node === node.name) this.#took(node, effect.address, owner.term);
    };
    this.note(`${world.nodes.length} nodes, ${world.addresses.length} addresses`);
  }

  note(text: string): void {
    this.#log.push(`${this.#world.now.toFixed(1)} ${text}`);
    if (this.#log.length > 2 * TOLD) this.#log.splice(0, TOLD);
  }

  /** The world has changed: what is to be reached is reached from here on. */
  changed(text: string): void {
    this.note(text);
    this.#doubles.clear();
    this.#orphans.clear();
    this.#missing.clear();
  }

  fail(text: string): never {
    throw new Error(`${text} at ${this.#world.now.toFixed(1)} ms\n${this.#log.slice(-TOLD).join('\n')}`);
  }

  #look(): void {
    const { addresses, weather, nodes } = this.#world;
    this.#lookAtLife();
    if (weather.loss > 0) return;
    for (const address of addresses) {
      const answering = nodes.filter((node) => this.#world.answers(node, address));
      const pairs = answering.flatMap((a) =>
        answering.filter((b) => a.name < b.name && this.#hearBoth(a, b)).map((b) => `${a.name}+${b.name} ${address}`),
      );
      this.longestDouble = Math.max(
        this.longestDouble,
        this.#keep(this.#doubles, address, pairs, this.#bounds.double, 'two owners'),
      );
      const lacking = answering.length === 0 || this.#world.cuts.size > 0 ? this.#lacking(address, answering) : [];
      this.longestOrphan = Math.max(
        this.longestOrphan,
        this.#keep(this.#orphans, address, lacking, this.#bounds.orphan, 'no owner'),
      );
    }
  }

  /** Nobody is alive by a recording, and nobody dead without a reason. */
  #lookAtLife(): void {
    const { nodes, weather, now } = this.#world;
    const missing: string[] = [];
    for (const node of nodes) {
      const live = node.isUp ? node.machine?.live() : undefined;
      if (!live) continue;
      for (const other of nodes) {
        const isLive = live.includes(other.name);
        const gone = other.isUp ? 0 : now - Math.max(other.since, node.since);
        if (isLive && gone > this.#bounds.ghost) this.fail(`${other.name} is alive for ${node.name} after ${gone} ms`);
        if (!isLive && other.isUp && weather.loss === 0 && this.#hearBoth(node, other))
          missing.push(`${other.name}@${node.name} life`);
      }
    }
    this.#keep(this.#missing, 'life', missing, this.#bounds.missing, 'not alive');
  }

  /** Takes in what is so now. @returns how long the longest is by now */
  #keep(since: Map<string, number>, address: string, keys: readonly string[], bound: number, what: string): number {
    const { now } = this.#world;
    for (const key of since.keys()) if (key.endsWith(` ${address}`) && !keys.includes(key)) since.delete(key);
    let longest = 0;
    for (const key of keys) {
      if (!since.has(key)) since.set(key, now);
      const time = now - (since.get(key) ?? now);
      longest = Math.max(longest, time);
      if (time > bound) this.fail(`${what} for ${time.toFixed(1)} ms: ${key}`);
    }
    return longest;
  }

  /** Within one life of a node its terms of an address grow. */
  #took(node: SimNode, address: Ip, term: number): void {
    const key = `${node.name}#${node.lives} ${address}`;
    const before = this.#terms.get(key) ?? 0;
    if (term < before) this.fail(`${node.name} took ${address} with term ${term} after ${before}`);
    this.#terms.set(key, term);
  }

  #hearBoth(a: SimNode, b: SimNode): boolean {
    return this.#world.hears(a, b) && this.#world.hears(b, a);
  }

  /** Groups of nodes that hear all of each other and nobody else, of which one could answer and none does. */
  #lacking(address: Ip, answering: readonly SimNode[]): string[] {
    const up = this.#world.nodes.filter((node) => node.isUp);
    const lacking = new Set<string>();
    for (const node of up) {
      const group = up.filter((other) => other === node || this.#hearBoth(node, other));
      const able = group.some((one) => this.#world.isAble(one, address));
      if (!able || group.some((one) => answering.includes(one)) || !this.#isWhole(group, up)) continue;
      lacking.add(`${group.map(({ name }) => name).join('+')} ${address}`);
    }
    return [...lacking];
  }

  #isWhole(group: readonly SimNode[], up: readonly SimNode[]): boolean {
    const isDeaf = (a: SimNode, b: SimNode): boolean => !this.#world.hears(a, b) && !this.#world.hears(b, a);
    return group.every((one) =>
      up.every((other) => one === other || (group.includes(other) ? this.#hearBoth(one, other) : isDeaf(one, other))),
    );
  }
}
