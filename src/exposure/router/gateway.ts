/** One router, shared by all Services behind it: what it offers, whether it is there, and whether it has forgotten us. */
import { compareIp, type Ip } from '../../model/ip.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import type { SsdpNotify } from '../../protocols/ssdp/message.ts';
import { listenToRouter } from './announcements.ts';
import type { CheckAnswer, RouterClient } from './client.ts';
import { clientOf } from './client-of.ts';
import { discover, firstClient, type Discovery, type Route } from './discovery.ts';
import type { RouterIo } from './exchange.ts';
import { unlessAborted } from './abort.ts';
import { createLimit, limited } from './limit.ts';
import { RouterMemory } from './memory.ts';
import type { MappingRecord } from './port.ts';
import { Recovery } from './recovery.ts';

/** A Service that has, or wants, ports open on this router. */
export interface GatewayUser {
  /** An address of this node to ask from. */
  readonly source: Ip;
  /** The router may have lost the mappings, or is back: make them again. */
  again(): void;
  /** The router does not answer. */
  lost(words: string): void;
  /** Another router than this one answered a search. */
  othersSeen(): void;
  /** Whether a mapping that should be there still is; undefined where there is none to look at. */
  spotCheck(): Promise<boolean> | undefined;
}

const CHECK_EVERY: Milliseconds = 60_000;
/** Signs of a restart come in flocks, and anybody on the LAN can forge them. */
const AT_MOST_EVERY: Milliseconds = 1000;
/** A flock of notifications is one sign. */
const LOOK_AFTER: Milliseconds = 500;
/** How long an empty search, and an outer address, are good for the other Services. */
const KEEP: Milliseconds = 5000;
const MAX_OTHERS = 4;

export class Gateway {
  readonly route: Route;
  readonly #io: RouterIo;
  /** RFC 6886 §3.1: one request after the other. Small routers choke on more, and answer none of them any sooner. */
  readonly #limit = createLimit();
  #answeredAt: Milliseconds = Number.NEGATIVE_INFINITY;
  readonly #memory = new RouterMemory();
  readonly #users = new Set<GatewayUser>();
  /** `at`: when it was answered; until then one question serves all. */
  readonly #addresses = new Map<string, { at: Milliseconds; readonly answer: Promise<CheckAnswer> }>();
  readonly #recovery: Recovery;
  /** Other machines that answered like a router. */
  readonly #others = new Set<Ip>();
  #discovery: Discovery | undefined;
  #search = new AbortController();
  #stopListening: (() => void) | undefined;
  #check: Timer | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #tellLater: Timer | undefined;
  #look: Timer | undefined;
  #turn = 0;

