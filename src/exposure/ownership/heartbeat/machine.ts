/**
 * Ownership by heartbeat, without a clock, a socket or chance of its own: what is heard goes in, and what is to be done
 * comes out. Rules and bounds: docs/adr/0017-ownership-by-heartbeat.md.
 */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { Heartbeat, RelayedClaim } from '../../../protocols/heartbeat/message.ts';
import type { Eligible } from './address-state.ts';
import { Addresses } from './addresses.ts';
import { Certainty } from './certainty.ts';
import type { AddressOwner, Effect } from './effects.ts';
import { Leniency } from './leniency.ts';
import { Membership } from './membership.ts';
import { packBeats, Turn } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { OwnershipMachineOptions } from './options.ts';
import type { Refusal } from './port.ts';
import { timeoutOf, type HeartbeatProfile } from './profile.ts';

/** At the start: so many beats, and no longer than this for all to tell what they have. */
const LISTEN_BEATS = 3;
const LISTEN: Milliseconds = 1000;
/** The kernel has let go of an address by itself when the agent has stood still for so long (`announcement/lifetime.ts`). */
export const KERNEL_LIFE: Milliseconds = 2000;
/** News go at once, but not more often than this: hostile repetitions must not make us shout. */
const PACE: Milliseconds = 5;
/** Claims told again in one beat, while somebody does not know them all: a thousand in three beats. */
const PORTION = 400;
/** Of others, for those who cannot hear them. */
const RELAY_PORTION = 80;

/** Every call takes the time and returns what is to be done because of it, in order. */
export class OwnershipMachine {
  readonly #node: string;
  readonly #epoch: bigint;
  readonly #group: number;
  readonly #profile: HeartbeatProfile;
  readonly #timeout: Milliseconds;
  readonly #startedAt: Milliseconds;
  readonly #membership: Membership;
  readonly #addresses: Addresses;
  readonly #certainty: Certainty;
  readonly #leniency: Leniency;
  readonly #turn: Turn<Ip>;
  readonly #relayTurn: Turn<RelayedClaim>;
  /** Whom somebody does not hear, as of the last beat; and what of theirs is news. */
  #unheard: Peer[] = [];
  readonly #relayed: RelayedClaim[] = [];
  #ready = true;
  #draining = false;
  #left = false;
  #listening = true;
  #listenFrom: Milliseconds;
  #sequence = 0;
  #nextBeat: Milliseconds;
  #sentAt: Milliseconds;
  #urgent = false;
  #due: Milliseconds;
  #toldLive: readonly string[];
  #effects: Effect[] = [];

