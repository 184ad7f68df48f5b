/**
 * All addresses of the control-plane VIP go together: between the agents they are one thing, called by an address that
 * nobody can have. So agents agree on the owner while a name is being resolved anew, each in its time.
 */
import { pending, type Decision } from '../../model/decision.ts';
import { ip, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { ForwardingOwnership } from '../ownership/heartbeat/forwarding.ts';
import type { HeartbeatOwnership } from '../ownership/heartbeat/options.ts';
import type { Owner, Takeover } from '../ownership/port.ts';
import type { VipRecord } from './vip-record.ts';

/** The VIP, whatever its addresses are. */
const VIP = ip('0.0.0.0');

/** How long it is waited for what the Lease says: the API server may be out of reach. */
const PATIENCE: Milliseconds = 1000;

/** Whoever is heard has taken the VIP by then from a node that may not have it any more. */
const HANDED_OVER: Milliseconds = 2000;

export interface OneOwnerOptions {
  readonly ownership: HeartbeatOwnership;
  readonly record: VipRecord;
  readonly clock: Clock;
}

export function createOneOwner(options: OneOwnerOptions): HeartbeatOwnership {
  return new OneOwner(options);
}

class OneOwner extends ForwardingOwnership {
  readonly #record: VipRecord;
  readonly #clock: Clock;
  /** Addresses that are asked for. */
  readonly #wanted = new Set<Ip>();
  readonly #stops: (() => void)[] = [];
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  #isReady = false;
  /** Until this node gives up the VIP, which it may not have. */
  #leaving: Timer | undefined;
  #hasLeft = false;

  constructor({ ownership, record, clock }: OneOwnerOptions) {
    super(ownership);
    this.#clock = clock;
    this.#record = record;
  }

  override async start(): Promise<void> {
    this.#stops.push(
      this.inner.onChange((address) => {
        if (address === undefined) this.#record.liveChanged();
        this.#tell();
      }),
      this.#record.onStranger(() => this.#tell()),
    );
    const ready = (): void => {
      if (!this.#isReady) this.#isReady = true;
      this.#tell();
    };
    const patience = this.#clock.after(PATIENCE, ready);
    this.#stops.push(() => patience.cancel());
    void this.#record.start().then(ready);
    await this.inner.start();
  }

  override async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    this.#leaving?.cancel();
    this.#wanted.clear();
    await this.inner.stop();
  }

  override ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    this.#wanted.add(address);
    const stranger = this.#record.stranger();
    if (stranger !== undefined) {
      this.inner.release(VIP);
      return this.#record.ownedBy(stranger);
    }
    this.#leave(eligible.length === 0);
    if (this.#hasLeft) return pending('WaitingForOwner', `${address} is left to whoever takes the Lease`);
    const decision = this.inner.ensure(VIP, this.#isReady ? eligible : []);
    return { ...decision, message: decision.message.replaceAll(VIP, address) };
  }

  override release(address: Ip): Decision {
    this.#wanted.delete(address);
    if (this.#wanted.size === 0) this.inner.release(VIP);
    return pending('Released', `${address} is not the VIP any more`);
  }

  override doubt(): void {
    this.inner.doubt(VIP);
  }

  override answers(address: Ip): boolean {
    return this.#wanted.has(address) && this.inner.answers(VIP);
  }

  override holds(address: Ip): boolean {
    return this.#wanted.has(address) && this.inner.holds(VIP);
  }

  override recordedHolder(): string | undefined {
    return this.#record.recordedHolder(VIP);
  }

  override onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  override onTakeover(callback: (takeover: Takeover) => void): () => void {
    return this.inner.onTakeover((takeover) => {
      for (const address of this.#wanted) callback({ ...takeover, address });
    });
  }

  /** One that is not heard waits for the Lease: it is freed for that one, and the VIP is let go of. */
  #leave(wanted: boolean): void {
    if (wanted === (this.#leaving !== undefined)) return;
    this.#leaving?.cancel();
    this.#leaving = undefined;
    this.#hasLeft = false;
    if (!wanted) return;
    this.#leaving = this.#clock.after(HANDED_OVER, () => {
      if (!this.inner.holds(VIP) || !this.#record.isAmongUnheard()) return;
      this.#hasLeft = true;
      this.inner.release(VIP);
      this.#tell();
    });
  }

  #tell(): void {
    for (const callback of [...this.#callbacks]) callback(undefined);
  }
}
