/**
 * All addresses of the control-plane VIP go together: between the agents they are one thing, called by an address that
 * nobody can have. So agents agree on the owner while a name is being resolved anew, each in its time.
 */
import { pending, type Decision } from '../../model/decision.ts';
import { ip, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { HeartbeatOwnership } from '../ownership/heartbeat/options.ts';
import type { Owner, Takeover } from '../ownership/port.ts';
import type { VipRecord } from './vip-record.ts';

/** The VIP, whatever its addresses are. */
const VIP = ip('0.0.0.0');

/** How long it is waited for what the Lease says: the API server may be out of reach. */
const PATIENCE: Milliseconds = 1000;

export interface OneOwnerOptions {
  readonly ownership: HeartbeatOwnership;
  readonly record: VipRecord;
  readonly clock: Clock;
}

export function createOneOwner(options: OneOwnerOptions): HeartbeatOwnership {
  return new OneOwner(options);
}

class OneOwner implements HeartbeatOwnership {
  readonly #ownership: HeartbeatOwnership;
  readonly #record: VipRecord;
  readonly #clock: Clock;
  /** Addresses that are asked for. */
  readonly #wanted = new Set<Ip>();
  readonly #stops: (() => void)[] = [];
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  #isReady = false;

  constructor({ ownership, record, clock }: OneOwnerOptions) {
    this.#clock = clock;
    this.#ownership = ownership;
    this.#record = record;
  }

  async start(): Promise<void> {
    this.#stops.push(
      this.#ownership.onChange((address) => {
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
    await this.#ownership.start();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    this.#wanted.clear();
    await this.#ownership.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    this.#wanted.add(address);
    const stranger = this.#record.stranger();
    if (stranger !== undefined) {
      this.#ownership.ensure(VIP, []);
      return this.#record.ownedBy(stranger);
    }
    const decision = this.#ownership.ensure(VIP, this.#isReady ? eligible : []);
    return { ...decision, message: decision.message.replaceAll(VIP, address) };
  }

  release(address: Ip): Decision {
    this.#wanted.delete(address);
    if (this.#wanted.size === 0) this.#ownership.release(VIP);
    return pending('Released', `${address} is not the VIP any more`);
  }

  doubt(): void {
    this.#ownership.doubt(VIP);
  }

  answers(address: Ip): boolean {
    return this.#wanted.has(address) && this.#ownership.answers(VIP);
  }

  async handOver(): Promise<void> {
    await this.#ownership.handOver();
  }

  setDraining(draining: boolean): void {
    this.#ownership.setDraining(draining);
  }

  get isSure(): boolean {
    return this.#ownership.isSure;
  }

  liveNodes(): readonly string[] {
    return this.#ownership.liveNodes();
  }

  lostNodes(): readonly string[] {
    return this.#ownership.lostNodes();
  }

  holds(address: Ip): boolean {
    return this.#wanted.has(address) && this.#ownership.holds(VIP);
  }

  recordedHolder(): string | undefined {
    return this.#record.recordedHolder(VIP);
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    return this.#ownership.onTakeover((takeover) => {
      for (const address of this.#wanted) callback({ ...takeover, address });
    });
  }

  #tell(): void {
    for (const callback of [...this.#callbacks]) callback(undefined);
  }
}
