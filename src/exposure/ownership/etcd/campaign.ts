/** Drives one candidate of an election in etcd: calls, a watch, a clock and a timer. Watches whether or not it contends. */
import type { Clock, Timer } from '../../../model/time.ts';
import type { LeaseId } from '../../../protocols/etcd/candidates.ts';
import type { LeaseTimes } from '../port.ts';
import type { EtcdElectionClient, Look } from './client.ts';
import { CampaignMachine, type CampaignInput, type CampaignOutput, type OtherLeader } from './machine.ts';

export interface CampaignOptions {
  readonly client: EtcdElectionClient;
  /** What the key says: with kube-vip and ours the node. */
  readonly id: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  /** After each change of `isLeader` or `view`. */
  readonly onChange: () => void;
  /** For the log: calls that failed. They are repeated. */
  readonly onError: (error: unknown) => void;
}

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #machine: CampaignMachine;
  #timer: Timer | undefined;
  #watch: { close(): void } | undefined;
  #watchTimer: Timer | undefined;
  #whenOut: (() => void) | undefined;
  /** Of the last call, and of the last look. */
  readonly #errors: { call?: unknown; look?: unknown } = {};
  #told = '';
  #stopped = false;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#machine = new CampaignMachine(options.times);
  }

  /** By the clock, not only by events. */
  get isLeader(): boolean {
    return this.#machine.isLeader(this.#options.clock.now());
  }

  /** Who contends, the leader first; undefined: etcd has not been heard of late. */
  get view(): Look | undefined {
    return this.#machine.view(this.#options.clock.now());
  }

  /** This candidate's own lease, while it has one. */
  get lease(): LeaseId | undefined {
    return this.#machine.lease;
  }

  /** The last leader other than this one, as last seen. */
  get other(): OtherLeader | undefined {
    return this.#machine.other;
  }

  /** What went wrong, until it works. */
  get error(): unknown {
    return this.#errors.call ?? this.#errors.look;
  }

  /** Begins to watch. */
  start(): void {
    this.#openWatch();
    this.#input({ type: 'tick' });
  }

  contend(): void {
    this.#input({ type: 'start' });
  }

  withdraw(): void {
    this.#input({ type: 'stop' });
  }

  /** Withdraws, and resolves once the place is free for others, or etcd has had its time. Never rejects. */
  async stop(): Promise<void> {
    const { promise: out, resolve } = Promise.withResolvers<undefined>();
    this.#whenOut = () => resolve(undefined);
    this.withdraw();
    await out;
    this.#stopped = true;
    this.#watch?.close();
    this.#watchTimer?.cancel();
    this.#timer?.cancel();
  }

  #input(input: CampaignInput): void {
    if (this.#stopped) return;
    for (const output of this.#machine.handle(input, this.#options.clock.now())) void this.#carryOut(output);
    this.#arm();
    this.#tell();
    if (this.#machine.isOut) this.#whenOut?.();
  }

  async #carryOut(output: CampaignOutput): Promise<void> {
    const lane = output.type === 'look' ? 'look' : 'call';
    let result: CampaignInput;
    try {
      result = await this.#call(output);
      this.#errors[lane] = undefined;
    } catch (error) {
      if (this.#stopped) return;
      this.#errors[lane] = error;
      this.#options.onError(error);
      result = { type: output.type === 'look' ? 'unseen' : 'failed' };
    }
    this.#input(result);
  }

  async #call(output: CampaignOutput): Promise<CampaignInput> {
    const { client, id, times } = this.#options;
    switch (output.type) {
      case 'grant':
        return { type: 'granted', ...(await client.grant(times.duration)) };
      case 'enter':
        return { type: await client.enter(output.lease, id) };
      case 'renew':
        return { type: await client.renew(output.lease) };
      case 'revoke':
        await client.revoke(output.lease);
        return { type: 'revoked' };
      case 'look':
        return { type: 'looked', ...(await client.look(output.own)) };
    }
  }

  #openWatch(): void {
    const { client, clock, times, onError } = this.#options;
    this.#watch = client.watch(
      () => this.#input({ type: 'stirred' }),
      (error) => {
        if (error !== undefined) onError(error);
        this.#watchTimer = clock.after(times.retryPeriod, () => this.#openWatch());
      },
    );
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    const due = this.#machine.deadline(clock.now());
    if (Number.isFinite(due))
      this.#timer = clock.after(Math.max(0, due - clock.now()), () => this.#input({ type: 'tick' }));
  }

  #tell(): void {
    const { view } = this;
    const told = JSON.stringify([this.isLeader, view?.candidates.map(({ lease, id }) => [lease, id])]);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onChange();
  }
}
