/**
 * The Lease of the control-plane VIP where heartbeats decide: written by the owner after the fact and refreshed once a
 * minute, or as by election while there are control planes that are not heard: theirs may be kube-vip, or an agent that
 * elects through the Lease. A holder of those that renews it is left alone.
 */
import { ready, type Decision } from '../../model/decision.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { durationOf, holderOf, isSameRecord, releasedRecord, takenRecord } from '../../model/lease.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { OwnerRecord } from '../ownership/heartbeat/port.ts';
import { LEASE_LABELS } from '../ownership/names.ts';
import type { LeaseStore, LeaseTimes, Owner } from '../ownership/port.ts';
import type { OtherApiServers } from './port.ts';

export interface VipRecordOptions {
  readonly node: string;
  /** Its name. */
  readonly lease: string;
  readonly clock: Clock;
  readonly store: LeaseStore;
  readonly others: Pick<OtherApiServers, 'free'>;
  /** Nodes whose agents are heard, this one included. */
  readonly live: () => readonly string[];
  /** How many nodes besides this one have an API server. */
  readonly otherControlPlanes: () => number;
  /** Of the Lease while some of those are not heard. */
  readonly times: LeaseTimes;
  readonly annotations: () => Readonly<Record<string, string>>;
  readonly onError: (error: unknown) => void;
  /** After each write of this node: its store tells of those of others alone. */
  readonly onWritten?: () => void;
}

export interface VipRecord extends OwnerRecord {
  start(): Promise<void>;
  liveChanged(): void;
  /** Who renews the Lease and is not heard. */
  stranger(): string | undefined;
  onStranger(callback: () => void): () => void;
  /** Somewhere is a control plane with another agent than ours, one that is not heard, or one that died just now. */
  isAmongUnheard(): boolean;
  ownedBy(holder: string): Decision<Owner>;
}

const REFRESH: Milliseconds = 60_000;
const DURATION: Milliseconds = 180_000;
/** What only the annotations say may have changed: looked at this often, written only then. */
const LOOK: Milliseconds = 2000;
const RETRY: Milliseconds = 2000;
/** After another holder was written: by then it is heard, if it can be. */
const PATIENCE: Milliseconds = 3000;
/** What a node wrote may be seen a moment after it died: a sign of life after it fell silent is later than this. */
const IN_FLIGHT: Milliseconds = 1000;
const STOP: Milliseconds = 1000;
const CALL = { timeoutMs: 3000 };

const LONG_AGO: Milliseconds = Number.NEGATIVE_INFINITY;

/** Records of heartbeats have a duration of their own. */
function isByElection(lease: Lease): boolean {
  return durationOf(lease, 0) !== DURATION;
}

export function createVipRecord(options: VipRecordOptions): VipRecord {
  return new OneLeaseRecord(options);
}

class OneLeaseRecord implements VipRecord {
  readonly #options: VipRecordOptions;
  readonly #callbacks = new Set<() => void>();
  #owned = false;
  #known = false;
  #stopped = false;
  /** The Lease in another's name as last seen to change. */
  #seen: { readonly lease: Lease; readonly at: Milliseconds } | undefined;
  #stranger: string | undefined;
  #heard: readonly string[] = [];
  readonly #silentSince = new Map<string, Milliseconds>();
  #reviewTimer: Timer | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #writtenAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #unsubscribe = (): void => undefined;

