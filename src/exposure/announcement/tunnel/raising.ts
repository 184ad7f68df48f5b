/**
 * Brings tunnels in line with what is held and what is known of them: interface, rules, address, far end, in this order.
 * One pass at a time, and another one if anything changed meanwhile.
 */
import { failed, type NotReady } from '../../../model/decision.ts';
import { messageOf } from '../../../model/errors.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { LookUp } from '../../address/port.ts';
import { hostPrefix } from '../link-choice.ts';
import type { AddressTable } from '../port.ts';
import { farEndOf } from './far-end.ts';
import { wayOf, type HeldTunnel } from './held-tunnel.ts';
import type { Tunnel, TunnelBook, TunnelDevices, TunnelWay, TunnelWays } from './port.ts';

/** A new owner says each second that it is here: who had the address before may speak for as long as its word holds. */
const EAGER: Milliseconds = 5000;
const EAGER_KEEPALIVE = 1;

export interface RaisingOptions {
  readonly book: TunnelBook;
  readonly devices: TunnelDevices;
  readonly ways: TunnelWays;
  readonly addressTable: AddressTable;
  readonly clock: Clock;
  readonly lookUp: LookUp;
  readonly held: ReadonlyMap<Ip, HeldTunnel>;
  readonly mayAnswer: (ip: Ip) => boolean;
  /** The far end was called for the first time, or with other keys. */
  readonly onCalled: (held: HeldTunnel) => void;
  readonly onChange: (ip: Ip) => void;
  readonly onWays: () => void;
  /** A pass has ended. */
  readonly onPassed: () => void;
}

