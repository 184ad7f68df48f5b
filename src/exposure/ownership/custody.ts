/**
 * Keeps addresses through an outage of the API server. Owners by Lease let go when they cannot renew, for another node
 * might have taken over; when the whole API is away nobody can, and every Service would lose its address for nothing.
 * So an address that was ours is kept until there is a reason to doubt it: another machine claims it on the LAN, its
 * link went away, or this process stood still. The other side of that: where one node alone has lost the API server,
 * the one that takes over is heard claiming the address, and the keeper is silent from that moment.
 */
import { ready, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Owner, Ownership, RunningOwnership } from './port.ts';

/** How often this process notes that it runs. */
const PULSE: Milliseconds = 500;
/** Without a note for this long it may have missed a claim. Shorter than the life of an address in the kernel. */
const STILL: Milliseconds = 1500;

/** The reason of an owner who could not confirm it of late. */
export const UNCONFIRMED = 'OwnedUnconfirmed';

export interface CustodyOptions {
  readonly clock: Clock;
  readonly ownership: RunningOwnership;
}

export function withCustody(options: CustodyOptions): RunningOwnership {
  return new Custody(options);
}

class Custody implements RunningOwnership {
  readonly #clock: Clock;
  readonly #ownership: RunningOwnership;
  /** What was ours when last confirmed, and is not in doubt. */
  readonly #ours = new Map<Ip, Owner>();
  readonly #callbacks = new Set<Parameters<Ownership['onChange']>[0]>();
  readonly #unsubscribe: () => void;
  #pulseAt: Milliseconds;
  #timer: Timer | undefined;

  constructor({ clock, ownership }: CustodyOptions) {
    this.#clock = clock;
    this.#ownership = ownership;
    this.#pulseAt = clock.now();
    this.#unsubscribe = ownership.onChange((address) => this.#tell(address));
  }

  async start(): Promise<void> {
    await this.#ownership.start();
    this.#pulse();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#ours.clear();
    await this.#ownership.stop();
    this.#unsubscribe();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const decision = this.#ownership.ensure(address, eligible);
    if (decision.state === 'ready') {
      if (decision.value.mine) this.#ours.set(address, decision.value);
      else this.#ours.delete(address);
      return decision;
    }
    this.#noteStandstill();
    const owner = this.#ours.get(address);
    // While the Lease still says so nobody has taken over by it; once it is another's, this node is none any more.
    if (!owner || !eligible.includes(owner.node) || this.recordedHolder(address) !== owner.node) {
      this.#ours.delete(address);
      return decision;
    }
    return ready(
      owner,
      UNCONFIRMED,
      `${owner.node} keeps ${address}: the API server does not answer, and no other machine claims it`,
    );
  }

  release(address: Ip): Decision {
    this.#ours.delete(address);
    return this.#ownership.release(address);
  }

  doubt(address: Ip): void {
    // What was confirmed moments ago is beyond doubt, however many frames say otherwise.
    if (this.#ownership.holds(address) || !this.#ours.delete(address)) return;
    this.#tell(address);
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

  onChange(callback: Parameters<Ownership['onChange']>[0]): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: Parameters<Ownership['onTakeover']>[0]): () => void {
    return this.#ownership.onTakeover(callback);
  }

  #pulse(): void {
    this.#noteStandstill();
    this.#pulseAt = this.#clock.now();
    this.#timer = this.#clock.after(PULSE, () => this.#pulse());
  }

  /** A process that was stopped may have slept through a takeover. */
  #noteStandstill(): void {
    if (this.#clock.now() - this.#pulseAt <= STILL) return;
    const doubtful = [...this.#ours.keys()];
    this.#ours.clear();
    for (const address of doubtful) this.#tell(address);
  }

  #tell(address: Ip | undefined): void {
    for (const callback of [...this.#callbacks]) callback(address);
  }
}