  constructor(options: VipRecordOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { store, lease } = this.#options;
    await store.start();
    if (this.#stopped) return;
    // What stands there from before this agent began says nothing yet.
    const before = store.get(lease);
    // One that elects through the Lease has as long to show itself as its Lease stands.
    if (before) this.#seen = { lease: before, at: isByElection(before) ? this.#options.clock.now() : LONG_AGO };
    this.#known = true;
    this.#review();
    this.#unsubscribe = store.onChange((name, changed) => {
      if (name === lease) this.#observe(changed);
    });
    this.#settle();
  }

  owned(): void {
    this.#owned = true;
    this.#settle();
  }

  lost(): void {
    this.#owned = false;
  }

  /** It stays behind without a holder, as kube-vip leaves it. */
  released(): void {
    this.#owned = false;
    void this.#free();
  }

  recordedHolder(): string | undefined {
    return holderOf(this.#options.store.get(this.#options.lease));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#owned = false;
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#reviewTimer?.cancel();
    await this.#writing;
    await this.#free();
    this.#options.store.stop();
  }

  liveChanged(): void {
    const { clock, live } = this.#options;
    const heard = live();
    for (const node of this.#heard) if (!heard.includes(node)) this.#silentSince.set(node, clock.now());
    for (const node of heard) this.#silentSince.delete(node);
    this.#heard = heard;
    this.#review();
    this.#settle();
  }

  stranger(): string | undefined {
    return this.#stranger;
  }

  onStranger(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  ownedBy(holder: string): Decision<Owner> {
    const { acquireTime: since = '', leaseTransitions: term = 0 } =
      this.#options.store.get(this.#options.lease)?.spec ?? {};
    return ready(
      { node: holder, mine: false, since, term },
      'Owned',
      `${holder} renews Lease ${this.#options.lease} and is not heard: the VIP is left to it`,
    );
  }

  #observe(lease: Lease | undefined): void {
    const { clock, node } = this.#options;
    const holder = holderOf(lease);
    if (!lease || holder === undefined || holder === node) this.#seen = undefined;
    else if (!isSameRecord(this.#seen?.lease, lease)) this.#seen = { lease, at: clock.now() };
    this.#review();
    this.#settle();
  }

  #review(): void {
    const { clock, live } = this.#options;
    this.#reviewTimer?.cancel();
    const holder = holderOf(this.#seen?.lease);
    let stranger: string | undefined;
    const silentSince = this.#silentSince.get(holder ?? '') ?? LONG_AGO;
    if (
      this.#seen &&
      holder !== undefined &&
      !live().includes(holder) &&
      this.#seen.at >= silentSince + (silentSince === LONG_AGO ? 0 : IN_FLIGHT)
    ) {
      const since = this.#seen.at + (isByElection(this.#seen.lease) ? 0 : PATIENCE);
      const until = this.#seen.at + durationOf(this.#seen.lease, DURATION);
      const now = clock.now();
      if (now >= since && now < until) stranger = holder;
      const next = now < since ? since : until;
      if (next > now) this.#reviewTimer = clock.after(next - now, () => this.#review());
    }
    if (stranger === this.#stranger) return;
    this.#stranger = stranger;
    for (const callback of [...this.#callbacks]) callback();
  }

  /** Brings the Lease in line, and comes again. */
  #settle(): void {
    this.#timer?.cancel();
    if (!this.#known || this.#stopped || !this.#owned) return;
    const { clock } = this.#options;
    if (!this.#writing && this.#isDue()) {
      this.#writing = this.#write().then((done) => {
        this.#writing = undefined;
        this.#again(done ? this.#lookAfter() : RETRY);
      });
      return;
    }
    this.#timer = clock.after(this.#lookAfter(), () => this.#settle());
  }

  #lookAfter(): Milliseconds {
    return this.isAmongUnheard() ? Math.min(LOOK, this.#options.times.retryPeriod) : LOOK;
  }

  isAmongUnheard(): boolean {
    const { live, otherControlPlanes } = this.#options;
    return otherControlPlanes() > live().length - 1;
  }

  #again(delay: Milliseconds): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delay, () => this.#settle());
  }

  #isDue(): boolean {
    const { store, lease: name, node, clock, annotations, times } = this.#options;
    const lease = store.get(name);
    if (holderOf(lease) !== node || !lease) return this.#stranger === undefined;
    const [isSlow, isHurried] = [!isByElection(lease), this.isAmongUnheard()];
    if (isSlow === isHurried) return true;
    if (clock.now() - this.#writtenAt >= (isHurried ? times.retryPeriod : REFRESH)) return true;
    return Object.entries(annotations()).some(([key, value]) => lease.metadata.annotations?.[key] !== value);
  }

  /** @returns whether it was written. Never rejects. */
  async #write(): Promise<boolean> {
    const { store, lease: name, node, clock, annotations, times, onError, onWritten } = this.#options;
    const before = store.get(name);
    const metadata = before?.metadata ?? { name };
    const lease: Lease = {
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, ...LEASE_LABELS },
        annotations: { ...metadata.annotations, ...annotations() },
      },
      spec: takenRecord(before, node, clock.wall(), this.isAmongUnheard() ? times.duration : DURATION),
    };
    try {
      const result = before === undefined ? await store.create(lease, CALL) : await store.replace(lease, CALL);
      if (result === 'conflict') {
        await store.read(name, CALL);
        return false;
      }
      this.#writtenAt = clock.now();
      this.#seen = undefined;
      onWritten?.();
      return true;
    } catch (error) {
      onError(error);
      return false;
    }
  }

  /** Never rejects. */
  async #free(): Promise<void> {
    const { store, lease: name, node, clock, others, onError } = this.#options;
    const lease = store.get(name);
    if (!lease || holderOf(lease) !== node) return;
    try {
      await store.replace({ ...lease, spec: releasedRecord(lease, clock.wall()) }, { timeoutMs: STOP });
    } catch (error) {
      onError(error);
      await others.free(name, node);
    }
  }
}
