/**
 * Takes part only with a key: who cannot be heard and hears nobody would take itself for the only one, and every address
 * for free.
 */
import { pending, type Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Owner, Takeover } from '../port.ts';
import type { WritableKeyRing } from './key-ring.ts';
import type { HeartbeatOwnership } from './options.ts';

export function withKey(ownership: HeartbeatOwnership, keys: WritableKeyRing): HeartbeatOwnership {
  return new WithKey(ownership, keys);
}

class WithKey implements HeartbeatOwnership {
  readonly #ownership: HeartbeatOwnership;
  readonly #keys: WritableKeyRing;
  #stopWaiting = (): void => undefined;

  constructor(ownership: HeartbeatOwnership, keys: WritableKeyRing) {
    this.#ownership = ownership;
    this.#keys = keys;
  }

  /** Begins when a key is known. Resolves at once: nothing else waits for that. */
  async start(): Promise<void> {
    if (this.#keys.material) return this.#ownership.start();
    this.#stopWaiting();
    this.#stopWaiting = this.#keys.onChange(() => {
      this.#stopWaiting();
      void this.#ownership.start();
    });
  }

  async stop(): Promise<void> {
    this.#stopWaiting();
    await this.#ownership.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const decision = this.#ownership.ensure(address, eligible);
    if (this.#keys.material) return decision;
    return pending(
      'WaitingForKey',
      `${address} waits for the key of the heartbeats (Secret kubevip-heartbeat), without which no agent trusts another`,
    );
  }

  release(address: Ip): Decision {
    return this.#ownership.release(address);
  }

  doubt(address: Ip): void {
    this.#ownership.doubt(address);
  }

  answers(address: Ip): boolean {
    return this.#ownership.answers(address);
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
    return this.#ownership.holds(address);
  }

  recordedHolder(address: Ip): string | undefined {
    return this.#ownership.recordedHolder(address);
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    return this.#ownership.onChange(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    return this.#ownership.onTakeover(callback);
  }
}
