/**
 * Nodes with the real machine on a simulated network in simulated time: loss, delay, duplicates, links that are cut in one
 * direction or both, crashes, standstills, restarts, recordings played again.
 */
import { ip, type Ip } from '../../src/model/ip.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../src/protocols/heartbeat/codec.ts';
import type { Heartbeat } from '../../src/protocols/heartbeat/message.ts';
import type { Effect } from '../../src/exposure/ownership/heartbeat/effects.ts';
import { OwnershipMachine } from '../../src/exposure/ownership/heartbeat/machine.ts';
import { PROFILES, type HeartbeatProfile } from '../../src/exposure/ownership/heartbeat/profile.ts';
import type { Chance } from './chance.ts';

/** What a link may lose, and how late a datagram may come. */
export interface Weather {
  readonly loss: number;
  readonly delay: number;
  readonly doubles: number;
}

export const FAIR: Weather = { loss: 0, delay: 3, doubles: 0.02 };
export const STORM: Weather = { loss: 0.3, delay: 20, doubles: 0.1 };
/** A machine that is asked for a thing does it, but not to the millisecond. */
const TIMER_JITTER = 1.5;
const RECORDED = 400;
/** What fits the buffer of a socket whose process stands still. */
const BUFFERED = 500;

export class SimNode {
  readonly name: string;
  machine: OwnershipMachine | undefined;
  /** Stands still: it neither sends nor answers, and what arrives waits. */
  frozen = false;
  ready = true;
  draining = false;
  readonly inbox: Heartbeat[] = [];
  /** Of the machine's monotonic clock: every machine counts from its own start. */
  clockBase = 0;
  /** Its timer is the one with this number. */
  timer = 0;
  lives = 0;
  /** Since when it is as it is: running, standing still, or gone. */
  since = 0;

  constructor(name: string) {
    this.name = name;
  }

  get isUp(): boolean {
    return this.machine !== undefined && !this.frozen;
  }
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class HeartbeatWorld {
  readonly nodes: readonly SimNode[];
  readonly addresses: readonly Ip[];
  readonly profile: HeartbeatProfile;
  readonly chance: Chance;
  now = 0;
  /** Calls of machines. */
  steps = 0;
  /** Of any node so far: a beat says after what time without another one its sender counts as dead. */
  longestTimeout = 0;
  weather: Weather = FAIR;
  /** Directions that carry nothing: `from>to`. */
  readonly cuts = new Set<string>();
  /** Who may own an address. */
  readonly eligible = new Map<Ip, readonly string[] | 'anyone'>();
  /** Called after each call of a machine. */
  onStep: () => void = () => undefined;
  /** Called when a node goes on after a standstill, before it did anything. */
  onWake: (node: SimNode, still: number) => void = () => undefined;
  onEffect: (node: SimNode, effect: Effect) => void = () => undefined;
  readonly #events: Event[] = [];
  readonly #recorded: Heartbeat[] = [];
  #order = 0;
  #epoch = 1n;

  constructor(options: { nodes: number; addresses: number; chance: Chance; profile?: HeartbeatProfile }) {
    this.chance = options.chance;
    this.profile = options.profile ?? PROFILES.lan;
    this.nodes = Array.from({ length: options.nodes }, (_, i) => new SimNode(`n${i + 1}`));
    this.addresses = Array.from({ length: options.addresses }, (_, i) =>
      ip(i % 2 === 0 ? `10.0.${i >> 8}.${i & 255}` : `fd00::${i.toString(16)}`),
    );
    for (const address of this.addresses) this.eligible.set(address, 'anyone');
  }

  node(name: string): SimNode {
    return this.nodes.find((one) => one.name === name)!;
  }

  hears(to: SimNode, from: SimNode): boolean {
    return !this.cuts.has(`${from.name}>${to.name}`);
  }

  /** ARP and NS are answered there. */
  answers(node: SimNode, address: Ip): boolean {
    return node.isUp && node.machine!.answers(address, this.clockOf(node));
  }

  /** It could own the address. */
  isAble(node: SimNode, address: Ip): boolean {
    const eligible = this.eligible.get(address) ?? [];
    return node.ready && !node.draining && (eligible === 'anyone' || eligible.includes(node.name));
  }

  clockOf(node: SimNode): number {
    return this.now - node.clockBase;
  }

  start(node: SimNode): void {
    node.clockBase = this.now - this.chance.below(100_000);
    node.lives++;
    node.since = this.now;
    node.frozen = false;
    node.inbox.length = 0;
    node.machine = new OwnershipMachine({
      node: node.name,
      epoch: (this.#epoch++ << 32n) | BigInt(this.chance.below(2 ** 32)),
      group: 1,
      profile: this.profile,
      now: this.clockOf(node),
    });
    this.#call(node, (machine, now) => [
      ...machine.setReady(node.ready, now),
      ...machine.setDraining(node.draining, now),
      ...this.addresses.flatMap((address) => machine.want(address, this.eligible.get(address) ?? [], now)),
      ...machine.advance(now),
    ]);
  }