  constructor({ node, epoch, group, profile, now }: OwnershipMachineOptions) {
    this.#node = node;
    this.#epoch = epoch;
    this.#group = group;
    this.#profile = profile;
    this.#timeout = timeoutOf(profile);
    this.#certainty = new Certainty(this.#timeout);
    this.#leniency = new Leniency(profile);
    [this.#startedAt, this.#listenFrom, this.#nextBeat, this.#sentAt, this.#due] = [now, now, now, now, now];
    this.#membership = new Membership({
      node,
      epoch,
      group,
      profile,
      onEnd: (peer, cause, at) => this.#addresses.ended(peer, peer.claims.clear(), cause, at),
      onChange: () => {
        this.#addresses.candidatesChanged();
        this.#urgent = true; // so that a newcomer hears at once that it is heard
      },
    });
    this.#toldLive = this.#membership.live;
    this.#addresses = new Addresses({
      node,
      interval: profile.interval,
      membership: this.#membership,
      mayTake: () => this.#ready && !this.#draining && !this.#left && !this.#listening && this.#certainty.isSure,
      givesAway: () => this.#draining || !this.#ready,
      tell: (effect) => void this.#effects.push(effect),
    });
    this.#turn = new Turn(() => this.#addresses.own.addresses());
    this.#relayTurn = new Turn(() => this.#unheard.flatMap((peer) => this.#claimsOf(peer)));
  }

  /** Takes in a beat, authenticated and decoded. @returns why it has no effect, for a metric */
  receive(beat: Heartbeat, now: Milliseconds): { effects: readonly Effect[]; refused?: Refusal } {
    if (this.#left) return { effects: [], refused: 'this node has left' };
    this.#awake(now);
    const hearing = this.#membership.hear(beat, now);
    if (hearing.is === 'unproven' && hearing.isNew) this.#urgent = true;
    if (hearing.is === 'clone') this.#effects.push({ do: 'clone' });
    if (hearing.is === 'heard') this.#takeIn(hearing.peer, beat, now);
    const effects = this.#run(now);
    if (hearing.is === 'heard') return { effects };
    return { effects, refused: hearing.is === 'refused' ? hearing.reason : hearing.is };
  }

  /**
   * Timers: to be called when {@link deadline} is due. After a standstill everything that has arrived must be given to
   * {@link receive} first.
   */
  advance(now: Milliseconds): readonly Effect[] {
    if (this.#left) return [];
    this.#awake(now);
    this.#membership.advance(now);
    if (this.#certainty.settle(now)) {
      this.#effects.push({ do: 'sure' });
      this.#addresses.standingChanged();
    }
    return this.#run(now, true);
  }

  /** A Service, or the control plane, wants the address on one of these nodes. */
  want(address: Ip, eligible: Eligible, now: Milliseconds): readonly Effect[] {
    if (this.#left) return [];
    this.#awake(now);
    this.#addresses.want(address, eligible);
    return this.#run(now);
  }

  /** Nobody wants the address any more. */
  release(address: Ip, now: Milliseconds): readonly Effect[] {
    if (this.#left) return [];
    this.#awake(now);
    this.#addresses.release(address, now);
    return this.#run(now);
  }

  /** Whether this node may have anything at all. Not ready it gives away what it has, if anybody else is ready. */
  setReady(ready: boolean, now: Milliseconds): readonly Effect[] {
    if (this.#left || ready === this.#ready) return [];
    this.#awake(now);
    this.#ready = ready;
    return this.#standingChanged(now);
  }

  /** Hands everything over, and takes nothing. */
  setDraining(draining: boolean, now: Milliseconds): readonly Effect[] {
    if (this.#left || draining === this.#draining) return [];
    this.#awake(now);
    this.#draining = draining;
    return this.#standingChanged(now);
  }

  /**
   * No beat goes out or comes in, for the link is down, say. Others that this node has heard of take what it has: it
   * answers nothing and takes nothing meanwhile, nor afterwards until they have had time to say so.
   */
  setCutOff(cutOff: boolean, now: Milliseconds): readonly Effect[] {
    if (this.#left || cutOff === this.#certainty.isCutOff) return [];
    // Who has always been alone goes on as it was.
    if (cutOff && !this.#membership.hasPeers) return [];
    this.#awake(now);
    this.#certainty.cutOff(cutOff, now);
    if (!cutOff) this.#addresses.own.tellAllAgain();
    this.#effects.push({ do: 'sure' });
    return this.#standingChanged(now);
  }

  /** The last word: lets everything go and says so. May be said again, for it may be lost. */
  leave(now: Milliseconds): readonly Effect[] {
    this.#left = true;
    this.#addresses.drop();
    this.#addresses.run(now, false);
    this.#flush(now, false);
    return this.#out();
  }

  /** When {@link advance} is to be called. May be in the past. */
  deadline(): Milliseconds {
    return this.#left ? Number.POSITIVE_INFINITY : this.#due;
  }

  /** Who owns the address, as far as this node knows. */
  owner(address: Ip): AddressOwner | undefined {
    return this.#addresses.owner(address);
  }

  /** Nodes with a live agent, this one included; sorted. The same array until that changes. */
  live(): readonly string[] {
    return this.#membership.live;
  }

  /** Nodes whose agent fell silent without a good-bye; sorted. */
  lost(): readonly string[] {
    return this.#membership.lost();
  }

  /** Listening to the others before anything is taken, as at the start. */
  get isListening(): boolean {
    return this.#listening;
  }

  /**
   * Others count this node as alive. False once this process stood still for so long that they may not, until they have
   * had time to say what they took: nothing may be answered or announced.
   */
  isSure(now: Milliseconds): boolean {
    return !this.#left && this.#certainty.isSure && now - this.#sentAt < this.#timeout;
  }

  /** This node owns the address, whether or not it is sure of that or handing it over. */
  isOwn(address: Ip): boolean {
    return this.#addresses.isOwn(address);
  }

  /** ARP and NS for the address may be answered, and it may be announced. */
  answers(address: Ip, now: Milliseconds): boolean {
    return this.#addresses.isFirm(address) && this.isSure(now);
  }

  /** This node owns the address and is handing it over: it serves and does not answer. */
  isHandingOver(address: Ip): boolean {
    return this.#addresses.isOwn(address) && !this.#addresses.isFirm(address);
  }

  /** At the beginning of each call: whether this process stood still, or only came late. */
  #awake(now: Milliseconds): void {
    const lag = now - this.#due;
    if (lag > this.#profile.interval / 2) this.#membership.excuse(lag, now);
    const still = now - this.#sentAt;
    if (still > KERNEL_LIFE) {
      this.#addresses.drop();
      this.#listening = true;
      this.#listenFrom = now;
      this.#certainty.forget();
      this.#sentAt = now;
      this.#effects.push({ do: 'sure' });
      this.#addresses.standingChanged();
      this.#urgent = true;
    } else if (still >= this.#timeout && this.#certainty.deadline() === Number.POSITIVE_INFINITY) {
      // Whoever took something meanwhile hears our claims and answers with its own, of a later term.
      this.#certainty.doubt(now);
      this.#addresses.own.tellAllAgain();
      this.#effects.push({ do: 'sure' });
    }
  }

  #takeIn(peer: Peer, beat: Heartbeat, now: Milliseconds): void {
    if (!peer.live) return;
    const isUnheard = this.#unheard.includes(peer);
    for (const address of peer.claims.hear(beat, now)) {
      this.#addresses.claimed(peer, address, now);
      const term = peer.claims.get(address);
      if (!isUnheard || term === undefined) continue;
      this.#relayed.push({ address, term, owner: peer.hash });
      this.#urgent = true;
    }
    for (const offer of beat.offers) {
      if (offer.to === this.#membership.hash) this.#addresses.offered(peer, offer, now);
    }
    for (const { owner, address, term } of beat.relayed) {
      const other = this.#membership.hashed(owner);
      if (!other?.live || other.hearsDirectly(now)) continue;
      if (other.claims.hearRelayed(address, term)) this.#addresses.claimed(other, address, now);
    }
  }

  #standingChanged(now: Milliseconds): readonly Effect[] {
    this.#addresses.standingChanged();
    this.#urgent = true;
    return this.#run(now);
  }

  /** @param allRead all that has arrived was given to {@link receive} */
  #run(now: Milliseconds, allRead = false): readonly Effect[] {
    this.#stopListening(now);
    this.#addresses.run(now, allRead);
    if (now >= this.#nextBeat) {
      this.#nextBeat += this.#profile.interval;
      if (this.#nextBeat <= now) this.#nextBeat = now + this.#profile.interval;
      this.#tend(now);
      this.#flush(now, true);
    } else if (this.#isUrgent && (now >= this.#sentAt + PACE || this.#hasTaken)) this.#flush(now, false);
    this.#due = this.#nextDeadline();
    return this.#out();
  }

  /** From another node, just now: said before anything is done about it, since others take what they hear nothing of. */
  get #hasTaken(): boolean {
    return this.#effects.some((effect) => effect.do === 'takeover');
  }

  get #isUrgent(): boolean {
    return this.#urgent || this.#addresses.hasNews;
  }

  #nextDeadline(): Milliseconds {
    return Math.min(
      this.#nextBeat,
      this.#membership.deadline(),
      this.#addresses.deadline(),
      this.#isUrgent ? this.#sentAt + PACE : Number.POSITIVE_INFINITY,
      this.#certainty.deadline(),
      this.#listening ? this.#listenFrom + LISTEN_BEATS * this.#profile.interval : Number.POSITIVE_INFINITY,
    );
  }

  #stopListening(now: Milliseconds): void {
    if (!this.#listening) return;
    const since = now - this.#listenFrom;
    if (since < LISTEN_BEATS * this.#profile.interval) return;
    if (since < LISTEN && this.#membership.isIncomplete(now)) return;
    this.#listening = false;
    this.#addresses.standingChanged();
    this.#effects.push({ do: 'sure' });
  }

  /** What is looked after with each beat: peers that hear one another only in part. */
  #tend(now: Milliseconds): void {
    this.#unheard = this.#membership.unheard(now);
    for (const peer of this.#membership.peers()) {
      if (this.#membership.isDeaf(peer, now)) this.#addresses.disputed(peer.claims.addresses());
      if (!peer.live || peer.hearsDirectly(now) || !this.#membership.hasWayFrom(peer, now)) continue;
      for (const address of peer.claims.expireRelayed(now)) this.#addresses.claimed(peer, address, now);
    }
  }

  #flush(now: Milliseconds, isRegular: boolean): void {
    this.#urgent = false;
    this.#leniency.sent(now - this.#sentAt, now);
    const { own } = this.#addresses;
    const news = own.takeNews();
    const offers = this.#addresses.takeOffers();
    const claims = new Map(news.changed.map((claim) => [claim.address, claim]));
    const relayed = this.#relayed.splice(0);
    if (isRegular) {
      if (this.#isSomebodyBehind(now)) {
        for (const claim of own.list(this.#turn.take(PORTION))) claims.set(claim.address, claim);
      }
      if (this.#unheard.length > 0) relayed.push(...this.#relayTurn.take(RELAY_PORTION));
    }
    const beats = packBeats(
      {
        group: this.#group,
        node: this.#node,
        epoch: this.#epoch,
        uptime: Math.floor(now - this.#startedAt),
        interval: this.#profile.interval,
        missed: this.#leniency.missed,
        ready: this.#ready,
        draining: this.#draining,
        leaving: this.#left,
        claimCount: own.count,
        claimDigest: own.digest,
      },
      {
        heard: this.#membership.heard(now),
        dropped: news.dropped,
        offers: isRegular ? this.#addresses.offers() : offers,
        claims: [...claims.values()],
        relayed,
      },
      () => ++this.#sequence,
    );
    for (const beat of beats) {
      this.#membership.log.note(beat.sequence, now);
      this.#effects.push({ do: 'send', beat });
    }
    this.#sentAt = now;
  }

  /** One that hears us does not know all our claims. Whoever is deaf cannot be told. */
  #isSomebodyBehind(now: Milliseconds): boolean {
    for (const peer of this.#membership.peers()) {
      if (peer.hearsDirectly(now) && !peer.knowsOurs && !this.#membership.isDeaf(peer, now)) return true;
    }
    return false;
  }

  #claimsOf(peer: Peer): RelayedClaim[] {
    return [...peer.claims.entries()].map(([address, term]) => ({ address, term, owner: peer.hash }));
  }

  /** Sends first: what is told to the others needs no time, what is done here does. */
  #out(): readonly Effect[] {
    const live = this.#membership.live;
    if (live !== this.#toldLive) {
      const isNews = live.join() !== this.#toldLive.join();
      this.#toldLive = live;
      if (isNews) this.#effects.push({ do: 'live' });
    }
    const effects = this.#effects;
    this.#effects = [];
    const sends = effects.filter((effect) => effect.do === 'send');
    return sends.length === 0 ? effects : [...sends, ...effects.filter((effect) => effect.do !== 'send')];
  }
}
