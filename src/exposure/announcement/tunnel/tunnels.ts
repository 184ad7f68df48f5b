/**
 * Holds addresses on this node for traffic that comes through tunnels, one tunnel for each address. The owner of an
 * address has its tunnel up and calls the far end, which sends to whoever spoke last; nobody else speaks for it. A node
 * whose agent is dead is silent within two seconds, whatever its kernel still has.
 */
import { failed, off, type Decision, type NotReady } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { LookUp } from '../../address/port.ts';
import { createAlarm, type Alarm } from '../alarm.ts';
import { createFence, type Fence } from '../fence.ts';
import { createListeners } from '../listeners.ts';
import type { AddressTable, Announced, AnnouncementRequest, ClosableAnnouncement, SilenceFilter } from '../port.ts';
import { WithoutNeighbours } from '../without-neighbours.ts';
import { decisionOf, heldTunnel, type HeldTunnel } from './held-tunnel.ts';
import type { TunnelBook, TunnelDevices, TunnelWays } from './port.ts';
import { noWireguard, Raising } from './raising.ts';
import { Speech } from './speech.ts';

/** To try again what was refused, and to find that somebody took an interface away. */
const RECHECK: Milliseconds = 5000;
/** When the far end is likely to have answered. */
const FIRST_LOOK: Milliseconds = 1500;

export interface TunnelAnnouncementOptions {
  readonly book: TunnelBook;
  readonly devices: TunnelDevices;
  readonly ways: TunnelWays;
  readonly addressTable: AddressTable;
  readonly silence: SilenceFilter;
  readonly clock: Clock;
  readonly lookUp: LookUp;
  /** The far end was called: each time an address came here, for the account of a failover. */
  readonly onAnnounced?: (ip: Ip) => void;
  /** Whether this node may speak for the address at this moment. Default: always. */
  readonly mayAnswer?: (ip: Ip) => boolean;
}

/**
 * Takes away what an earlier run left behind, before it returns.
 * @throws OsError without the right to change addresses and interfaces
 */
export function createTunnelAnnouncement(options: TunnelAnnouncementOptions): ClosableAnnouncement {
  return new TunnelAnnouncement(options);
}

class TunnelAnnouncement extends WithoutNeighbours implements ClosableAnnouncement {
  readonly reach = 'owner';
  readonly #options: TunnelAnnouncementOptions;
  readonly #fence: Fence;
  readonly #raising: Raising;
  readonly #speech: Speech;
  readonly #recheck: Alarm;
  readonly #held = new Map<Ip, HeldTunnel>();
  /** Addresses that somebody asked about: to tell when the answer changes. */
  readonly #asked = new Set<Ip>();
  readonly #changed = createListeners<Ip>();
  readonly #stopFollowing: () => void;