  /** Without a word. */
  kill(node: SimNode): void {
    node.machine = undefined;
    node.since = this.now;
  }

  leave(node: SimNode): void {
    this.#call(node, (machine, now) => machine.leave(now));
    this.kill(node);
  }

  freeze(node: SimNode): void {
    node.frozen = true;
    node.since = this.now;
  }

  thaw(node: SimNode): void {
    if (!node.frozen) return;
    node.frozen = false;
    this.onWake(node, this.now - node.since);
    node.since = this.now;
    for (const beat of node.inbox.splice(0)) this.#receive(node, beat);
    this.#call(node, (machine, now) => machine.advance(now));
    // What its watch and its gate had for it.
    this.#call(node, (machine, now) => [
      ...machine.setReady(node.ready, now),
      ...machine.setDraining(node.draining, now),
    ]);
    for (const address of this.addresses) this.tellEligible(node, address);
  }

  setReady(node: SimNode, ready: boolean): void {
    node.ready = ready;
    this.#call(node, (machine, now) => machine.setReady(ready, now));
  }

  setDraining(node: SimNode, draining: boolean): void {
    node.draining = draining;
    this.#call(node, (machine, now) => machine.setDraining(draining, now));
  }

  setEligible(address: Ip, eligible: readonly string[] | 'anyone'): void {
    this.eligible.set(address, eligible);
    // A watch tells everybody, not at the same moment.
    for (const node of this.nodes) {
      this.after(this.chance.below(20), () => this.tellEligible(node, address));
    }
  }

  tellEligible(node: SimNode, address: Ip): void {
    this.#call(node, (machine, now) => machine.want(address, this.eligible.get(address) ?? [], now));
  }

  release(address: Ip): void {
    for (const node of this.nodes) this.#call(node, (machine, now) => machine.release(address, now));
  }

  /** Somebody plays a recording. */
  replay(to: SimNode): void {
    if (this.#recorded.length === 0) return;
    const from = this.chance.below(this.#recorded.length);
    for (const [i, beat] of this.#recorded.slice(from, from + 20).entries())
      this.after(i * 20, () => this.#arrive(to, beat));
  }

  after(delay: number, run: () => void): void {
    this.#push({ at: this.now + delay, order: this.#order++, run });
  }

  run(time: number): void {
    const until = this.now + time;
    for (let next = this.#events[0]; next && next.at <= until; next = this.#events[0]) {
      this.#pop();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = until;
  }

  #call(node: SimNode, act: (machine: OwnershipMachine, now: number) => readonly Effect[]): void {
    const { machine } = node;
    if (!machine || node.frozen) return;
    this.steps++;
    const effects = act(machine, this.clockOf(node));
    for (const effect of effects) {
      if (effect.do === 'send') this.#send(node, effect.beat);
      this.onEffect(node, effect);
    }
    this.#arm(node, machine);
    this.onStep();
  }

  #arm(node: SimNode, machine: OwnershipMachine): void {
    const timer = ++node.timer;
    const delay = Math.max(0, machine.deadline() - this.clockOf(node)) + this.chance.fraction() * TIMER_JITTER;
    if (!Number.isFinite(delay)) return;
    this.after(delay, () => {
      if (node.machine === machine && node.timer === timer) this.#call(node, (one, now) => one.advance(now));
    });
  }

  #send(from: SimNode, sent: Heartbeat): void {
    // Over the wire and back: what does not fit or does not come back the same would show.
    const beat = decodeHeartbeat(encodeHeartbeat(sent));
    this.longestTimeout = Math.max(this.longestTimeout, beat.interval * beat.missed);
    this.#recorded.push(beat);
    if (this.#recorded.length > RECORDED) this.#recorded.splice(this.chance.below(RECORDED), 1);
    for (const to of this.nodes) {
      // Multicast may come back to its sender.
      if (to === from && !this.chance.happens(0.1)) continue;
      if (!this.hears(to, from)) continue;
      const copies = this.chance.happens(this.weather.doubles) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        if (this.chance.happens(this.weather.loss)) continue;
        this.after(0.1 + this.chance.fraction() * this.weather.delay, () => this.#arrive(to, beat));
      }
    }
  }

  #arrive(to: SimNode, beat: Heartbeat): void {
    if (!to.machine) return;
    if (!to.frozen) this.#receive(to, beat);
    else if (to.inbox.length < BUFFERED) to.inbox.push(beat);
  }

  #receive(to: SimNode, beat: Heartbeat): void {
    this.#call(to, (machine, now) => machine.receive(beat, now).effects);
  }

  /** A binary heap: there are many events. */
  #push(event: Event): void {
    const heap = this.#events;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
