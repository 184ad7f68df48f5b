/**
 * Holds addresses on this node for traffic that routers send here. Nobody on the LAN is told of them: the kernel is kept
 * from answering ARP and NS, since a host that asked would get whichever node answers first.
 *
 * The addresses have no lifetime in the kernel. A node whose agent is gone gets no traffic once routers have noticed, and
 * serves what still comes; the next run of the agent takes over what it finds.
 */
import { failed, off, ready, type Decision, type NotReady } from '../../../model/decision.ts';
import { messageOf } from '../../../model/errors.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import type { Network } from '../../../model/wire.ts';
import { createAlarm, type Alarm } from '../alarm.ts';
import { createFence, type Fence } from '../fence.ts';
import { hostPrefix } from '../link-choice.ts';
import { createListeners } from '../listeners.ts';
import type {
  AddressTable,
  Announced,
  AnnouncementRequest,
  ClosableAnnouncement,
  Reach,
  SilenceFilter,
} from '../port.ts';
import { WithoutNeighbours } from '../without-neighbours.ts';
import type { RouteSink } from './port.ts';

/** To try again what the kernel refused, and to find that somebody took an address or our rules away. */
const RECHECK: Milliseconds = 5000;
/** How long routers are given to find another way before this one ends. */
export const LEAVING: Milliseconds = 1000;
/** How long an address is served after its way has been withdrawn: packets are under way. */
const LINGER: Milliseconds = 500;
/** What an earlier run left is kept for this long at most while nobody says what is wanted. */
const LEFT_OVER: Milliseconds = 60_000;

/** Loopback is the first interface of every network namespace. */
export const LOOPBACK = { name: 'lo', index: 1 } as const;

type Where = { readonly name: string; readonly index: number };

export interface RoutedAnnouncementOptions {
  readonly network: Pick<Network, 'links' | 'onChange'>;
  readonly addressTable: AddressTable;
  readonly silence: SilenceFilter;
  readonly clock: Clock;
  readonly sink: RouteSink;
  /** Interface for the addresses by name. Default: loopback. */
  readonly link?: string;
  /** Somebody was told of the address: each time, for the account of a failover. */
  readonly onAnnounced?: (ip: Ip) => void;
}

interface Held {
  readonly ip: Ip;
  /** ISO 8601. */
  readonly since: string;
  /** Where the kernel has it. */
  where: Where | undefined;
  problem: NotReady | undefined;
  /** The next step of leaving, while it is being left. */
  leaving: Timer | undefined;
  told: boolean;
}

/** @throws what the address table throws: without the right to change addresses there is nothing to be done here. */
export function createRoutedAnnouncement(options: RoutedAnnouncementOptions): ClosableAnnouncement {
  return new RoutedAnnouncement(options);
}

class RoutedAnnouncement extends WithoutNeighbours implements ClosableAnnouncement {
  readonly reach: Reach;
  readonly #options: RoutedAnnouncementOptions;
  readonly #fence: Fence;
  readonly #recheck: Alarm;
  readonly #held = new Map<Ip, Held>();
  readonly #changed = createListeners<Ip>();
  readonly #stops: (() => void)[];
  /** By an earlier run, and not asked for yet. */
  readonly #leftOver = new Map<Ip, number>();
  /** What the kernel did not give up, by interface. */
  readonly #stuck = new Map<Ip, number>();

