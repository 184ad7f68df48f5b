/**
 * The VIP of the control plane: its addresses, who has them, their announcement and their name. Level-triggered as the
 * pipeline of Services: every change leads to the same pass over what is wanted and what is.
 */
import { off, pending, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { AddressProber } from '../address/port.ts';
import { createListeners } from '../announcement/listeners.ts';
import type { Announced, ClosableAnnouncement } from '../announcement/port.ts';
import type { PublishedName } from '../naming/port.ts';
import { UNCONFIRMED } from '../ownership/custody.ts';
import { isMine } from '../ownership/is-mine.ts';
import type { Owner, RunningOwnership } from '../ownership/port.ts';
import type { ApiGate } from './api-gate.ts';
import type { ControlPlaneState, VipState } from './port.ts';
import type { StayAway } from './stay-away.ts';
import type { VipAddresses } from './vip-addresses.ts';

/** To find what no event told of, and to ask the LAN about a VIP that is only kept. */
const TICK: Milliseconds = 1000;

const NOT_HERE = off('NotOwner', 'another node has the VIP, or none');
const NOT_ASKED_FOR = off('NotAskedFor', 'no name is asked for');

/** What is published while the VIP is here. */
export interface VipName {
  /** @param link by name */
  ensure(addresses: readonly Ip[], link: string): Decision<PublishedName>;
  /** Another node publishes it from now on. */
  yield(): void;
}

export interface ControlPlaneOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly gate: ApiGate;
  readonly addresses: VipAddresses;
  /** With custody: see `ownership/custody.ts`. */
  readonly ownership: RunningOwnership;
  readonly announcement: ClosableAnnouncement;
  readonly prober: AddressProber;
  /** Whether the VIP is to be elsewhere. Absent: it may be here at any time. */
  readonly stayAway?: Pick<StayAway, 'isAway' | 'note'>;
  /** Absent: none is wanted. */
  readonly name?: VipName;
  /** Interface by name; undefined: the one whose subnet holds the address. */
  readonly link?: string;
}

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #changed = createListeners<ControlPlaneState>();
  readonly #stops: (() => void)[] = [];
  readonly #handled = new Set<Ip>();
  #vips: readonly VipState[] = [];
  #name: Decision<PublishedName> = NOT_ASKED_FOR;
  #told = '';
  #passing = false;
  #again = false;
  #asking = false;
  #timer: Timer | undefined;
  #stopped = false;
  #settled = false;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  get state(): ControlPlaneState {
    const { gate, addresses } = this.#options;
    return { api: gate.state, addresses: addresses.current, vips: this.#vips, name: this.#name };
  }

  /** Whether an address of the VIP is on this node for its clients, confirmed or kept. */
  get isHolding(): boolean {
    const everyNode = this.#options.announcement.reach === 'every-node';
    return this.#vips.some(({ owner, announced }) => isMine(owner) || (everyNode && announced.state !== 'off'));
  }

  /** Called after each change of the state, with reasons and messages compared. */
  onChange(callback: (state: ControlPlaneState) => void): () => void {
    return this.#changed.add(callback);
  }

  start(): void {
    const { ownership, announcement, addresses, gate } = this.#options;
    this.#stops.push(
      ownership.onChange(() => this.pass()),
      announcement.onChange(() => this.pass()),
      // Every takeover begins with such a claim.
      announcement.onClaim((ip) => ownership.doubt(ip)),
    );
    addresses.start();
    gate.start();
    void ownership.start();
    this.#tick();
  }

  /** The addresses go first, then the Lease, so that no two nodes ever answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const { addresses, gate, announcement, ownership, name } = this.#options;
    addresses.stop();
    gate.stop();
    for (const stop of this.#stops.splice(0)) stop();
    name?.yield();
    // What is not on the node any more must not wait for the filter to be taken down.
    const closed = announcement.close();
    await Promise.allSettled([closed, ownership.stop()]);
  }

  /** Brings everything in line; cheap, and safe to call from any callback. */
  pass(): void {
    this.#again = true;
    if (this.#passing || this.#stopped) return;
    this.#passing = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#passOnce();
      }
    } finally {
      this.#passing = false;
    }
    this.#tell();
  }

  #passOnce(): void {
    const { addresses, announcement, ownership } = this.#options;
    const { current } = addresses;
    const wanted = [...(current.state === 'ready' ? current.value : []), ...addresses.former];
    for (const ip of [...this.#handled]) {
      if (wanted.includes(ip)) continue;
      ownership.release(ip);
      announcement.release(ip);
      this.#handled.delete(ip);
    }
    const eligible = this.#mayHold(wanted) ? [this.#options.node] : [];
    this.#vips = wanted.map((ip) => {
      this.#handled.add(ip);
      const owner = ownership.ensure(ip, eligible);
      const here = announcement.reach === 'every-node' ? eligible.length > 0 : isMine(owner);
      return { ip, owner, announced: here ? this.#announceHere(ip, owner) : this.#notHere(ip, owner) };
    });
    this.#options.stayAway?.note(this.#vips[0]?.owner);
    this.#name = this.#publish(current.state === 'ready' ? current.value : []);
    if (this.#settled || current.state !== 'ready' || this.#options.gate.checkedAt === undefined) return;
    this.#settled = true;
    announcement.settled?.();
  }

  /** With an API server that serves, or as the last one, where nobody wants it elsewhere and it can be announced at all. */
  #mayHold(wanted: readonly Ip[]): boolean {
    const { gate, announcement, stayAway } = this.#options;
    if (stayAway?.isAway === true) return false;
    if (gate.state.state !== 'ready' && !(gate.isLast && this.isHolding)) return false;
    // Announced at once when that comes to work, and by nobody instead of this node.
    if (announcement.reach === 'every-node') return true;
    return wanted.some((ip) => announcement.obstacle(this.#request(ip)) === undefined);
  }

  #announceHere(ip: Ip, owner: Decision<Owner>): Decision<Announced> {
    const { announcement, ownership } = this.#options;
    // As for Services: what is only kept is not defended, nor kept where nobody would be heard to claim it.
    const onConflict = owner.reason === UNCONFIRMED ? 'yield' : 'defend';
    const announced = announcement.ensure({ ...this.#request(ip), onConflict });
    if (announced.state === 'failed') ownership.doubt(ip);
    return announced;
  }

  #notHere(ip: Ip, owner: Decision<Owner>): Decision<Announced> {
    const { announcement, gate } = this.#options;
    // Where every node announces, one without an API server serves nothing that is under way; one that is left does.
    const serves = announcement.reach === 'owner' ? owner.state === 'ready' : gate.state.state === 'ready';
    if (serves) announcement.cede(ip);
    else announcement.release(ip);
    return NOT_HERE;
  }

  #request(ip: Ip): { readonly ip: Ip; readonly link?: string } {
    const { link } = this.#options;
    return { ip, ...(link === undefined ? {} : { link }) };
  }

  #publish(current: readonly Ip[]): Decision<PublishedName> {
    const { name } = this.#options;
    if (!name) return NOT_ASKED_FOR;
    const held = this.#vips.flatMap(({ ip, owner, announced }) =>
      isMine(owner) && announced.state === 'ready' && current.includes(ip) ? [{ ip, link: announced.value.link }] : [],
    );
    const [first] = held;
    if (first) {
      const ips = held.filter(({ link }) => link === first.link).map(({ ip }) => ip);
      return name.ensure(ips, first.link);
    }
    if (this.isHolding) return pending('WaitingForAnnouncement', 'the VIP is not announced yet');
    name.yield();
    return NOT_HERE;
  }

  #tick(): void {
    this.pass();
    void this.#askAround();
    this.#timer = this.#options.clock.after(TICK, () => this.#tick());
  }

  /** A VIP that is only kept belongs to whoever else answers for it: after a split of the LAN no claim may come. */
  async #askAround(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { prober, ownership } = this.#options;
    for (const { ip, owner, announced } of this.#vips) {
      if (owner.reason !== UNCONFIRMED || announced.state !== 'ready') continue;
      try {
        if ((await prober.probe(ip, announced.value.link)) !== undefined) ownership.doubt(ip);
      } catch {
        // The link went away this moment: the next pass lets go of the address.
      }
    }
    this.#asking = false;
  }

  #tell(): void {
    const facts = [
      this.state.api,
      this.state.addresses,
      this.#name,
      ...this.#vips.flatMap((vip) => [vip.owner, vip.announced]),
    ];
    const told = JSON.stringify(facts.map(({ state, reason, message }) => [state, reason, message]));
    if (told === this.#told) return;
    this.#told = told;
    this.#changed.tell(this.state);
  }
}
