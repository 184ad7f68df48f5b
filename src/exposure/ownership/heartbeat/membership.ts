/**
 * Who is alive. A node is, as long as its beats come, or another one that is heard says that they come to it. A life of a
 * node counts only once it has shown that it goes on now: by naming a datagram of ours of the last moments (a new life
 * always has to), or by a clock that has gone on with ours since it did. So nothing recorded or held back counts.
 */
import type { Milliseconds } from '../../../model/time.ts';
import { nodeHash, type Heartbeat, type HeardPeer } from '../../../protocols/heartbeat/message.ts';
import { Peer } from './peer.ts';
import type { Refusal } from './port.ts';
import { timeoutOf, type HeartbeatProfile } from './profile.ts';
import { SentLog } from './sent-log.ts';

/** More machines than a home or a shop has. */
export const MAX_PEERS = 64;
/** Held back for so many timeouts a beat says nothing of now, nor does one that names a datagram of ours of that age. */
const FRESH_TIMEOUTS = 2;
/** Clocks go differently by less than this share. */
const DRIFT = 0.001;
/** Of whom nothing was heard for so long nothing is told. */
const FORGOTTEN: Milliseconds = 2000;
const MAX_AGE = 0xffff;
/** Fits one datagram beside the longest name. */
const MAX_HEARD = 64;
/** A machine with our name is told of once it was heard so often. */
const CLONE_BEATS = 3;

export type Hearing =
  | { readonly is: 'refused'; readonly reason: Refusal }
  /** Heard, and of no effect before it has shown that it goes on now. */
  | { readonly is: 'unproven'; readonly isNew: boolean }
  | { readonly is: 'clone' }
  | { readonly is: 'heard'; readonly peer: Peer };

export interface MembershipOptions {
  readonly node: string;
  readonly epoch: bigint;
  readonly group: number;
  readonly profile: HeartbeatProfile;
  /** The claims of a peer are void: it is dead, or lives anew. */
  readonly onEnd: (peer: Peer, cause: 'death' | 'leaving', now: Milliseconds) => void;
  /** It is alive again, or for the first time; or what it is ready for changed. */
  readonly onChange: (peer: Peer, now: Milliseconds) => void;
}

export class Membership {
  readonly hash: number;
  readonly log: SentLog;
  readonly #options: MembershipOptions;
  readonly #timeout: Milliseconds;
  readonly #fresh: Milliseconds;
  readonly #epochLow: number;
  readonly #byName = new Map<string, Peer>();
  readonly #byHash = new Map<number, Peer>();
  #live: readonly string[] | undefined;
  /** Until then what arrives may be old, after a standstill of this process. */
  #lateUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  #cloneEpoch: bigint | undefined;
  #cloneSequence = 0;
  #cloneBeats = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.hash = nodeHash(options.node);
    this.#timeout = timeoutOf(options.profile);
    this.#fresh = FRESH_TIMEOUTS * this.#timeout;
    this.log = new SentLog(this.#fresh);
    this.#epochLow = lowOf(options.epoch);
  }

  /** Sorted, this node included. */
  get live(): readonly string[] {
    this.#live ??= [this.#options.node, ...[...this.peers()].filter(({ live }) => live).map(({ name }) => name)].sort();
    return this.#live;
  }

  get hasPeers(): boolean {
    return this.#byName.size > 0;
  }

  peers(): IterableIterator<Peer> {
    return this.#byName.values();
  }

  named(name: string): Peer | undefined {
    return this.#byName.get(name);
  }

  hashed(hash: number): Peer | undefined {
    return this.#byHash.get(hash);
  }

  /** Fallen silent without a good-bye, sorted. */
  lost(): readonly string[] {
    const lost = [...this.peers()].filter(({ epoch, live, left }) => epoch !== undefined && !live && !left);
    return lost.map(({ name }) => name).sort();
  }

