/** Drives the machine: time, the channel to the others and their key, and whoever wants to know of owners. */
import { failed, off, pending, ready, type Decision } from '../../../model/decision.ts';
import { DecodeError } from '../../../model/errors.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds, Timer } from '../../../model/time.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../protocols/heartbeat/codec.ts';
import type { Heartbeat } from '../../../protocols/heartbeat/message.ts';
import { seal, unseal } from '../../../protocols/heartbeat/seal.ts';
import { UNCONFIRMED } from '../custody.ts';
import type { Owner, Takeover } from '../port.ts';
import type { Effect } from './effects.ts';
import { OwnershipMachine } from './machine.ts';
import type { DrivenOwnership, HeartbeatOwnershipOptions } from './options.ts';

/** How long the others may take to take over before this node ends. */
const PATIENCE: Milliseconds = 1000;
/** The last word is said again after these times, for it may be lost. */
const LAST_WORDS: readonly Milliseconds[] = [10, 25];

export function createHeartbeatOwnership(options: HeartbeatOwnershipOptions): DrivenOwnership {
  return new ByHeartbeat(options);
}

class ByHeartbeat implements DrivenOwnership {
  readonly #options: HeartbeatOwnershipOptions;
  /** From the start on. */
  #machine: OwnershipMachine | undefined;
  /** What is wanted, for the start. */
  readonly #wanted = new Map<Ip, readonly string[]>();
  readonly #mine = new Set<Ip>();
  readonly #handingOver = new Set<Ip>();
  /** As told: its wall clock time shall not wander. */
  readonly #owners = new Map<Ip, Owner>();
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  readonly #takeovers = new Set<(takeover: Takeover) => void>();
  readonly #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  /** When it is due. */
  #timerAt: Milliseconds = 0;
  #whenEmpty: (() => void) | undefined;
  #isDraining = false;
  #isReady = true;
  /** It is time, and what has arrived is being read. */
  #isWaking = false;
  #stopped = false;

