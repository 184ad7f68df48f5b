/**
 * Holds addresses on this node and makes the LAN know.
 *
 * The kernel has each address, for traffic; but while other agents are alive it is kept silent, and this process
 * answers for it. So a node whose agent is gone answers no more from that moment on, serves what is under way, and
 * loses the address when its lifetime in the kernel has run out.
 */
import { failed, off, type Decision, type NotReady } from '../../model/decision.ts';
import { messageOf } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Link, Network } from '../../model/wire.ts';
import type { DefenceTiming } from '../../protocols/acd/defender.ts';
import { createAdvertisers, type Advertisers } from './advertisers.ts';
import { createAlarm, type Alarm } from './alarm.ts';
import { createFence, type Fence } from './fence.ts';
import { decisionOf, heldAddress, linkDown, type HeldAddress } from './held-address.ts';
import type { LifeSeconds } from './lifetime.ts';
import { chooseLink, isLink } from './link-choice.ts';
import { createListeners } from './listeners.ts';
import { createPlacement, type Placement } from './placement.ts';
import type {
  AddressConflict,
  AddressTable,
  Announced,
  AnnouncementRequest,
  ClosableAnnouncement,
  SilenceFilter,
} from './port.ts';
import { createTakeover, type Takeover } from './takeover.ts';
import { createVoice, type Voice } from './voice.ts';

/** To try again what the kernel refused, and to find that somebody flushed our rules. */
const RECHECK: Milliseconds = 5000;
/** How long an address that another node has taken is still served: neighbours hear of the new one within a moment. */
const LINGER: Milliseconds = 500;

export interface AnnouncementOptions {
  readonly network: Network;
  readonly addressTable: AddressTable;
  readonly silence: SilenceFilter;
  readonly clock: Clock;
  /** How long an address stays on a node whose agent is dead. Default 2. */
  readonly life?: LifeSeconds;
  /** How soon a conflict is certain, and over. */
  readonly defence?: DefenceTiming;
  /** Everyone was told of the address: each time, for the account of a failover. */
  readonly onAnnounced?: (ip: Ip) => void;
  /**
   * Whether this node may speak for the address at this moment; asked at each question and before each announcement.
   * While it may not the address is served all the same, silently. Default: always.
   */
  readonly mayAnswer?: (ip: Ip) => boolean;
}

/**
 * Takes away what an earlier run left behind, before it returns.
 * @throws what the address table throws: without the right to change addresses there is nothing to be done here.
 */
export function createAnnouncement(options: AnnouncementOptions): ClosableAnnouncement {
  return new LinkLayerAnnouncement(options);
}

class LinkLayerAnnouncement implements ClosableAnnouncement {
  readonly reach = 'owner';
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #defence: DefenceTiming | undefined;
  readonly #fence: Fence;
  readonly #placement: Placement;
  readonly #advertisers: Advertisers;
  readonly #voice: Voice;
  readonly #takeover: Takeover;
  readonly #recheck: Alarm;
  readonly #stopWatching: () => void;
  readonly #held = new Map<Ip, HeldAddress>();
  readonly #changed = createListeners<Ip>();
  readonly #claims = createListeners<Ip>();
  readonly #conflicts = createListeners<AddressConflict>();
  readonly #conflictsOver = createListeners<AddressConflict>();
  readonly #mayAnswer: (ip: Ip) => boolean;
  /** Addresses that are only served until what was under way is done. */
  readonly #ceded = new Map<Ip, Timer>();
  #alone = false;
  /** Alone, and the kernel is free to answer. */
  #quiet = false;

