/** Drives one {@link Election} with a clock and a store: the only place where it is written to the API. */
import type { Lease } from '../../model/kubernetes.ts';
import type { Clock, Timer } from '../../model/time.ts';
import { Election, type ElectionTimes, type ElectionWrite } from './election.ts';
import type { LeaseStore } from './port.ts';

export interface ContestOptions {
  readonly name: string;
  readonly namespace: string;
  /** This node. */
  readonly identity: string;
  readonly times: ElectionTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Holder or holding changed. Called synchronously: whoever lost lets go before the next write of anybody. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

export class Contest {
  readonly election: Election;
  readonly #options: ContestOptions;
  #timer: Timer | undefined;
  #running: AbortController | undefined;
  #stopped = false;
  #told = '';

  constructor(options: ContestOptions) {
    this.#options = options;
    this.election = new Election(options.identity, options.times, options.clock.now());
    this.election.observe(options.store.get(options.name), options.clock.now());
    this.#told = this.#state();
  }

  contend(contending: boolean, patience = 0): void {
    this.election.contend(contending, patience);
    this.#step();
  }

  observe(lease: Lease | undefined): void {
    this.election.observe(lease, this.#options.clock.now());
    this.#step();
  }

  /** Gives the Lease up so that others need not wait for it to run out. */
  async release(): Promise<void> {
    const { lease, holding } = this.election;
    this.#stop();
    if (!holding || !lease?.spec) return;
    const given: Lease = { ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
    await this.#quietly((signal) => this.#options.store.replace(given, signal));
  }

  /** Nobody needs the Lease any more: deletes it if it is ours or nobody's. */
  async remove(): Promise<void> {
    const { lease } = this.election;
    const others = this.election.holder(this.#options.clock.now());
    this.#stop();
    if (!lease || (others !== undefined && others !== this.#options.identity)) return;
    await this.#quietly((signal) => this.#options.store.delete(lease, signal));
  }

  #stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#running?.abort();
    this.election.letGo();
  }

  #step(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const write = this.election.next(clock.now());
    this.#tell();
    if (write) void this.#write(write);
    this.#timer?.cancel();
    const deadline = this.election.deadline();
    if (deadline !== undefined) this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#step());
  }

  async #write(write: ElectionWrite): Promise<void> {
    const { store, clock, times } = this.#options;
    const controller = new AbortController();
    this.#running = controller;
    // An answer that comes later than this says nothing any more about who holds.
    const timer = clock.after(times.renewDeadline - times.retryPeriod, () => controller.abort());
    try {
      const lease = this.#record(write);
      const stored = await (write.kind === 'create'
        ? store.create(lease, controller.signal)
        : store.replace(lease, controller.signal));
      this.election.written(stored, clock.now());
    } catch (error) {
      this.election.failed();
      // Somebody was quicker: what the store has seen meanwhile counts.
      this.election.observe(store.get(this.#options.name), clock.now());
      if (!this.#stopped) this.#options.onError(error);
    } finally {
      timer.cancel();
      this.#running = undefined;
    }
    this.#step();
  }

  #record(write: ElectionWrite): Lease {
    const { name, namespace, identity, times, clock, labels, annotations } = this.#options;
    const now = clock.wall().toISOString().replace('Z', '000Z');
    const before = write.kind === 'replace' ? write.over : undefined;
    const kept = before?.spec?.holderIdentity === identity;
    return {
      metadata: {
        ...(before?.metadata ?? { name, namespace }),
        ...(labels ? { labels: { ...before?.metadata.labels, ...labels } } : {}),
        ...(annotations ? { annotations: { ...before?.metadata.annotations, ...annotations } } : {}),
      },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(times.duration / 1000),
        acquireTime: (kept ? before.spec.acquireTime : undefined) ?? now,
        renewTime: now,
        leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (before && !kept ? 1 : 0),
      },
    };
  }

  #tell(): void {
    const state = this.#state();
    if (state === this.#told) return;
    this.#told = state;
    this.#options.onChange();
  }

  #state(): string {
    return `${this.election.holding} ${this.election.holder(this.#options.clock.now()) ?? ''}`;
  }

  /** What is left undone here is undone by time: the Lease runs out. */
  async #quietly(call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const controller = new AbortController();
    const timer = this.#options.clock.after(this.#options.times.retryPeriod, () => controller.abort());
    try {
      await call(controller.signal);
    } catch (error) {
      this.#options.onError(error);
    } finally {
      timer.cancel();
    }
  }
}
