/**
 * Owners by an election in etcd: whoever leads it has every address that is asked for. Told of to a record afterwards, as
 * ownership by heartbeat is, and of the same shape; other than that it breaks before it makes.
 */
import { failed, off, pending, ready, type Decision } from '../../../model/decision.ts';
import { messageOf } from '../../../model/errors.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Clock } from '../../../model/time.ts';
import type { Candidate } from '../../../protocols/etcd/candidates.ts';
import { callTimeout, checkLeaseTimes } from '../election/times.ts';
import type { HeartbeatOwnership } from '../heartbeat/options.ts';
import type { OwnerRecord } from '../heartbeat/port.ts';
import type { LeaseTimes, Owner, Takeover } from '../port.ts';
import { Campaign } from './campaign.ts';
import { EtcdElectionClient } from './client.ts';
import type { EtcdWire } from './port.ts';

export interface EtcdOwnershipOptions {
  /** This node, and what its key in the election says. */
  readonly node: string;
  /** Name of the election: the prefix of its keys. */
  readonly election: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly wire: EtcdWire;
  readonly record: OwnerRecord;
  /** For the log: calls that failed. They are repeated. */
  readonly onError: (error: unknown) => void;
}

/** @throws KubevipError BAD_LEASE_TIMES */
export function createEtcdOwnership(options: EtcdOwnershipOptions): HeartbeatOwnership {
  checkLeaseTimes(options.times);
  return new InEtcd(options);
}

class InEtcd implements HeartbeatOwnership {
  readonly #options: EtcdOwnershipOptions;
  readonly #campaign: Campaign;
  /** Addresses that this node may have and that are asked for. */
  readonly #wanted = new Set<Ip>();
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  readonly #takeovers = new Set<(takeover: Takeover) => void>();
  #contends = false;
  /** Addresses that the record has as this node's. */
  readonly #recorded = new Set<Ip>();
  #led = false;
  /** Another one that led just before this one did. */
  #from: string | undefined;
  /** The leader as last seen. Kept: its wall clock time shall not wander. */
  #owner: (Owner & { readonly lease: string }) | undefined;

  constructor(options: EtcdOwnershipOptions) {
    this.#options = options;
    const { node, election, times, clock, wire, onError } = options;
    this.#campaign = new Campaign({
      client: new EtcdElectionClient(wire, election, callTimeout(times)),
      id: node,
      times,
      clock,
      onChange: () => this.#changed(),
      onError,
    });
  }

  start(): Promise<void> {
    this.#campaign.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#wanted.clear();
    // What is left of the calls is one revocation: the next owner need not wait for the lease to run out.
    await Promise.all([this.#campaign.stop(), this.#options.record.stop()]);
    this.#options.wire.close();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const { node, election } = this.#options;
    if (eligible.includes(node)) this.#wanted.add(address);
    else this.#wanted.delete(address);
    this.#steer();
    const { view, error, isLeader } = this.#campaign;
    if (isLeader && this.#owner) {
      this.#write(address, this.#owner);
      return ready(this.#owner, 'Owned', `${node} owns ${address}`);
    }
    const [leader] = view?.candidates ?? [];
    if (leader && leader.id !== node && this.#owner) return ready(this.#owner, 'Owned', `${leader.id} owns ${address}`);
    if (!view || error !== undefined || (leader && leader.lease === this.#campaign.lease)) {
      const why = error === undefined ? 'it has not answered in time' : messageOf(error);
      return failed('EtcdUnreachable', `without etcd it is not certain who has ${address}: ${why}`);
    }
    if (!leader) return pending('WaitingForOwner', `nobody leads election ${election} in etcd yet`);
    return pending(
      'LeaseNotRenewed',
      `${node} leads election ${election} in etcd by a lease of an earlier run, until that runs out`,
    );
  }

  release(address: Ip): Decision {
    this.#wanted.delete(address);
    this.#steer();
    return off('Released', `nobody wants ${address}`);
  }

  /** What is held was confirmed by etcd moments ago. */
  doubt(): void {}

  liveNodes(): readonly string[] {
    const { node } = this.#options;
    const others = (this.#campaign.view?.candidates ?? []).map(({ id }) => id).filter((id) => id !== node);
    return [node, ...new Set(others)].sort();
  }

  /** etcd tells of who contends, not of who is lost. */
  lostNodes(): readonly string[] {
    return [];
  }

  holds(address: Ip): boolean {
    return this.#wanted.has(address) && this.#campaign.isLeader;
  }

  answers(address: Ip): boolean {
    return this.holds(address);
  }

  get isSure(): boolean {
    return this.#campaign.isLeader;
  }

  /** A lease is given up before another one leads: there is nothing to hand over while it is held. */
  setDraining(): void {}

  handOver(): Promise<void> {
    return Promise.resolve();
  }

  recordedHolder(address: Ip): string | undefined {
    return this.#options.record.recordedHolder(address);
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    this.#takeovers.add(callback);
    return () => void this.#takeovers.delete(callback);
  }

  #steer(): void {
    const contends = this.#wanted.size > 0;
    if (contends === this.#contends) return;
    this.#contends = contends;
    if (contends) this.#campaign.contend();
    else this.#campaign.withdraw();
  }

  #changed(): void {
    const { isLeader, view } = this.#campaign;
    const [leader] = view?.candidates ?? [];
    if (leader && this.#owner?.lease !== leader.lease) this.#owner = this.#ownerOf(leader);
    if (leader && leader.id !== this.#options.node) this.#from = leader.id;
    if (isLeader && !this.#led) this.#tellTakeovers();
    this.#led = isLeader;
    if (isLeader) for (const address of this.#wanted) if (this.#owner) this.#write(address, this.#owner);
    if (!isLeader) this.#strike(leader !== undefined && leader.id !== this.#options.node);
    for (const callback of [...this.#callbacks]) callback(undefined);
  }

  #ownerOf({ id, lease, since }: Candidate): Owner & { readonly lease: string } {
    const { node, clock } = this.#options;
    return { node: id, mine: id === node, since: clock.wall().toISOString(), term: Number(since), lease };
  }

  #write(address: Ip, owner: Owner): void {
    if (this.#recorded.has(address)) return;
    this.#recorded.add(address);
    this.#options.record.owned(address, owner);
  }

  /** @param isAnothers that one writes itself down; where nobody leads, this node is not to stand there. */
  #strike(isAnothers: boolean): void {
    for (const address of this.#recorded) this.#options.record[isAnothers ? 'lost' : 'released'](address);
    this.#recorded.clear();
  }

  #tellTakeovers(): void {
    const from = this.#campaign.other;
    const isNews = from !== undefined && from.id === this.#from;
    this.#from = undefined;
    if (!isNews) return;
    const decided = this.#options.clock.now();
    // A key goes when its lease is given up, or runs out.
    const how =
      from.runsOutAt !== undefined && decided >= from.runsOutAt
        ? ({ cause: 'death', lastHeard: from.heardAt, detected: decided } as const)
        : ({ cause: 'leaving', detected: decided } as const);
    for (const address of this.#wanted)
      for (const callback of [...this.#takeovers]) callback({ address, from: from.id, ...how, decided });
  }
}