export class Raising {
  readonly #options: RaisingOptions;
  /** Interfaces that the kernel did not let go. */
  readonly #stuck = new Set<string>();
  /** Those that rules are set for; undefined: what an earlier run, or somebody else, made of them. */
  #ways: readonly TunnelWay[] | undefined;
  #passing: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: RaisingOptions) {
    this.#options = options;
  }

  get ways(): readonly TunnelWay[] {
    return this.#ways ?? [];
  }

  get stuck(): readonly string[] {
    return [...this.#stuck];
  }

  work(): void {
    this.#again = true;
    this.#passing ??= this.#passes().finally(() => (this.#passing = undefined));
  }

  /** Rules are set anew. */
  waysLost(): void {
    this.#ways = undefined;
    this.work();
  }

  takeDown(held: HeldTunnel): void {
    const { tunnel } = held;
    Object.assign(held, { tunnel: undefined, called: undefined, handshakeAt: 0 });
    if (tunnel) this.#remove(tunnel.name);
  }

  /** Tries again what the kernel did not let go. */
  free(): void {
    for (const name of this.#stuck) this.#remove(name);
  }

  /** After all was taken down. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#passing;
    this.free();
    await this.#options.ways.clear();
  }

  async #passes(): Promise<void> {
    // After everything asked for in this tick.
    await Promise.resolve();
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#pass();
    }
  }

  async #pass(): Promise<void> {
    const { held, onPassed } = this.#options;
    const wanted = this.#wanted();
    for (const one of held.values()) if (!wanted.some(([other]) => other === one)) this.takeDown(one);
    const ways = wanted.map(([one, tunnel]) => wayOf(one, tunnel));
    // Rules first, or beside: no packet of a client may come before they lead its answer.
    const [refused, ...indices] = await Promise.all([
      this.#setWays(ways),
      ...wanted.map(([one, tunnel]) => this.#device(one, tunnel)),
    ]);
    await Promise.all(
      wanted.map(async ([one, tunnel], i) => {
        const [way, index] = [ways[i], indices[i]];
        if (way === undefined || index === undefined) return;
        if (refused !== undefined) this.#fail(one, refused);
        else await this.#call(one, tunnel, way, index);
      }),
    );
    onPassed();
  }

  #wanted(): [HeldTunnel, Tunnel][] {
    const { book, devices, held } = this.#options;
    return [...held.values()].flatMap((one): [HeldTunnel, Tunnel][] => {
      const tunnel = book.of(one.ip);
      if (tunnel.state !== 'ready') return [];
      const obstacle = one.tunnel === undefined ? devices.obstacle() : undefined;
      if (obstacle === undefined) return [[one, tunnel.value]];
      this.#note(one, noWireguard(one.ip, obstacle));
      return [];
    });
  }

  /** @returns why not */
  async #setWays(ways: readonly TunnelWay[]): Promise<string | undefined> {
    if (JSON.stringify(ways) === JSON.stringify(this.#ways)) return undefined;
    try {
      await this.#options.ways.set(ways);
      this.#ways = ways;
      this.#options.onWays();
      return undefined;
    } catch (error) {
      this.#ways = undefined;
      return messageOf(error);
    }
  }

  /** The interface with the address on it. @returns its index; undefined: there is none. */
  async #device(held: HeldTunnel, tunnel: Tunnel): Promise<number | undefined> {
    const { devices, addressTable } = this.#options;
    if (held.tunnel !== undefined && held.tunnel.name !== tunnel.name) this.takeDown(held);
    try {
      const index = await devices.ensure(tunnel.name, tunnel.mtu);
      held.tunnel = tunnel;
      if (this.#isGone(held)) return undefined;
      addressTable.set(index, held.ip, hostPrefix(held.ip));
      return index;
    } catch (error) {
      this.#fail(held, messageOf(error));
      return undefined;
    }
  }

  /** Keys and far end, which is called with that; unless nothing about them has changed. */
  async #call(held: HeldTunnel, tunnel: Tunnel, way: TunnelWay, index: number): Promise<void> {
    const { clock, devices, ways, lookUp, mayAnswer, onCalled, onChange } = this.#options;
    // Later, then: whoever gives the word looks who waits for it.
    if (!held.called && !mayAnswer(held.ip)) return;
    try {
      ways.lead(way, index);
      const endpoint = await farEndOf(held, tunnel, clock, lookUp);
      const before = held.called;
      // Old sessions are void then, and the far end waits for the next one.
      const isNew = !before || !hasSameKeys(before.tunnel, tunnel);
      const isEager = isNew || clock.now() - held.upAt < EAGER;
      const keepalive = isEager ? EAGER_KEEPALIVE : tunnel.keepalive;
      const isSame = before?.tunnel === tunnel && before.endpoint === endpoint && before.keepalive === keepalive;
      // WireGuard itself would call again after five seconds. Once is enough: calling ends what is under way.
      const isAnew = isNew || held.repeat === 'due';
      if (isAnew) held.repeat = isNew ? 'no' : 'done';
      if (!isSame || isAnew) await devices.configure(tunnel, endpoint, keepalive, isAnew);
      if (this.#isGone(held)) return;
      if (isNew) Object.assign(held, { upAt: clock.now(), handshakeAt: 0 });
      held.called = { tunnel, endpoint, keepalive };
      const hadProblem = held.problem !== undefined;
      held.problem = undefined;
      if (isNew) onCalled(held);
      if (!before || hadProblem) onChange(held.ip);
    } catch (error) {
      this.#fail(held, messageOf(error));
    }
  }

  /** Released while something was under way: what came of it goes. */
  #isGone(held: HeldTunnel): boolean {
    if (this.#options.held.get(held.ip) === held) return false;
    this.takeDown(held);
    return true;
  }

  #fail(held: HeldTunnel, why: string): void {
    this.#note(held, failed('TunnelRefused', `${held.ip} is not announced: ${why}`));
  }

  #note(held: HeldTunnel, problem: NotReady): void {
    const isNews = held.problem?.message !== problem.message;
    held.problem = problem;
    if (isNews) this.#options.onChange(held.ip);
  }

  #remove(name: string): void {
    try {
      this.#options.devices.remove(name);
      this.#stuck.delete(name);
    } catch {
      // Tried again, and told by whoever asks for its address.
      this.#stuck.add(name);
    }
  }
}

function hasSameKeys(a: Tunnel, b: Tunnel): boolean {
  const hasSamePreshared = a.presharedKey ? a.presharedKey.equals(b.presharedKey) : !b.presharedKey;
  return a.privateKey.equals(b.privateKey) && a.peerPublicKey === b.peerPublicKey && hasSamePreshared;
}

export function noWireguard(ip: Ip, obstacle: string): NotReady {
  return failed('NoWireguard', `${ip} is not announced: ${obstacle}`);
}