  constructor(io: RouterIo, route: Route) {
    this.#io = io;
    this.route = route;
    this.#recovery = new Recovery({
      clock: io.clock,
      search: () => this.#searchAnew(),
      found: () => this.#tellAgain(),
    });
  }

  /** From now on `user` is told. The last one to leave switches everything off. */
  join(user: GatewayUser): () => void {
    this.#users.add(user);
    this.#stopListening ??= listenToRouter(this.#io, this.route, {
      announced: (method, epoch) => this.#announced(method, epoch),
      notified: (notify) => this.#notified(notify),
    });
    this.#check ??= this.#io.clock.after(CHECK_EVERY, () => void this.#checkNow());
    return () => {
      if (this.#users.delete(user) && this.#users.size === 0) this.#sleep();
    };
  }

  /** The methods the router offers, best first, each as soon as it is known. Ends early when `signal` is aborted. */
  async *clients(source: Ip, signal: AbortSignal): AsyncGenerator<RouterClient> {
    for (const offer of this.#discover(source).offers) {
      const { client } = await unlessAborted(offer, signal, {});
      if (signal.aborted) return;
      if (client) yield this.#limited(client);
    }
  }

  #limited(client: RouterClient): RouterClient {
    return limited(client, this.#limit, () => (this.#answeredAt = this.#io.clock.now()));
  }

  /** Whether the router has said anything within this time: then whoever waits, waits for its turn. */
  hasAnsweredWithin(time: Milliseconds): boolean {
    return this.#io.clock.now() - this.#answeredAt < time;
  }

  /** Whether the search could not even be sent from this node. */
  async unsearchable(source: Ip): Promise<boolean> {
    return (await this.#discover(source).offers[0])?.local === true;
  }

  /** The client that made a mapping, without a search. Undefined for a record of another router, or a damaged one. */
  clientFor(record: MappingRecord): RouterClient | undefined {
    const client = clientOf(this.#io, this.route, record, this.#heard);
    return client && this.#limited(client);
  }

  /** The outer address by this method; asked once for all Services that want to know at the same time. */
  async externalAddress(client: RouterClient, source: Ip): Promise<Ip | undefined> {
    const known = this.#addresses.get(client.method);
    const isFresh = known !== undefined && this.#io.clock.now() - known.at < KEEP;
    const asked = isFresh ? known : { at: Number.POSITIVE_INFINITY, answer: client.check(source) };
    this.#addresses.set(client.method, asked);
    const answer = await asked.answer;
    if (!isFresh) asked.at = this.#io.clock.now();
    return answer.kind === 'alive' ? answer.externalIp : undefined;
  }

  /** Other routers of this network that were seen, and are not asked for anything. */
  get others(): readonly Ip[] {
    return [...this.#others].toSorted(compareIp);
  }

  /** A Service found that the router does not answer, or offers nothing: it is looked for until it does. */
  trouble(): void {
    if (this.#recovery.active) return;
    this.#forget();
    this.#recovery.start();
  }

  #discover(source: Ip): Discovery {
    if (this.#discovery) return this.#discovery;
    const started = discover(this.#io, this.route, source, this.#heard, {
      signal: this.#search.signal,
      other: (address) => this.#otherSeen(address),
    });
    this.#discovery = started;
    void started.ssdp.then((found) => found && this.#memory.found(found.location, found.bootId));
    void Promise.all(started.offers).then((offers) => {
      if (offers.some(({ client }) => client)) return;
      // What could not even be asked is asked again by the next one.
      const keep = offers.some(({ local }) => local) ? 0 : KEEP;
      this.#io.clock.after(keep, () => {
        if (this.#discovery === started) this.#discovery = undefined;
      });
    });
    return started;
  }

  #otherSeen(address: Ip): void {
    // Anybody can send an answer from anywhere.
    if (this.#others.has(address) || this.#others.size >= MAX_OTHERS) return;
    this.#others.add(address);
    for (const user of [...this.#users]) user.othersSeen();
  }

  /** The next question starts a new search. One under way goes on, for those who wait for it. */
  #forget(): void {
    this.#discovery = undefined;
    this.#addresses.clear();
  }

  /** From one Service's address after the other: one of them may not stand on this node any more. */
  async #searchAnew(): Promise<boolean> {
    this.#forget();
    const user = this.#nextUser();
    return user !== undefined && (await firstClient(this.#discover(user.source).offers)) !== undefined;
  }

  readonly #heard = (method: 'pcp' | 'nat-pmp', epoch: number): void => {
    if (this.#memory.answered(method, { epoch, at: this.#io.clock.now() })) this.#restarted();
  };

  /**
   * A router announces when it has started or has a new address, up to ten times within two minutes. Which of them
   * is the first of another start cannot be told: some count their epoch from the start of the machine, and a second
   * start may follow at any moment. So each of them counts; a refresh too many costs a packet.
   */
  #announced(method: 'pcp' | 'nat-pmp', epoch: number): void {
    this.#memory.announced(method, { epoch, at: this.#io.clock.now() });
    if (this.#recovery.active) this.#recovery.hurry();
    else this.#restarted();
  }

  #notified(notify: SsdpNotify): void {
    if (notify.change === 'byebye') {
      // It goes, or only its UPnP does: the search will tell.
      this.trouble();
      return;
    }
    const other = this.#memory.notified(notify);
    if (this.#recovery.active) this.#recovery.hurry();
    else if (other) this.#restarted();
    else this.#lookLater();
  }

  /**
   * A device says that it is there when it starts, and then every few minutes; without a boot id, or one in whole
   * seconds, nobody can tell the two apart. One look at one mapping can.
   */
  #lookLater(): void {
    this.#look ??= this.#io.clock.after(LOOK_AFTER, () => {
      this.#look = undefined;
      void this.#spotCheck().then((good) => {
        if (!good) this.#restarted();
      });
    });
  }

  #restarted(): void {
    const wait = this.#toldAt + AT_MOST_EVERY - this.#io.clock.now();
    if (wait <= 0) {
      this.#forget();
      this.#tellAgain();
      return;
    }
    this.#tellLater ??= this.#io.clock.after(wait, () => {
      this.#tellLater = undefined;
      this.#restarted();
    });
  }

  /** Everybody makes his mappings again. */
  #tellAgain(): void {
    this.#toldAt = this.#io.clock.now();
    for (const user of [...this.#users]) user.again();
  }

  async #checkNow(): Promise<void> {
    this.#check = this.#io.clock.after(CHECK_EVERY, () => void this.#checkNow());
    const user = this.#nextUser();
    if (!user || this.#recovery.active) return;
    const client = await firstClient(this.#discover(user.source).offers);
    if (!client || this.#users.size === 0) return;
    const answer = await client.check(user.source);
    if (this.#users.size === 0 || (answer.kind === 'unreachable' && answer.local)) return;
    if (answer.kind === 'unreachable') {
      for (const each of [...this.#users]) each.lost(answer.words);
      this.trouble();
      return;
    }
    const known = await this.#addresses.get(client.method)?.answer;
    this.#addresses.set(client.method, { at: this.#io.clock.now(), answer: Promise.resolve(answer) });
    const moved = known?.kind === 'alive' && known.externalIp !== answer.externalIp;
    if (moved || !(await this.#spotCheck())) this.#restarted();
  }

  /** One mapping each time, of one Service after the other: enough to notice a table that was emptied. */
  async #spotCheck(): Promise<boolean> {
    for (let i = 0; i < this.#users.size; i++) {
      const answer = this.#nextUser()?.spotCheck();
      if (answer) return answer;
    }
    return true;
  }

  #nextUser(): GatewayUser | undefined {
    const users = [...this.#users];
    this.#turn = (this.#turn + 1) % Math.max(users.length, 1);
    return users[this.#turn];
  }

  #sleep(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#check?.cancel();
    this.#check = undefined;
    this.#look?.cancel();
    this.#look = undefined;
    this.#recovery.stop();
    this.#tellLater?.cancel();
    this.#tellLater = undefined;
    this.#search.abort();
    this.#search = new AbortController();
    this.#forget();
  }
}