  constructor({ network, addressTable, silence, clock, life, defence, onAnnounced, mayAnswer }: AnnouncementOptions) {
    this.#network = network;
    this.#clock = clock;
    this.#defence = defence;
    this.#mayAnswer = mayAnswer ?? (() => true);
    for (const { linkIndex, ip } of addressTable.owned()) addressTable.remove(linkIndex, ip);
    this.#fence = createFence(
      silence,
      () => (this.#alone ? [] : [...this.#held.keys()]),
      () => [...this.#held.keys()].forEach((ip) => this.#changed.tell(ip)),
    );
    this.#placement = createPlacement(
      addressTable,
      clock,
      life ?? 2,
      (ip) => this.#held.get(ip),
      (ip) => this.#changed.tell(ip),
      (held) => this.#lapse(held),
    );
    this.#advertisers = createAdvertisers((link) => ({
      network,
      link,
      answers: (ip) => this.#answers(ip, link),
      onAnnounced,
      onClaim: (ip, mac) => this.#voice.heardClaim(ip, mac, link),
    }));
    this.#voice = createVoice({
      clock,
      held: this.#held,
      isOwnMac: (mac) => network.links().some((link) => link.mac === mac),
      isCurrent: (held) => this.#placement.isCurrent(held),
      mayAnswer: this.#mayAnswer,
      isTaking: () => this.#takeover.isBusy(),
      onLapse: (held) => this.#lapse(held),
      onClaim: (held) => this.#claims.tell(held.ip),
      onConflict: (held, mac) => this.#conflict(held, mac),
      onConflictOver: (held, mac) => this.#conflictOver(held, mac),
    });
    this.#takeover = createTakeover({
      clock,
      fence: this.#fence,
      placement: this.#placement,
      voice: this.#voice,
      isAlone: () => this.#alone,
      onLapse: (held) => this.#lapse(held),
    });
    this.#recheck = createAlarm(clock, () => this.#checkAgain());
    this.#stopWatching = network.onChange(() => this.#followLinks());
    // Makes the filter ready, which takes longest the first time, and empties one left behind.
    void this.#fence.update();
  }

  ensure(request: AnnouncementRequest): Decision<Announced> {
    const { ip, link } = request;
    let held = this.#held.get(ip);
    if (held?.linkName !== link) {
      if (held) this.#detach(held);
      held = undefined;
    }
    if (!held) {
      held = heldAddress(request, this.#clock.now(), this.#clock.wall(), this.#defence);
      this.#held.set(ip, held);
      this.#attach(held, this.#network.links());
      this.#recheck.by(this.#clock.now() + RECHECK);
    }
    if (held.ceded || (held.muted && this.#mayAnswer(ip))) this.#speakAgain(held);
    held.policy = request.onConflict ?? held.policy;
    const isFree = held.policy === 'defend' || held.defender.rivals().length === 0;
    if (held.lapsed || (held.yieldedTo !== undefined && isFree)) {
      held.lapsed = false;
      held.yieldedTo = undefined;
      this.#detach(held);
      this.#attach(held, this.#network.links());
    }
    return decisionOf(held, this.#fence.problem());
  }

  obstacle({ ip, link: name }: AnnouncementRequest): NotReady | undefined {
    const link = chooseLink(this.#network.links(), ip, name);
    if (!isLink(link)) return link;
    return link.up ? undefined : linkDown(ip, link.name);
  }

  cede(ip: Ip): Decision {
    const held = this.#held.get(ip);
    // The kernel would answer for it, or it is not served anyway.
    if (this.#alone || held?.placed !== true) return this.release(ip);
    if (!held.ceded) {
      held.ceded = true;
      this.#ceded.set(
        ip,
        this.#clock.after(LINGER, () => this.release(ip)),
      );
    }
    return off('Ceded', `another node has ${ip}; what is under way here is served for a moment`);
  }

  release(ip: Ip): Decision {
    this.#ceded.get(ip)?.cancel();
    this.#ceded.delete(ip);
    const held = this.#held.get(ip);
    if (held) {
      this.#held.delete(ip);
      this.#detach(held);
      void this.#fence.update();
    }
    return this.#placement.isStuck(ip)
      ? failed('AddressStuck', `${ip} is no longer announced, but the kernel did not let it go; tried again`)
      : off('Released', `${ip} is not on this node`);
  }

  setAlone(alone: boolean): void {
    if (alone === this.#alone) return;
    this.#alone = alone;
    this.#quiet = false;
    if (alone) for (const ip of [...this.#ceded.keys()]) this.release(ip);
    this.#placement.setAlone(alone);
    for (const held of this.#held.values()) if (held.placed) this.#placement.put(held);
    void this.#fence.update().then(() => {
      // Until the kernel may answer, this process goes on.
      this.#quiet = this.#alone;
    });
  }

  onClaim(callback: (ip: Ip) => void): () => void {
    return this.#claims.add(callback);
  }

  onConflict(callback: (conflict: AddressConflict) => void): () => void {
    return this.#conflicts.add(callback);
  }

  onConflictOver(callback: (conflict: AddressConflict) => void): () => void {
    return this.#conflictsOver.add(callback);
  }

  onChange(callback: (ip: Ip) => void): () => void {
    return this.#changed.add(callback);
  }

  async close(): Promise<void> {
    this.#stopWatching();
    for (const listeners of [this.#changed, this.#claims, this.#conflicts, this.#conflictsOver]) listeners.clear();
    for (const ip of [...this.#held.keys()]) this.release(ip);
    this.#placement.retry();
    this.#placement.stop();
    this.#voice.stop();
    this.#recheck.cancel();
    await this.#fence.clear();
  }

  /** Finds the link and begins; otherwise leaves the reason. */
  #attach(held: HeldAddress, links: readonly Link[]): void {
    const link = chooseLink(links, held.ip, held.linkName);
    if (!isLink(link)) {
      held.problem = link;
      return;
    }
    try {
      held.advertiser = this.#advertisers.on(link, familyOf(held.ip));
    } catch (error) {
      held.problem = failed('LinkUnusable', `${held.ip} is not announced: ${messageOf(error)}`);
      return;
    }
    held.problem = undefined;
    held.up = link.up;
    if (held.yieldedTo !== undefined) return;
    held.schedule.restart(this.#clock.now());
    this.#takeover.begin(held);
  }

  /** It is this node's after all, or again: the LAN is told anew. */
  #speakAgain(held: HeldAddress): void {
    this.#ceded.get(held.ip)?.cancel();
    this.#ceded.delete(held.ip);
    held.ceded = false;
    held.muted = false;
    held.schedule.restart(this.#clock.now());
    if (held.placed) this.#voice.announce(held);
  }

  #detach(held: HeldAddress): void {
    this.#takeover.stop(held);
    this.#placement.takeOff(held);
    if (!held.advertiser) return;
    held.advertiser = undefined;
    this.#advertisers.prune([...this.#held.values()].map((other) => other.advertiser));
  }

  #answers(ip: Ip, link: Link): boolean {
    const held = this.#held.get(ip);
    if (!held || held.ceded || !this.#mayAnswer(ip) || this.#quiet || held.advertiser?.link.index !== link.index)
      return false;
    return this.#takeover.isUnderWay(held) ? this.#takeover.isFresh(held) : this.#placement.isCurrent(held);
  }

  #lapse(held: HeldAddress): void {
    this.#takeover.stop(held);
    this.#placement.takeOff(held);
    held.lapsed = true;
    this.#changed.tell(held.ip);
  }

  #conflict(held: HeldAddress, mac: Mac): void {
    const yields = held.policy === 'yield' && held.yieldedTo === undefined;
    if (yields) {
      this.#placement.takeOff(held);
      held.yieldedTo = mac;
    }
    this.#conflicts.tell(conflictOf(held, mac));
    if (yields) this.#changed.tell(held.ip);
  }

  #conflictOver(held: HeldAddress, mac: Mac): void {
    this.#conflictsOver.tell(conflictOf(held, mac));
    // Not taken back here: this process may have been held up, and the owner be another by now.
    if (held.yieldedTo !== undefined && held.defender.rivals().length === 0) this.#changed.tell(held.ip);
  }

  #followLinks(): void {
    const links = this.#network.links();
    const byIndex = new Map(links.map((link) => [link.index, link]));
    const present = new Map(links.map((link) => [link.index, new Set(link.addresses.map((address) => address.ip))]));
    for (const held of [...this.#held.values()]) {
      if (held.placed && !this.#placement.isCurrent(held)) this.#lapse(held);
      // Whoever was told of it, or of one before, may have released this one: taking it in hand again would never end.
      if (held.lapsed || this.#held.get(held.ip) !== held) continue;
      this.#tellIfChanged(held, () => {
        const used = held.advertiser?.link;
        const link = used && byIndex.get(used.index);
        // Renamed, too: the stages that follow know links by name.
        if (!link || link.mac !== used.mac || link.name !== used.name) {
          this.#detach(held);
          this.#attach(held, links);
          return;
        }
        const isBack = link.up && !held.up;
        if (isBack) held.schedule.restart(this.#clock.now());
        held.up = link.up;
        // Somebody took it away.
        if (held.placed && present.get(link.index)?.has(held.ip) !== true) this.#placement.put(held);
        // What falls due by itself does so in its turn: each address that is taken is a change, too.
        if (isBack && (held.placed || held.yieldedTo !== undefined)) this.#voice.announce(held);
      });
    }
  }

  #checkAgain(): void {
    const allGone = this.#placement.retry();
    for (const held of this.#held.values()) {
      if (held.placed || held.lapsed || held.yieldedTo !== undefined || this.#takeover.isUnderWay(held)) continue;
      this.#tellIfChanged(held, () => {
        if (held.advertiser) this.#takeover.begin(held);
        else this.#attach(held, this.#network.links());
      });
    }
    // Asking again puts back what somebody flushed.
    void this.#fence.update();
    if (!allGone || this.#held.size > 0) this.#recheck.by(this.#clock.now() + RECHECK);
  }

  #tellIfChanged(held: HeldAddress, step: () => void): void {
    const before = decisionOf(held, undefined).message;
    step();
    if (before !== decisionOf(held, undefined).message) this.#changed.tell(held.ip);
  }
}

function conflictOf(held: HeldAddress, mac: Mac): AddressConflict {
  return { ip: held.ip, mac, link: held.advertiser?.link.name ?? '', policy: held.policy };
}