  /** Everything of a beat but its claims. */
  hear(beat: Heartbeat, now: Milliseconds): Hearing {
    const { node, group } = this.#options;
    if (beat.group !== group) return refused('another cluster');
    if (beat.node === node) return this.#ownName(beat);
    const peer = this.#byName.get(beat.node) ?? this.#admit(beat.node);
    if (!peer) return refused('too many nodes');
    const echo = beat.heard.find((one) => one.node === this.hash && one.epoch === this.#epochLow);
    const isProof = echo !== undefined && this.log.isRecent(echo.sequence, now);
    const offset = now - beat.uptime;
    if (beat.epoch === peer.epoch) {
      if (peer.left) return refused('a life that has ended');
      if (beat.sequence <= peer.sequence) return refused('repeated');
      const slack = this.#fresh + (now - peer.offsetAt) * DRIFT;
      if (!isProof && offset > peer.offset + slack) return refused('held back');
      if (offset < peer.offset || isProof) this.#clockOf(peer, offset, now);
    } else {
      if (peer.hasEnded(beat.epoch)) return refused('a life that has ended');
      if (!isProof) {
        const isNew = peer.hearNewcomer(beat.epoch, beat.sequence, now);
        return isNew === undefined ? refused('repeated') : { is: 'unproven', isNew };
      }
      this.#end(peer, 'death', now);
      peer.begin(beat.epoch);
      peer.offset = offset;
      peer.offsetAt = now;
    }
    this.#take(peer, beat, echo, now);
    return { is: 'heard', peer };
  }

  /** Finds who has fallen silent. */
  advance(now: Milliseconds): void {
    for (const peer of this.peers()) {
      if (peer.live && now >= peer.deadline) this.#end(peer, 'death', now);
    }
  }

  /** This process stood still for so long: what was not heard in that time is no sign of death. */
  excuse(lag: Milliseconds, now: Milliseconds): void {
    for (const peer of this.peers()) if (peer.live) peer.excusedAt = Math.min(now, peer.deadline - peer.timeout + lag);
    // What is read now may have waited here for as long.
    this.#lateUntil = now + this.#options.profile.interval / 2;
  }

  /** When the next one is to be taken for dead. */
  deadline(): Milliseconds {
    let first = Number.POSITIVE_INFINITY;
    for (const peer of this.peers()) if (peer.live) first = Math.min(first, peer.deadline);
    return first;
  }

  /** Whom this node hears, for its beat. */
  heard(now: Milliseconds): HeardPeer[] {
    const heard: HeardPeer[] = [];
    const add = (peer: Peer, epoch: bigint, sequence: number, at: Milliseconds, live: boolean): void => {
      if (now - at > FORGOTTEN || heard.length >= MAX_HEARD) return;
      const age = Math.min(MAX_AGE, Math.max(0, Math.round(now - at)));
      heard.push({ node: peer.hash, epoch: lowOf(epoch), sequence, age, live, synced: live && peer.claims.isSynced });
    };
    for (const peer of this.peers()) {
      if (peer.epoch !== undefined && !peer.left) add(peer, peer.epoch, peer.sequence, peer.heardAt, peer.live);
    }
    for (const peer of this.peers()) {
      for (const { epoch, sequence, heardAt } of peer.newcomers()) add(peer, epoch, sequence, heardAt, false);
    }
    return heard;
  }

  /** Somebody is heard who has not shown yet that it goes on now, or has not told all its claims. */
  isIncomplete(now: Milliseconds): boolean {
    for (const peer of this.peers()) {
      if (peer.hearsDirectly(now) && !peer.claims.isSynced) return true;
      for (const { heardAt } of peer.newcomers()) if (now - heardAt < this.#timeout) return true;
    }
    return false;
  }

  /** A live node that hears both: what this node says reaches the other through it. */
  hasWayTo(peer: Peer, now: Milliseconds): boolean {
    for (const between of this.peers()) {
      if (between === peer || !between.hearsDirectly(now)) continue;
      if (between.listsAsHeard(this.hash, now) && peer.listsAsHeard(between.hash, now)) return true;
    }
    return false;
  }

  /** A live node that hears both: what the other says reaches this node through it. */
  hasWayFrom(peer: Peer, now: Milliseconds): boolean {
    for (const between of this.peers()) {
      if (between === peer || !between.hearsDirectly(now)) continue;
      if (between.listsAsHeard(this.hash, now) && between.listsAsHeard(peer.hash, now)) return true;
    }
    return false;
  }

  /** We hear it, it does not hear us, and that is no matter of a beat. */
  isDeaf(peer: Peer, now: Milliseconds): boolean {
    return peer.hearsDirectly(now) && peer.deafSince !== undefined && now - peer.deafSince > this.#timeout;
  }

  /** Nodes heard here that another node heard here does not hear. */
  unheard(now: Milliseconds): Peer[] {
    const near = [...this.peers()].filter((peer) => peer.hearsDirectly(now));
    return near.filter((peer) => near.some((other) => other !== peer && !other.listsAsHeard(peer.hash, now)));
  }

  #take(peer: Peer, beat: Heartbeat, echo: HeardPeer | undefined, now: Milliseconds): void {
    const { onChange } = this.#options;
    peer.sequence = beat.sequence;
    const waited = now <= this.#lateUntil ? Math.max(0, now - beat.uptime - peer.offset) : 0;
    peer.heardAt = Math.max(peer.heardAt, now - waited);
    peer.indirectEpoch = lowOf(beat.epoch);
    peer.interval = beat.interval;
    peer.timeout = beat.interval * beat.missed;
    const isNews = !peer.live || peer.ready !== beat.ready || peer.draining !== beat.draining;
    peer.ready = beat.ready;
    peer.draining = beat.draining;
    if (beat.leaving) {
      peer.left = true;
      return this.#end(peer, 'leaving', now);
    }
    if (!peer.live) this.#revive(peer);
    if (beat.complete) this.#note(peer, beat, echo, now);
    if (isNews) onChange(peer, now);
  }

  #note(peer: Peer, beat: Heartbeat, echo: HeardPeer | undefined, now: Milliseconds): void {
    peer.lists.clear();
    for (const entry of beat.heard) {
      if (!entry.live) continue;
      peer.lists.set(entry.node, now - entry.age);
      this.#noteIndirect(entry, now);
    }
    const hearsUs = echo !== undefined && echo.age < this.#timeout;
    peer.deafSince = hearsUs ? undefined : (peer.deafSince ?? now);
    peer.knowsOurs = hearsUs && echo.synced;
  }

