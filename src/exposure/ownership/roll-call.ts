/** Keeps account of the live agents: feeds the watch into {@link NodeLiveness} and reads afresh whom it suspects. */
import type { Lease } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { callTimeout } from './election/times.ts';
import { NodeLiveness, type Passing } from './liveness.ts';
import { nodeOf, presenceNameOf } from './names.ts';
import type { LeaseStore, LeaseTimes } from './port.ts';

/** How long the Lease of a dead agent is kept. */
const BURIAL: Milliseconds = 60 * 60_000;

export interface RollCallOptions {
  readonly node: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  /** The live nodes have changed. */
  readonly onChange: () => void;
  readonly onError: (error: unknown, lease: string) => void;
}

export class RollCall {
  readonly #options: RollCallOptions;
  readonly #liveness: NodeLiveness;
  readonly #verifying = new Set<string>();
  /** Other nodes with a presence Lease, dead ones included. */
  readonly #others = new Set<string>();
  readonly #burials = new Map<string, Timer>();
  #live: readonly string[];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: RollCallOptions) {
    this.#options = options;
    this.#liveness = new NodeLiveness(options.node, options.times.duration);
    this.#live = this.#liveness.live();
  }

  /** Sorted, this node included. */
  get live(): readonly string[] {
    return this.#live;
  }

  /** Fallen silent without a good-bye; sorted. */
  get lost(): readonly string[] {
    return this.#liveness.lost();
  }

  /** How a node that is not live came to its end. */
  passing(node: string): Passing | undefined {
    return this.#liveness.passing(node);
  }

  /** No other agent has a Lease, not even a dead one that could come back without being seen. */
  get isOnly(): boolean {
    return this.#others.size === 0 && this.#live.length === 1;
  }

  /** Takes in a Lease that the watch shows. False if it is no agent's presence. */
  observe(name: string, lease: Lease | undefined): boolean {
    const node = nodeOf(name);
    if (node === undefined) return false;
    if (lease === undefined || node === this.#options.node) this.#others.delete(node);
    else this.#others.add(node);
    this.#liveness.observe(node, lease, this.#options.clock.now());
    this.#review();
    return true;
  }

  /** A node was seen to write itself into the Lease of an address. */
  signOfLife(node: string): void {
    this.#liveness.signOfLife(node, this.#options.clock.now());
    this.#review();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const burial of this.#burials.values()) burial.cancel();
  }

  #review(): void {
    if (this.#stopped) return;
    const { clock, times } = this.#options;
    for (const node of this.#liveness.suspects(clock.now())) void this.#verify(node);
    this.#timer?.cancel();
    const deadline = this.#liveness.deadline();
    if (deadline !== undefined) {
      // A suspect whose Lease cannot be read is looked into again after a while.
      const delay = Math.max(deadline - clock.now(), this.#verifying.size > 0 ? times.retryPeriod : 0);
      this.#timer = clock.after(delay, () => this.#review());
    }
    const live = this.#liveness.live();
    if (live.join() === this.#live.join()) return;
    this.#live = live;
    this.#options.onChange();
  }

  async #verify(node: string): Promise<void> {
    if (this.#verifying.has(node)) return;
    this.#verifying.add(node);
    const { store, clock, times, onError } = this.#options;
    const name = presenceNameOf(node);
    let isRead = false;
    try {
      await store.read(name, { timeoutMs: callTimeout(times) });
      isRead = true;
    } catch (error) {
      onError(error, name);
    }
    this.#verifying.delete(node);
    if (!isRead) {
      this.#liveness.unverified(node, clock.now());
      return; // still suspect; the timer asks again
    }
    // The view, for the watch may have been quicker than the answer.
    this.#liveness.verified(node, store.get(name), clock.now());
    if (!this.#stopped && !this.#liveness.isLive(node)) {
      this.#burials.get(node)?.cancel();
      this.#burials.set(
        node,
        clock.after(BURIAL, () => void this.#bury(node)),
      );
    }
    this.#review();
  }

  /** A machine that was taken away for good leaves its Lease behind; the first of the living clears it away. */
  async #bury(node: string): Promise<void> {
    this.#burials.delete(node);
    const { store, times, onError } = this.#options;
    const name = presenceNameOf(node);
    const lease = store.get(name);
    if (!lease || this.#liveness.isLive(node) || this.#live[0] !== this.#options.node) return;
    try {
      await store.delete(lease, { timeoutMs: callTimeout(times) });
      this.#others.delete(node);
    } catch (error) {
      onError(error, name);
    }
  }
}