  constructor(options: HeartbeatOwnershipOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (this.#machine || this.#stopped) return Promise.resolve();
    const { node, epoch, group, profile, channel } = this.#options;
    const now = this.#now;
    const machine = new OwnershipMachine({ node, epoch, group, profile, now });
    this.#machine = machine;
    this.#stops.push(channel.onDatagram((datagram) => this.#heard(datagram)));
    this.#perform([...machine.setReady(this.#isReady, now), ...machine.setDraining(this.#isDraining, now)]);
    for (const [address, eligible] of this.#wanted) this.#want(machine, address, eligible);
    this.#perform(machine.advance(now));
    return Promise.resolve();
  }

  async handOver(): Promise<void> {
    this.setDraining(true);
    if (this.#mine.size > 0 && this.liveNodes().length > 1) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const timer = this.#options.clock.after(PATIENCE, () => resolve(undefined));
      this.#whenEmpty = () => resolve(undefined);
      await promise;
      timer.cancel();
      this.#whenEmpty = undefined;
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    await this.handOver();
    const machine = this.#machine;
    this.#stopped = true;
    this.#timer?.cancel();
    if (machine) {
      this.#perform(machine.leave(this.#now));
      for (const delay of LAST_WORDS) {
        await this.#wait(delay);
        this.#perform(machine.leave(this.#now));
      }
    }
    for (const stop of this.#stops.splice(0)) stop();
    this.#options.channel.close();
    await this.#options.record.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const { node } = this.#options;
    this.#wanted.set(address, eligible);
    const machine = this.#machine;
    if (machine && !this.#stopped) this.#want(machine, address, eligible);
    const owner = this.#owners.get(address);
    if (owner?.mine === true) return this.#own(address, owner);
    if (owner) return ready(owner, 'Owned', `${owner.node} owns ${address}`);
    if (!machine || machine.isListening) {
      return pending('SettlingIn', `${node} listens to the other agents before it takes an address`);
    }
    const live = machine.live();
    if (!this.#isBySelf && !eligible.some((one) => live.includes(one))) {
      return failed('NoEligibleNode', `no live node may own ${address}`);
    }
    const among = this.#isBySelf ? live : eligible;
    return pending('WaitingForOwner', `choosing an owner for ${address} among ${among.join(', ')}`);
  }

  release(address: Ip): Decision {
    const { record } = this.#options;
    this.#wanted.delete(address);
    const wasMine = this.#mine.delete(address);
    if (wasMine) record.released(address);
    if (this.#machine && !this.#stopped) this.#perform(this.#machine.release(address, this.#now));
    return off('Released', `nobody wants ${address}`);
  }

  /** What is sure was agreed upon with the others moments ago, and what is not is silent: there is nothing to doubt. */
  doubt(): void {}

  liveNodes(): readonly string[] {
    return this.#machine?.live() ?? [this.#options.node];
  }

  lostNodes(): readonly string[] {
    return this.#machine?.lost() ?? [];
  }

  holds(address: Ip): boolean {
    return this.#mine.has(address) && this.isSure;
  }

  answers(address: Ip): boolean {
    return !this.#stopped && (this.#machine?.answers(address, this.#now) ?? false);
  }

  get isSure(): boolean {
    return !this.#stopped && (this.#machine?.isSure(this.#now) ?? false);
  }

  recordedHolder(address: Ip): string | undefined {
    return this.#options.record.recordedHolder(address);
  }

  setDraining(draining: boolean): void {
    this.#isDraining = draining;
    if (this.#machine) this.#perform(this.#machine.setDraining(draining, this.#now));
  }

  setCutOff(cutOff: boolean): void {
    if (this.#machine) this.#perform(this.#machine.setCutOff(cutOff, this.#now));
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    this.#takeovers.add(callback);
    return () => void this.#takeovers.delete(callback);
  }

  get #now(): Milliseconds {
    return this.#options.clock.now();
  }

  get #isBySelf(): boolean {
    return this.#options.eligibility === 'self';
  }

  #want(machine: OwnershipMachine, address: Ip, eligible: readonly string[]): void {
    if (!this.#isBySelf) return this.#perform(machine.want(address, eligible, this.#now));
    this.#isReady = eligible.includes(this.#options.node);
    this.#perform([...machine.setReady(this.#isReady, this.#now), ...machine.want(address, 'anyone', this.#now)]);
  }

  #own(address: Ip, owner: Owner): Decision<Owner> {
    if (this.#handingOver.has(address))
      return ready(owner, 'HandingOver', `${owner.node} hands ${address} over, and serves it until another one has it`);
    if (!this.isSure)
      return ready(
        owner,
        UNCONFIRMED,
        `${owner.node} stood still, and asks the others whether ${address} is still its own`,
      );
    return ready(owner, 'Owned', `${owner.node} owns ${address}`);
  }

  #heard(datagram: Uint8Array): void {
    const { keys, hash, onRefused } = this.#options;
    if (!this.#machine || this.#stopped) return;
    const body = decoded(() => unseal(datagram, keys.accepted, hash));
    if (!body) return onRefused?.('not authentic');
    const beat = decoded(() => decodeHeartbeat(body));
    if (!beat) return onRefused?.('malformed');
    const { effects, refused } = this.#machine.receive(beat, this.#now);
    if (refused !== undefined && refused !== 'our own') onRefused?.(refused);
    this.#perform(effects);
  }

  /** Nobody is taken for dead before all that arrived has been read. */
  #wake(): void {
    this.#isWaking = true;
    this.#options.channel.drain(() => {
      this.#isWaking = false;
      if (this.#machine && !this.#stopped) this.#perform(this.#machine.advance(this.#now));
    });
  }

  #arm(): void {
    const at = this.#machine && !this.#stopped && !this.#isWaking ? this.#machine.deadline() : undefined;
    if (this.#timer && at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    this.#timerAt = at;
    this.#timer = this.#options.clock.after(Math.max(0, at - this.#now), () => {
      this.#timer = undefined;
      this.#wake();
    });
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'send') this.#send(effect.beat);
      else if (effect.do === 'owner') this.#ownerOf(effect.address);
      else if (effect.do === 'takeover') this.#tellTakeover(effect.takeover);
      else if (effect.do === 'live') this.#tell(undefined);
      else if (effect.do === 'clone') this.#options.onClone?.();
    }
    this.#noteEmpty();
    this.#arm();
  }

  #send(beat: Heartbeat): void {
    const { channel, keys, hash } = this.#options;
    if (keys.signing) channel.send(seal(encodeHeartbeat(beat), keys.signing, hash));
  }

  #ownerOf(address: Ip): void {
    const machine = this.#machine;
    if (!machine) return;
    const { record } = this.#options;
    const isMine = machine.isOwn(address);
    const wasMine = this.#mine.has(address);
    this.#note(address);
    if (isMine) {
      this.#mine.add(address);
      const owner = this.#owners.get(address);
      if (!wasMine && owner) record.owned(address, owner);
    } else if (wasMine) {
      this.#mine.delete(address);
      record.lost(address);
    }
    if (machine.isHandingOver(address)) this.#handingOver.add(address);
    else this.#handingOver.delete(address);
    this.#tell(address);
  }

  #note(address: Ip): void {
    const { clock, node } = this.#options;
    const owner = this.#machine?.owner(address);
    const known = this.#owners.get(address);
    if (!owner) this.#owners.delete(address);
    else if (known?.node !== owner.node || known.term !== owner.term) {
      const since = new Date(clock.wall().getTime() - (clock.now() - owner.since)).toISOString();
      this.#owners.set(address, { node: owner.node, mine: owner.node === node, since, term: owner.term });
    }
  }

  #noteEmpty(): void {
    if (this.#mine.size === 0) this.#whenEmpty?.();
  }

  #tellTakeover(takeover: Takeover): void {
    for (const callback of [...this.#takeovers]) callback(takeover);
  }

  #tell(address: Ip | undefined): void {
    for (const callback of [...this.#callbacks]) callback(address);
  }

  #wait(delay: Milliseconds): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(delay, resolve));
  }
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