  #noteIndirect(entry: HeardPeer, now: Milliseconds): void {
    const peer = this.#byHash.get(entry.node);
    if (!peer || peer.epoch === undefined) return;
    const at = now - entry.age;
    if (at <= peer.lastHeard) return;
    if (entry.epoch !== peer.indirectEpoch) {
      // It lives anew and we did not hear it: what it claimed is void. Or the other one has not noticed yet.
      if (at < peer.lastHeard + peer.interval) return;
      if (peer.live) this.#end(peer, 'death', now);
      peer.indirectEpoch = entry.epoch;
    } else if (peer.left) return;
    peer.indirectAt = at;
    // Not on the strength of what was said while it was dying.
    if (peer.live || now - at >= peer.timeout / 2) return;
    this.#revive(peer);
    this.#options.onChange(peer, now);
  }

  #revive(peer: Peer): void {
    peer.live = true;
    peer.diedAt = undefined;
    peer.deafSince = undefined;
    this.#live = undefined;
  }

  #end(peer: Peer, cause: 'death' | 'leaving', now: Milliseconds): void {
    if (!peer.live) return;
    peer.live = false;
    peer.diedAt = now;
    peer.knowsOurs = false;
    this.#live = undefined;
    this.#options.onEnd(peer, cause, now);
  }

  #clockOf(peer: Peer, offset: Milliseconds, now: Milliseconds): void {
    // With a proof the clock may have stood still for good, as that of a machine that was suspended.
    if (offset > peer.offset && offset <= peer.offset + this.#fresh) return;
    peer.offset = offset;
    peer.offsetAt = now;
  }

  #admit(name: string): Peer | undefined {
    if (this.#byName.size >= MAX_PEERS) {
      const gone = [...this.peers()].filter(({ live }) => !live).sort((a, b) => activity(a) - activity(b))[0];
      if (!gone) return undefined;
      this.#byName.delete(gone.name);
      this.#byHash.delete(gone.hash);
    }
    const peer = new Peer(name);
    this.#byName.set(name, peer);
    this.#byHash.set(peer.hash, peer);
    return peer;
  }

  /** Our own come back, a recording of an earlier life of ours, or a machine by our name. */
  #ownName(beat: Heartbeat): Hearing {
    if (beat.epoch === this.#options.epoch) return refused('our own');
    if (beat.epoch !== this.#cloneEpoch) {
      this.#cloneEpoch = beat.epoch;
      this.#cloneBeats = 0;
    } else if (beat.sequence <= this.#cloneSequence) return refused('our own name');
    this.#cloneSequence = beat.sequence;
    this.#cloneBeats++;
    return this.#cloneBeats === CLONE_BEATS ? { is: 'clone' } : refused('our own name');
  }
}

function activity(peer: Peer): Milliseconds {
  return Math.max(peer.lastHeard, ...[...peer.newcomers()].map(({ heardAt }) => heardAt));
}

function refused(reason: Refusal): Hearing {
  return { is: 'refused', reason };
}

function lowOf(epoch: bigint): number {
  return Number(epoch & 0xffffffffn);
}