  constructor(options: TunnelAnnouncementOptions) {
    super();
    this.#options = options;
    const { addressTable, silence, clock, book, devices, ways, onAnnounced, mayAnswer = () => true } = options;
    for (const { linkIndex, ip } of addressTable.owned()) addressTable.remove(linkIndex, ip);
    for (const name of devices.owned()) devices.remove(name);
    this.#fence = createFence(
      silence,
      () => [...this.#held.keys()],
      () => this.#tell([...this.#held.keys()]),
    );
    this.#recheck = createAlarm(clock, () => void this.#look());
    this.#raising = new Raising({
      ...options,
      held: this.#held,
      mayAnswer,
      onCalled: ({ ip }) => {
        onAnnounced?.(ip);
        this.#recheck.by(clock.now() + FIRST_LOOK);
      },
      onChange: (ip) => this.#changed.tell(ip),
      onWays: () => this.#speech.given(),
      onPassed: () => this.#goOn(),
    });
    this.#speech = new Speech({
      clock,
      ways,
      led: () => this.#raising.ways,
      may: ({ ip }) => mayAnswer(ip),
      onLapse: () => this.#lapse(),
      onLost: () => this.#raising.waysLost(),
      onSpoken: () => {
        const waits = ({ called, problem, ip }: HeldTunnel): boolean => !called && !problem && mayAnswer(ip);
        if ([...this.#held.values()].some(waits)) this.#raising.work();
      },
    });
    this.#stopFollowing = book.onChange(() => {
      this.#raising.work();
      this.#tell([...this.#asked]);
    });
    void this.#fence.update();
    // Rules of an earlier run go.
    this.#raising.work();
  }

  ensure({ ip }: AnnouncementRequest): Decision<Announced> {
    this.#asked.add(ip);
    let held = this.#held.get(ip);
    if (!held) {
      held = heldTunnel(ip, this.#options.clock.wall().toISOString(), [...this.#held.values()]);
      this.#held.set(ip, held);
      void this.#fence.update();
      this.#raising.work();
    }
    const decision = this.#decide(held);
    held.said = decision.reason;
    return decision;
  }

  obstacle({ ip }: AnnouncementRequest): NotReady | undefined {
    this.#asked.add(ip);
    const tunnel = this.#options.book.of(ip);
    // Another node may know of it. What is wrong in the Secret is wrong for all: somebody has to say so.
    if (tunnel.state === 'pending') return tunnel;
    const obstacle = this.#options.devices.obstacle();
    return obstacle === undefined ? undefined : noWireguard(ip, obstacle);
  }

  /** At once: a far end that hears this node once more after the next owner would send here again. */
  cede(ip: Ip): Decision {
    const left = this.release(ip);
    return left.state === 'failed' ? left : off('Ceded', `another node has ${ip}, and speaks to the far end`);
  }

  release(ip: Ip): Decision {
    const held = this.#held.get(ip);
    if (!held) this.#asked.delete(ip);
    else {
      this.#held.delete(ip);
      this.#raising.takeDown(held);
      void this.#fence.update();
      this.#raising.work();
    }
    const stuck = this.#raising.stuck.join();
    return stuck === ''
      ? off('Released', `${ip} is not on this node`)
      : failed('AddressStuck', `interface ${stuck} is not wanted, and the kernel does not let it go; tried again`);
  }

  onChange(callback: (ip: Ip) => void): () => void {
    return this.#changed.add(callback);
  }

  async close(): Promise<void> {
    this.#stopFollowing();
    this.#changed.clear();
    for (const ip of [...this.#held.keys()]) this.release(ip);
    await Promise.all([this.#raising.close(), this.#fence.clear()]);
    this.#recheck.cancel();
    this.#speech.stop();
  }

  #tell(ips: readonly Ip[]): void {
    for (const ip of ips) this.#changed.tell(ip);
  }

  #decide(held: HeldTunnel): Decision<Announced> {
    const { book, clock } = this.#options;
    return decisionOf(held, book.of(held.ip), clock, this.#fence.problem());
  }

  #goOn(): void {
    if (this.#held.size === 0) this.#speech.stop();
    else this.#speech.keep();
    if (this.#held.size > 0 || this.#raising.stuck.length > 0) this.#recheck.by(this.#options.clock.now() + RECHECK);
  }

  /** Let go until they are asked for again. */
  #lapse(): void {
    const ips = [...this.#held.keys()];
    for (const ip of ips) this.release(ip);
    this.#tell(ips);
  }

  /** What nobody tells: handshakes, and interfaces that somebody took away. */
  async #look(): Promise<void> {
    this.#raising.free();
    const present = this.#present();
    await Promise.all(
      [...this.#held.values()].map(async (held) => {
        const { tunnel } = held;
        if (!tunnel || !present) return;
        if (!present.includes(tunnel.name)) {
          this.#raising.takeDown(held);
          return;
        }
        // What cannot be read is as it was.
        const seconds = await this.#options.devices.lastHandshake(tunnel.name).catch(() => undefined);
        if (seconds !== undefined) held.handshakeAt = seconds * 1000;
        if (seconds === 0 && held.called && held.repeat === 'no') held.repeat = 'due';
        const { reason } = this.#decide(held);
        if (reason === held.said) return;
        held.said = reason;
        this.#changed.tell(held.ip);
      }),
    );
    this.#raising.work();
  }

  /** Undefined: that cannot be read. */
  #present(): readonly string[] | undefined {
    try {
      return this.#options.devices.owned();
    } catch {
      return undefined;
    }
  }
}
