/** The addresses: who owns each, and what this node does about it. Only what something happened to is chosen anew. */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { AddressClaim, AddressOffer } from '../../../protocols/heartbeat/message.ts';
import { isEligible, isSameEligible, newAddressState, type AddressState, type Eligible } from './address-state.ts';
import { firstOf, prevails, rankAmong } from './choose.ts';
import type { AddressOwner, Effect } from './effects.ts';
import type { Membership } from './membership.ts';
import { OwnClaims } from './own-claims.ts';
import type { Peer } from './peer.ts';

const MAX_TERM = 0xffffffff;
/** An offer stands for so many beats. */
const OFFER_BEATS = 3;
/** Each better one has so many beats to take a free address: it may not know of it yet. */
const RANK_BEATS = 1.5;
/** All who were offered it did not take it: they are asked again after this time. */
const RETRY: Milliseconds = 1000;
/** How long the claim of an address that nobody wants stands. */
const RELEASED: Milliseconds = 1000;

export interface AddressesOptions {
  readonly node: string;
  readonly interval: Milliseconds;
  readonly membership: Membership;
  /** This node may take addresses now. */
  readonly mayTake: () => boolean;
  /** This node gives everything away if somebody takes it. */
  readonly givesAway: () => boolean;
  readonly tell: (effect: Effect) => void;
}

export class Addresses {
  readonly own = new OwnClaims();
  readonly #options: AddressesOptions;
  readonly #states = new Map<Ip, AddressState>();
  /** Something happened to them. */
  readonly #touched = new Set<AddressState>();
  /** Wanted and without an owner. */
  readonly #free = new Set<AddressState>();
  /** Ours, and to go to others. */
  readonly #leaving = new Set<AddressState>();
  readonly #released = new Set<AddressState>();
  #candidatesChanged = false;
  #nextTake: Milliseconds = Number.POSITIVE_INFINITY;
  #nextOffer: Milliseconds = Number.POSITIVE_INFINITY;
  /** Offers that the others have not been told. */
  readonly #offered = new Set<AddressState>();

  constructor(options: AddressesOptions) {
    this.#options = options;
  }

  get hasNews(): boolean {
    return this.own.hasNews || this.#offered.size > 0;
  }

  owner(address: Ip): AddressOwner | undefined {
    return this.#states.get(address)?.owner;
  }

  /** Ours, and not being handed over. */
  isFirm(address: Ip): boolean {
    const own = this.own.get(address)?.own;
    return own !== undefined && own.offer === undefined && own.releasedAt === undefined;
  }

  /** Ours, whether or not it is being handed over. */
  isOwn(address: Ip): boolean {
    const own = this.own.get(address)?.own;
    return own !== undefined && own.releasedAt === undefined;
  }

  want(address: Ip, eligible: Eligible): void {
    const state = this.#state(address);
    const { own } = state;
    const isResumed = own?.releasedAt !== undefined;
    if (isSameEligible(state.eligible, eligible) && !isResumed) return;
    state.eligible = eligible === 'anyone' ? eligible : [...eligible];
    if (own) own.releasedAt = undefined;
    this.#released.delete(state);
    this.#touched.add(state);
  }

  release(address: Ip, now: Milliseconds): void {
    const state = this.#states.get(address);
    if (!state || state.eligible === undefined) return;
    state.eligible = undefined;
    this.#touched.add(state);
    if (!state.own) return;
    state.own.releasedAt = now;
    state.own.offer = undefined;
    this.#released.add(state);
  }

  /** A claim of a peer came, changed or went. */
  claimed(peer: Peer, address: Ip, now: Milliseconds): void {
    const term = peer.claims.get(address);
    const state = term === undefined ? this.#states.get(address) : this.#state(address);
    if (!state) return;
    this.#touched.add(state);
    const at = state.claimants.findIndex((one) => one.peer === peer);
    if (term === undefined) {
      if (at < 0) return;
      state.claimants.splice(at, 1);
      state.last = { from: peer.name, cause: 'handover', detected: now };
      return;
    }
    const known = state.claimants[at];
    if (known) known.term = term;
    else state.claimants.push({ peer, term });
    state.seen = Math.max(state.seen, term);
  }

  /** A peer died, or left: what it had is free. */
  ended(peer: Peer, had: readonly Ip[], cause: 'death' | 'leaving', now: Milliseconds): void {
    this.#candidatesChanged = true;
    const last = {
      from: peer.name,
      cause,
      detected: now,
      ...(cause === 'death' ? { lastHeard: peer.lastHeard } : {}),
    } as const;
    for (const address of had) {
      const state = this.#states.get(address);
      const at = state?.claimants.findIndex((one) => one.peer === peer) ?? -1;
      if (!state || at < 0) continue;
      state.claimants.splice(at, 1);
      if (state.claimants.length === 0) state.last = last;
      this.#touched.add(state);
    }
  }

