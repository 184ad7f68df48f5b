/** One Service's lease on this node: the client machine, its timer, and what there is to say about it. */
import type { Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../../../model/time.ts';
import type { ClientInput, ClientOutput, Forms } from '../../../protocols/dhcp-client/events.ts';
import { expiryOf } from '../../../protocols/dhcp-client/lease-times.ts';
import type { DhcpLease } from '../port.ts';
import * as say from './decisions.ts';
import { OfferCheck } from './offer-check.ts';
import type { Client, SessionFacts, Version } from './version.ts';

/** A server that pings an address before it offers it needs 3.3 s; after three times that nobody is there. */
export const NO_SERVER_AFTER = 10_000;
/** How long a server that answers others may leave this Service waiting. */
const NO_OFFER_AFTER = 60_000;
/** Refusals in a row that are no accident any more. */
const REFUSALS = 3;
/** Earlier forms of a lease that are still recognised: as many as can be on their way through the API at once. */
const KNOWN = 16;
/** Longer timers overflow in Node; the machine does not mind being asked too early. */
const LONGEST_TIMER = 24 * 3_600_000;

export interface SessionParts<F extends Forms> {
  readonly version: Version<F>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  send(link: string, outgoing: F['outgoing']): void;
  /** Who uses an offered address; undefined: nobody. Without it every offer is believed. */
  readonly probe: ((link: string, ip: Ip, signal: AbortSignal) => Promise<Mac | undefined>) | undefined;
  /** Calls `begin` when this session may ask for an address. */
  turn(session: Session<F>, begin: () => void): void;
  /** Why DHCP cannot be spoken on the interface. */
  problem(link: string): string | undefined;
  /** The server heard last on the interface, by any client. */
  heard(link: string): { readonly server: Ip; readonly at: Milliseconds } | undefined;
  /** After anything that happened by itself. `news`: what `acquire` or `keep` would say now is not what was known before. */
  settled(session: Session<F>, news: boolean): void;
  log(facts: SessionFacts, output: ClientOutput<F>): void;
}

/** States of either version in which no offer has come yet. */
const WANTING: ReadonlySet<string> = new Set(['SELECTING', 'SOLICITING']);

export class Session<F extends Forms> {
  readonly facts: SessionFacts;
  readonly #parts: SessionParts<F>;
  readonly #client: Client<F>;
  /** `acquire`: until the Service carries the lease; nothing is renewed then, that is the owner's part. */
  #mode: 'acquire' | 'keep' = 'acquire';
  /** For its turn to begin. */
  #waiting = false;
  #timer: Timer | undefined;
  #begun: { readonly at: Milliseconds; readonly wall: Date };
  /** When this session began to ask for itself. */
  #askedAt: Milliseconds;
  #offer: { readonly ip: Ip; readonly server: Ip } | undefined;
  #refusal: { readonly server: Ip; readonly text: string | undefined; readonly count: number } | undefined;
  readonly #check: OfferCheck;
  /** The address that was just declined, until another one is offered. */
  #declined: { readonly lease: DhcpLease; readonly by: Mac } | undefined;
  #record: DhcpLease | undefined;
  /** Leases that were granted here, or taken up from the Service. */
  readonly #known = new Set<string>();
  /** The lease that the Service carries. */
  #shown: string | undefined;
  #lost: Decision<DhcpLease> | undefined;
  #said: Decision<DhcpLease> | undefined;

  constructor(facts: SessionFacts, parts: SessionParts<F>) {
    this.facts = facts;
    this.#parts = parts;
    this.#client = parts.version.client(facts, parts.entropy);
    const { probe } = parts;
    this.#check = new OfferCheck({
      clock: parts.clock,
      probe: probe && ((ip, signal) => probe(facts.link, ip, signal)),
      changed: () => this.#settle(),
    });
    this.#begun = { at: parts.clock.now(), wall: parts.clock.wall() };
    this.#askedAt = this.#begun.at;
  }

  acquire(): Decision<DhcpLease> {
    this.#catchUp();
    const { clock } = this.#parts;
    const over = this.#client.lease !== undefined && clock.now() >= expiryOf(this.#client.lease);
    this.#mode = 'acquire';
    const stopped = this.#client.state === 'STOPPED' && !this.#waiting;
    if (over || this.#lost !== undefined || stopped) {
      this.#begun = { at: clock.now(), wall: clock.wall() };
      [this.#offer, this.#refusal, this.#record, this.#lost] = [undefined, undefined, undefined, undefined];
      this.#declined = undefined;
      this.#check.forget();
      this.#waiting = true;
      this.#parts.turn(this, () => {
        this.#waiting = false;
        this.#askedAt = clock.now();
        this.#run({ kind: 'start' });
        this.#arm();
      });
    }
    this.#arm();
    return this.#say();
  }

  keep(lease: DhcpLease): Decision<DhcpLease> {
    this.#mode = 'keep';
    this.#waiting = false;
    this.#check.forget();
    this.#catchUp();
    // What the Service shows may be what this node had before and is just being replaced; by comparing times that could
    // not be told from a lease that a node with a slow clock took.
    const shown = nameOf(lease);
    if (shown !== this.#shown && !this.#known.has(shown)) this.#resume(lease);
    this.#shown = shown;
    this.#arm();
    return this.#say();
  }

  /** Tells the server that another machine uses the address. An acquisition goes on afterwards by itself. */
  decline(lease: DhcpLease): void {
    const held = this.#client.lease ?? this.#parts.version.fromRecord(lease, this.#parts.clock);
    if (held === undefined) return;
    const acquiring = this.#mode === 'acquire' && this.#client.state !== 'STOPPED';
    this.#check.forget();
    this.#run({ kind: 'conflict', lease: held });
    if (acquiring) this.#run({ kind: 'start' });
    else {
      this.#note(lease);
      this.#lost = say.lostByConflict(lease);
    }
    this.#settle();
  }

  /** An address that a stranger answers for is no good, however willingly the server grants it. */
  #declineIfTaken(): void {
    const held = this.#client.lease;
    if (this.#mode !== 'acquire' || held === undefined || this.#record === undefined) return;
    const verdict = this.#check.verdict(held.terms.ip);
    if (typeof verdict !== 'object') return;
    this.#declined = { lease: this.#record, by: verdict.by };
    this.#check.forget();
    this.#run({ kind: 'conflict', lease: held });
    this.#run({ kind: 'start' });
  }

  /** Gives the lease back. Only with an interface to say it on. */
  release(lease: DhcpLease): void {
    const held = this.#client.lease ?? this.#parts.version.fromRecord(lease, this.#parts.clock);
    if (held !== undefined) this.#run({ kind: 'release', lease: held });
    this.stop();
  }

  /** Nobody waits for it any more; of no further use. The lease that the Service carries stands. */
  abandon(carried: DhcpLease | undefined): void {
    this.#run({ kind: 'abandon', ...(carried === undefined ? {} : { kept: carried.ip }) });
    this.stop();
  }

  /** Silent from now on, and of no further use. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#check.forget();
    this.#client.handle({ kind: 'stop' }, this.#parts.clock.now());
  }

  /** A server's message for this client, as far as its name tells. */
  handle(reply: F['reply']): void {
    this.#run({ kind: 'message', reply });
    this.#settle();
  }

  /** There is somebody to ask, after all. */
  hurry(): void {
    if (!WANTING.has(this.#client.state)) return;
    this.#run({ kind: 'hurry' });
    this.#arm();
  }

  /** The link came back, and may lead elsewhere. A lease that nobody keeps yet is not asked about. */
  reconnected(): void {
    if (this.#mode === 'keep') this.#run({ kind: 'reconnected' });
  }

  /** The link went up or down, which changes only what is said. */
  linkChanged(): void {
    this.#settle();
  }

  /** Wants an offer and has none. */
  get wanting(): boolean {
    return this.#waiting || WANTING.has(this.#client.state);
  }

  /** Nobody has answered for so long that an answer may be going astray. */
  get unheard(): boolean {
    const asking = ['SELECTING', 'REQUESTING', 'REBOOTING'].includes(this.#client.state);
    return asking && this.#parts.clock.now() >= this.#askedAt + NO_SERVER_AFTER;
  }

  #resume(lease: DhcpLease): void {
    const { clock } = this.#parts;
    const held = this.#parts.version.fromRecord(lease, clock);
    this.#note(lease);
    this.#begun = { at: clock.now(), wall: clock.wall() };
    this.#askedAt = clock.now();
    this.#lost = held === undefined ? say.unreadable(this.facts.link) : undefined;
    if (held !== undefined) this.#run({ kind: 'resume', lease: held });
  }

  #note(lease: DhcpLease): void {
    this.#record = lease;
    this.#known.add(nameOf(lease));
    const [oldest] = this.#known;
    if (this.#known.size > KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  #toRecord(held: F['held']): DhcpLease {
    return this.#parts.version.toRecord(held, this.facts.identity, this.#parts.clock);
  }

  #run(input: ClientInput<F>): void {
    for (const output of this.#client.handle(input, this.#parts.clock.now())) this.#take(output);
  }

  #take(output: ClientOutput<F>): void {
    this.#parts.log(this.facts, output);
    switch (output.kind) {
      case 'send':
        return this.#parts.send(this.facts.link, output);
      case 'offered':
        this.#offer = output;
        this.#declined = undefined;
        this.#check.begin(output.ip);
        return;
      case 'refused':
        this.#refusal = output;
        this.#offer = undefined;
        return;
      case 'bound':
        [this.#offer, this.#refusal] = [undefined, undefined];
        this.#note(this.#toRecord(output.lease));
        if (this.#mode === 'acquire') this.#check.begin(output.lease.terms.ip);
        return;
      case 'lost': {
        const record = this.#record ?? this.#toRecord(output.lease);
        const { cause } = output;
        this.#lost =
          cause.kind === 'expired' ? say.lostByTime(record) : say.lostByRefusal(record, cause.server, cause.text);
      }
    }
  }

  /** After anything that happened by itself: next timer, and word to the reconciler if there is news. */
  #settle(): void {
    this.#declineIfTaken();
    this.#arm();
    const [before, now] = [this.#said, this.#say()];
    this.#parts.settled(this, before === undefined || !say.sameDecision(before, now));
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#parts;
    const now = clock.now();
    const { lease } = this.#client;
    const end = lease === undefined ? [] : [expiryOf(lease)];
    const marks = [this.#begun.at + NO_SERVER_AFTER, this.#begun.at + NO_OFFER_AFTER, ...end];
    const due = Math.min(this.#due(), ...marks.filter((at) => at > now));
    this.#timer =
      due === Infinity
        ? undefined
        : clock.after(Math.min(LONGEST_TIMER, Math.max(0, due - now)), () => {
            this.#catchUp();
            this.#settle();
          });
  }

  /** A busy or waking node may be asked before its timers get their turn. */
  #catchUp(): void {
    if (this.#due() <= this.#parts.clock.now()) this.#run({ kind: 'tick' });
  }

  /** When the machine wants to be called; an acquired lease that is not kept yet only runs out. */
  #due(): Milliseconds {
    const lease = this.#client.lease;
    if (this.#mode === 'acquire' && lease !== undefined) return Infinity;
    return this.#client.deadline() ?? Infinity;
  }

  #say(): Decision<DhcpLease> {
    this.#said = this.#decide();
    return this.#said;
  }

  #decide(): Decision<DhcpLease> {
    const { link, requested } = this.facts;
    const by = this.#parts.version.name;
    const now = this.#parts.clock.now();
    if (this.#lost !== undefined) return this.#lost;
    const held = this.#client.lease;
    const checking = this.#mode === 'acquire' && held !== undefined && this.#check.verdict(held.terms.ip) === 'asking';
    if (held !== undefined && this.#record !== undefined && !checking) {
      if (now >= expiryOf(held)) return say.confirming(this.#record);
      // Said of a kept lease whatever the link does: it stands, and whether it can be reached is for others to say.
      return this.#client.state === 'REBINDING' ? say.unanswered(this.#record) : say.leased(this.#record, requested);
    }
    const problem = this.#parts.problem(link);
    if (problem !== undefined) return say.noLink(by, problem);
    if (this.#refusal !== undefined && this.#refusal.count >= REFUSALS)
      return say.refused(link, this.#refusal.server, this.#refusal.count, this.#refusal.text);
    if (this.#declined !== undefined) return say.declined(this.#declined.lease, link, this.#declined.by);
    const { at, wall } = this.#begun;
    // An offer is worth a word only if nothing comes of it: every word is a write to the API server.
    if (now < at + NO_SERVER_AFTER) return say.discovering(by, link, wall, undefined);
    if (this.#offer !== undefined || this.#refusal !== undefined) return say.discovering(by, link, wall, this.#offer);
    const heard = this.#parts.heard(link);
    if (heard === undefined || heard.at < now - NO_OFFER_AFTER) return say.noServer(by, link, wall);
    return now < at + NO_OFFER_AFTER
      ? say.waitingInLine(by, link, wall, heard.server)
      : say.noOffer(by, link, wall, heard.server);
  }
}

function nameOf(lease: DhcpLease): string {
  return `${lease.ip} ${lease.acquiredAt}`;
}
