/** Drives one election machine with the shared view of Leases, a clock and a timer. */
import type { Lease } from '../../../model/kubernetes.ts';
import { holderOf, releasedRecord, takenRecord } from '../../../model/lease.ts';
import type { Clock, Timer } from '../../../model/time.ts';
import { LEASE_LABELS } from '../names.ts';
import type { Election, LeaseCall, LeaseStore, LeaseTimes } from '../port.ts';
import { ElectionMachine, type ElectionInput, type ElectionOutput } from './machine.ts';
import { callTimeout, checkLeaseTimes } from './times.ts';

export interface ElectionOptions {
  /** Name of the Lease. */
  readonly name: string;
  /** Whom we write as holder: the node. A restarted agent goes on with its Lease at once. */
  readonly identity: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  /** Whether nobody could take over, so that the Lease is kept however long the API server is away. */
  readonly lenient?: () => boolean;
  /** Kept on the Lease; asked anew at each renewal. */
  readonly annotations?: () => Readonly<Record<string, string>>;
  /** Delete the Lease after giving it up, instead of leaving it without a holder. */
  readonly removeOnStop?: boolean;
  /** For the log: calls that failed. They are repeated. */
  readonly onError?: (error: unknown) => void;
}

/** @throws KubevipError BAD_LEASE_TIMES */
export function createElection(options: ElectionOptions): Election {
  checkLeaseTimes(options.times);
  return new Elector(options);
}

class Elector implements Election {
  readonly #options: ElectionOptions;
  readonly #machine: ElectionMachine;
  readonly #call: LeaseCall;
  readonly #callbacks = new Set<() => void>();
  #unsubscribe = (): void => undefined;
  #timer: Timer | undefined;
  #told = '';
  /** The call under way. */
  #pending: Promise<void> = Promise.resolve();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#machine = new ElectionMachine(options.identity, options.times);
    this.#call = { timeoutMs: callTimeout(options.times) };
  }

  get isLeader(): boolean {
    return this.#machine.isLeader(this.#options.clock.now(), this.#lenient);
  }

  get term(): number {
    return this.#machine.term;
  }

  get #lenient(): boolean {
    return this.#options.lenient?.() ?? false;
  }

  start(): void {
    const { name, store } = this.#options;
    this.#unsubscribe();
    this.#unsubscribe = store.onChange((changed, lease) => {
      if (changed === name) this.#input({ type: 'observed', lease });
    });
    this.#input({ type: 'start', lease: store.get(name) });
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#input({ type: 'stop' });
    await this.#pending;
    const { name, identity, store } = this.#options;
    const lease = store.get(name);
    if (lease && holderOf(lease) === identity) await this.#quietly(() => this.#giveUp(lease));
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  #input(input: ElectionInput): void {
    for (const output of this.#machine.handle(input, this.#options.clock.now(), this.#lenient)) {
      this.#pending = this.#carryOut(output);
    }
    this.#arm();
    this.#tell();
  }

  async #carryOut(output: ElectionOutput): Promise<void> {
    const { name, store } = this.#options;
    let result: ElectionInput;
    try {
      if (output.type === 'read') result = { type: 'read', lease: await store.read(name, this.#call) };
      else {
        const lease = await this.#write(output.before);
        result = lease === 'conflict' ? { type: 'conflict' } : { type: 'written', lease };
      }
    } catch (error) {
      this.#report(error);
      result = { type: 'failed' };
    }
    this.#input(result);
  }

  async #write(before: Lease | undefined): Promise<Lease | 'conflict'> {
    const { name, identity, times, clock, store, annotations } = this.#options;
    const metadata = before?.metadata ?? { name };
    const lease: Lease = {
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, ...LEASE_LABELS },
        ...(annotations ? { annotations: { ...metadata.annotations, ...annotations() } } : {}),
      },
      spec: takenRecord(before, identity, clock.wall(), times.duration),
    };
    return before === undefined ? store.create(lease, this.#call) : store.replace(lease, this.#call);
  }

  async #giveUp(lease: Lease): Promise<void> {
    const { clock, store, removeOnStop } = this.#options;
    // Released before it is deleted: a Lease that is only gone might still be believed in by its holder.
    const released = await store.replace({ ...lease, spec: releasedRecord(lease, clock.wall()) }, this.#call);
    if (removeOnStop && released !== 'conflict') await store.delete(released, this.#call);
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    const deadline = this.#machine.deadline(this.#lenient);
    if (deadline === undefined) return;
    this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#input({ type: 'tick' }));
  }

  #tell(): void {
    const state = this.isLeader ? `leader since term ${this.term}` : '';
    if (state === this.#told) return;
    this.#told = state;
    for (const callback of [...this.#callbacks]) callback();
  }

  async #quietly(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#report(error); // what is left undone here is undone by time: the Lease runs out
    }
  }

  #report(error: unknown): void {
    this.#options.onError?.(error);
  }
}