  /** Another node offers an address to this one. */
  offered(peer: Peer, { address, term }: AddressClaim, now: Milliseconds): void {
    const state = this.#states.get(address);
    if (!state || state.own || !isEligible(state, this.#options.node) || !this.#options.mayTake()) return;
    // An old offer: it has found another one meanwhile.
    if (term < state.seen) return;
    state.seen = term;
    state.last = { from: peer.name, cause: 'handover', detected: now };
    this.#take(state, now);
  }

  /** Other nodes may own something, or may no more. */
  candidatesChanged(): void {
    this.#candidatesChanged = true;
  }

  /** Whether this node may own something has changed: the better ones have their time from here on. */
  standingChanged(): void {
    this.#candidatesChanged = true;
    for (const state of this.own.states()) this.#touched.add(state);
    for (const state of this.#free) {
      state.freeSince = undefined;
      this.#touched.add(state);
    }
  }

  /** A peer that does not hear us claims these as well. */
  disputed(addresses: Iterable<Ip>): void {
    for (const address of addresses) {
      const state = this.own.get(address);
      if (state) this.#touched.add(state);
    }
  }

  /** Lets go of everything. */
  drop(): void {
    for (const state of [...this.own.states()]) {
      this.#disown(state);
      this.#touched.add(state);
    }
  }

  /**
   * Brings everything in line with what happened. @param allRead nothing that arrived is unread: only then is taken what
   * a better node had its time to take, for it may have said so.
   */
  run(now: Milliseconds, allRead: boolean): void {
    for (const state of this.#released) {
      if (now - (state.own?.releasedAt ?? now) < RELEASED) continue;
      this.#released.delete(state);
      if (state.own) this.#disown(state);
      this.#touched.add(state);
    }
    for (const state of this.#touched) this.#decide(state, now, allRead);
    this.#touched.clear();
    if (this.#candidatesChanged || (allRead && now >= this.#nextTake)) this.#contend(now, allRead);
    if (this.#candidatesChanged || now >= this.#nextOffer) this.#handOver(now);
    this.#candidatesChanged = false;
  }

  deadline(): Milliseconds {
    let first = Math.min(this.#nextTake, this.#nextOffer);
    for (const { own } of this.#released) first = Math.min(first, (own?.releasedAt ?? 0) + RELEASED);
    return first;
  }

  /** Those that the others have not been told. */
  takeOffers(): AddressOffer[] {
    const offers = this.#offersOf(this.#offered);
    this.#offered.clear();
    return offers;
  }

  /** All that stand. */
  offers(): AddressOffer[] {
    return this.#offersOf(this.#leaving);
  }

  #offersOf(states: Iterable<AddressState>): AddressOffer[] {
    const offers: AddressOffer[] = [];
    for (const { address, own } of states) {
      const to = own?.offer && this.#options.membership.named(own.offer.to);
      if (own && to) offers.push({ address, term: own.term, to: to.hash });
    }
    return offers;
  }

  #state(address: Ip): AddressState {
    const known = this.#states.get(address);
    if (known) return known;
    const made = newAddressState(address);
    this.#states.set(address, made);
    return made;
  }

  #decide(state: AddressState, now: Milliseconds, allRead: boolean): void {
    const { address } = state;
    if (state.own && state.claimants.length > 0) {
      if (this.#yields(state, now)) this.#disown(state);
      // Whoever claims it too may not have heard that it is ours.
      else this.own.tellAgain(address);
    }
    this.#review(state, now);
    const isFree = state.eligible !== undefined && !state.own && state.claimants.length === 0;
    if (isFree) {
      state.freeSince ??= now;
      state.takeAt = this.#takeAt(state);
      if (this.#mayTakeNow(state, now, allRead)) return this.#take(state, now);
      this.#free.add(state);
      this.#nextTake = Math.min(this.#nextTake, state.takeAt);
    } else {
      state.freeSince = undefined;
      this.#free.delete(state);
    }
    this.#note(state, now);
    if (state.eligible === undefined && !state.own && state.claimants.length === 0) this.#states.delete(address);
  }

  /** Tells if the owner is another one. */
  #note(state: AddressState, now: Milliseconds): void {
    const { address, owner, own } = state;
    const best = this.#best(state);
    const { node } = this.#options;
    const mine = own && own.releasedAt === undefined ? { node, term: own.term } : undefined;
    const next = mine ?? best;
    if (owner?.node === next?.node && owner?.term === next?.term) return;
    state.owner = next && { ...next, since: mine && own ? own.since : now };
    this.#options.tell({ do: 'owner', address });
  }

  #best({ address, claimants }: AddressState): { node: string; term: number } | undefined {
    let best: { node: string; term: number } | undefined;
    for (const { peer, term } of claimants) {
      const one = { node: peer.name, term };
      if (!best || prevails(address, one, best)) best = one;
    }
    return best;
  }

  #yields(state: AddressState, now: Milliseconds): boolean {
    const { node, membership } = this.#options;
    const { own, address, claimants } = state;
    if (!own) return false;
    return claimants.some(({ peer, term }) => {
      if (prevails(address, { node: peer.name, term }, { node, term: own.term })) return true;
      // It cannot hear that we have it, so it will not let go: whoever can hear the other one does.
      return membership.isDeaf(peer, now) && !membership.hasWayTo(peer, now);
    });
  }

  #contend(now: Milliseconds, allRead: boolean): void {
    this.#nextTake = Number.POSITIVE_INFINITY;
    for (const state of [...this.#free]) {
      if (this.#candidatesChanged) state.takeAt = this.#takeAt(state);
      if (this.#mayTakeNow(state, now, allRead)) this.#take(state, now);
      else this.#nextTake = Math.min(this.#nextTake, state.takeAt);
    }
  }

  /** Whoever goes first waits for nobody. */
  #mayTakeNow({ takeAt, freeSince }: AddressState, now: Milliseconds, allRead: boolean): boolean {
    return now >= takeAt && (allRead || takeAt === freeSince);
  }

  #takeAt(state: AddressState): Milliseconds {
    const { node, mayTake, interval } = this.#options;
    if (!mayTake() || !isEligible(state, node) || state.freeSince === undefined) return Number.POSITIVE_INFINITY;
    return state.freeSince + rankAmong(state.address, node, this.#candidates(state)) * RANK_BEATS * interval;
  }

  /** Other nodes that may have it now. */
  #candidates(state: AddressState): string[] {
    const names: string[] = [];
    for (const peer of this.#options.membership.peers())
      if (peer.isCandidate && isEligible(state, peer.name)) names.push(peer.name);
    return names;
  }

  #take(state: AddressState, now: Milliseconds): void {
    const { node, tell } = this.#options;
    const { address, last } = state;
    const term = Math.min(state.seen + 1, MAX_TERM);
    state.own = { term, since: now, offer: undefined, tried: new Set(), retryAt: now, releasedAt: undefined };
    state.seen = term;
    state.freeSince = undefined;
    state.last = undefined;
    this.own.add(state, term);
    this.#free.delete(state);
    if (last && last.from !== node) tell({ do: 'takeover', takeover: { address, ...last, decided: now } });
    this.#note(state, now);
  }

  #disown(state: AddressState): void {
    const { own } = state;
    if (!own) return;
    state.own = undefined;
    state.last = { from: this.#options.node, cause: 'handover' };
    this.own.remove(state, own.term);
    this.#leaving.delete(state);
    this.#released.delete(state);
    this.#offered.delete(state);
  }

  /** Whether what is ours is to go. */
  #review(state: AddressState, now: Milliseconds): void {
    const { own } = state;
    if (!own) return;
    const goes = own.releasedAt === undefined && (this.#options.givesAway() || !isEligible(state, this.#options.node));
    if (goes) {
      this.#leaving.add(state);
      this.#nextOffer = Math.min(this.#nextOffer, now);
    } else if (this.#leaving.delete(state)) this.#withdraw(state);
  }

  #withdraw(state: AddressState): void {
    const { own, address } = state;
    if (!own?.offer) return;
    own.offer = undefined;
    this.#offered.delete(state);
    this.#options.tell({ do: 'owner', address });
  }

  #handOver(now: Milliseconds): void {
    this.#nextOffer = Number.POSITIVE_INFINITY;
    for (const state of [...this.#leaving]) {
      const { own } = state;
      if (!own) continue;
      this.#offer(state, now);
      if (state.own) this.#nextOffer = Math.min(this.#nextOffer, own.offer?.until ?? own.retryAt);
    }
  }

  #offer(state: AddressState, now: Milliseconds): void {
    const { node, membership, tell, interval } = this.#options;
    const { own, address } = state;
    if (!own) return;
    if (own.offer) {
      if (now < own.offer.until && membership.named(own.offer.to)?.isCandidate === true) return;
      own.tried.add(own.offer.to);
    } else if (now >= own.retryAt) own.tried.clear();
    const to = firstOf(
      address,
      this.#candidates(state).filter((name) => !own.tried.has(name)),
    );
    if (to !== undefined) {
      const wasFirm = own.offer === undefined;
      own.offer = { to, until: now + OFFER_BEATS * interval };
      this.#offered.add(state);
      if (wasFirm) tell({ do: 'owner', address });
      return;
    }
    if (!isEligible(state, node)) {
      // Served from here it would go nowhere.
      this.#disown(state);
      this.#touched.add(state);
      this.#decide(state, now, false);
      return;
    }
    if (own.offer || now >= own.retryAt) own.retryAt = now + RETRY;
    this.#withdraw(state);
  }
}