  constructor(options: RoutedAnnouncementOptions) {
    super();
    this.#options = options;
    const { addressTable, sink, network, silence, clock } = options;
    this.reach = sink.reach;
    const where = this.#where();
    for (const { linkIndex, ip, prefixLength } of addressTable.owned()) {
      const stays = sink.resumes && linkIndex === where?.index && prefixLength === hostPrefix(ip);
      if (stays) this.#leftOver.set(ip, linkIndex);
      else addressTable.remove(linkIndex, ip);
    }
    this.#fence = createFence(
      silence,
      () => [...this.#held.keys(), ...this.#leftOver.keys()],
      () => [...this.#held.keys()].forEach((ip) => this.#changed.tell(ip)),
    );
    this.#recheck = createAlarm(clock, () => this.#checkAgain());
    const patience = clock.after(LEFT_OVER, () => this.settled());
    this.#stops = [
      () => patience.cancel(),
      sink.onChange(() => [...this.#held.keys()].forEach((ip) => this.#changed.tell(ip))),
      network.onChange(() => this.#followLinks()),
    ];
    void this.#fence.update();
  }

  ensure({ ip }: AnnouncementRequest): Decision<Announced> {
    let held = this.#held.get(ip);
    if (!held) {
      const since = this.#options.clock.wall().toISOString();
      held = { ip, since, where: undefined, problem: undefined, leaving: undefined, told: false };
      this.#held.set(ip, held);
      this.#leftOver.delete(ip);
      this.#place(held);
      void this.#fence.update();
      this.#recheck.by(this.#options.clock.now() + RECHECK);
    }
    held.leaving?.cancel();
    held.leaving = undefined;
    if (held.problem) return held.problem;
    return this.#announce(held, false);
  }

  obstacle({ ip }: AnnouncementRequest): NotReady | undefined {
    return this.#where() === undefined ? this.#noLink(ip) : this.#options.sink.obstacle(ip);
  }

  cede(ip: Ip): Decision {
    const held = this.#held.get(ip);
    if (held?.where === undefined) return this.release(ip);
    if (held.leaving === undefined) {
      const { clock, sink } = this.#options;
      this.#announce(held, true);
      held.leaving = clock.after(LEAVING, () => {
        sink.withdraw(ip);
        held.leaving = clock.after(LINGER, () => this.release(ip));
      });
    }
    return off(
      'Ceded',
      `routers are asked to prefer other ways to ${ip}; what still comes here is served for a moment`,
    );
  }

  release(ip: Ip): Decision {
    const held = this.#held.get(ip);
    if (held) {
      held.leaving?.cancel();
      this.#held.delete(ip);
      this.#options.sink.withdraw(ip);
      if (held.where) this.#remove(ip, held.where.index);
    }
    const left = this.#leftOver.get(ip);
    if (left !== undefined) {
      this.#leftOver.delete(ip);
      this.#remove(ip, left);
    }
    if (held || left !== undefined) void this.#fence.update();
    return this.#stuck.has(ip)
      ? failed('AddressStuck', `${ip} is no longer announced, but the kernel did not let it go; tried again`)
      : off('Released', `${ip} is not on this node`);
  }

  settled(): void {
    for (const ip of [...this.#leftOver.keys()]) this.release(ip);
    this.#options.sink.settled();
  }

  onChange(callback: (ip: Ip) => void): () => void {
    return this.#changed.add(callback);
  }

  async close(): Promise<void> {
    const { sink, clock } = this.#options;
    for (const stop of this.#stops.splice(0)) stop();
    this.#changed.clear();
    this.#recheck.cancel();
    const told = [...this.#held.values()].filter((held) => held.told);
    for (const held of told) this.#announce(held, true);
    if (told.length > 0) await new Promise<void>((resolve) => clock.after(LEAVING, resolve));
    for (const ip of this.#held.keys()) sink.withdraw(ip);
    await sink.close();
    for (const ip of [...this.#held.keys(), ...this.#leftOver.keys()]) this.release(ip);
    for (const [ip, linkIndex] of [...this.#stuck]) this.#remove(ip, linkIndex);
    await this.#fence.clear();
  }

  #where(): Where | undefined {
    const { link = LOOPBACK.name, network } = this.#options;
    return link === LOOPBACK.name ? LOOPBACK : network.links().find(({ name }) => name === link);
  }

  /** What is said of the address besides routes, names most of all, is said on the link of the default route. */
  #lan(): string | undefined {
    const links = this.#options.network.links();
    return links.find(({ gateway }) => gateway.v4 !== undefined || gateway.v6 !== undefined)?.name;
  }

  #noLink(ip: Ip): NotReady {
    return failed('NoLink', `${ip} is not announced: this node has no interface ${this.#options.link}`);
  }

  #place(held: Held): void {
    const { addressTable } = this.#options;
    const { ip } = held;
    const where = this.#where();
    held.where = undefined;
    if (where === undefined) {
      held.problem = this.#noLink(ip);
      return;
    }
    try {
      addressTable.set(where.index, ip, hostPrefix(ip));
      held.where = where;
      held.problem = undefined;
      this.#stuck.delete(ip);
    } catch (error) {
      held.problem = failed('AddressRefused', `${ip} is not announced: ${messageOf(error)}`);
    }
  }

  #announce(held: Held, leaving: boolean): Decision<Announced> {
    const { sink, onAnnounced } = this.#options;
    const { ip, where, since } = held;
    if (where === undefined) return this.#noLink(ip);
    const told = sink.announce({ ip, link: where, leaving });
    if (told.state !== 'ready') {
      held.told = false;
      return told;
    }
    if (!held.told && !leaving) onAnnounced?.(ip);
    held.told = true;
    const unfenced = this.#fence.problem();
    const value = { link: this.#lan() ?? where.name, since };
    if (unfenced === undefined) return ready(value, told.reason, told.message);
    return ready(value, 'AnnouncedUnfenced', `${told.message}, but the kernel answers for it on the LAN: ${unfenced}`);
  }

  #remove(ip: Ip, linkIndex: number): void {
    try {
      this.#options.addressTable.remove(linkIndex, ip);
      this.#stuck.delete(ip);
    } catch {
      this.#stuck.set(ip, linkIndex);
      this.#recheck.by(this.#options.clock.now() + RECHECK);
    }
  }

  /** An interface that addresses stand on may come, go and come back. */
  #followLinks(): void {
    const { sink } = this.#options;
    const where = this.#where();
    for (const held of [...this.#held.values()]) {
      if (held.where?.index === where?.index) continue;
      if (where === undefined) sink.withdraw(held.ip);
      this.#place(held);
      this.#changed.tell(held.ip);
    }
  }

  #checkAgain(): void {
    for (const [ip, linkIndex] of [...this.#stuck]) this.#remove(ip, linkIndex);
    const present = new Set(this.#options.addressTable.owned().map(({ ip, linkIndex }) => `${ip} ${linkIndex}`));
    for (const held of this.#held.values()) {
      if (held.where && present.has(`${held.ip} ${held.where.index}`)) continue;
      const before = held.problem?.message;
      this.#place(held);
      if (before !== held.problem?.message) this.#changed.tell(held.ip);
    }
    // Asking again puts back what somebody flushed.
    void this.#fence.update();
    if (this.#held.size > 0 || this.#stuck.size > 0) this.#recheck.by(this.#options.clock.now() + RECHECK);
  }
}
