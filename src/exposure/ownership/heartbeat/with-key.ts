/**
 * Takes part only with a key: who cannot be heard and hears nobody would take itself for the only one, and every address
 * for free.
 */
import { pending, type Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Owner } from '../port.ts';
import { ForwardingOwnership } from './forwarding.ts';
import type { WritableKeyRing } from './key-ring.ts';
import type { HeartbeatOwnership } from './options.ts';

export function withKey(ownership: HeartbeatOwnership, keys: WritableKeyRing): HeartbeatOwnership {
  return new WithKey(ownership, keys);
}

class WithKey extends ForwardingOwnership {
  readonly #keys: WritableKeyRing;
  #stopWaiting = (): void => undefined;

  constructor(ownership: HeartbeatOwnership, keys: WritableKeyRing) {
    super(ownership);
    this.#keys = keys;
  }

  /** Begins when a key is known. Resolves at once: nothing else waits for that. */
  override async start(): Promise<void> {
    if (this.#keys.material) return this.inner.start();
    this.#stopWaiting();
    this.#stopWaiting = this.#keys.onChange(() => {
      this.#stopWaiting();
      void this.inner.start();
    });
  }

  override async stop(): Promise<void> {
    this.#stopWaiting();
    await this.inner.stop();
  }

  override ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const decision = this.inner.ensure(address, eligible);
    if (this.#keys.material) return decision;
    return pending(
      'WaitingForKey',
      `${address} waits for the key of the heartbeats (Secret kubevip-heartbeat), without which no agent trusts another`,
    );
  }
}
