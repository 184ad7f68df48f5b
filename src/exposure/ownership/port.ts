/** The ownership stage: which node holds an address. One owner per address, however many Services share it. */
import type { Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';

export interface Owner {
  readonly node: string;
  /** This agent's node is the owner. */
  readonly mine: boolean;
  /** ISO 8601 of the last change of owner. */
  readonly since: string;
  /** Counts changes of owner. */
  readonly term: number;
}

export interface Ownership {
  /**
   * Take part in choosing the owner of `address` among `eligible` nodes (names). This node contends only
   * if it is one of them; the owner that is no longer one of them lets go.
   */
  ensure(address: Ip, eligible: readonly string[]): Decision<Owner>;
  /** No Service wants the address any more: let go of it, and forget the record if it is ours. */
  release(address: Ip): Decision;
  /** Nodes with a live agent, this one included. */
  liveNodes(): readonly string[];
  /** Called with the address whose owner changed, or undefined when the live nodes did. */
  onChange(callback: (address: Ip | undefined) => void): () => void;
}

/** Leases of one namespace, as the elections need them. */
export interface LeaseStore {
  /** Fails with a `conflict` when it exists. The answer is the Lease as stored. */
  create(lease: Lease, signal: AbortSignal): Promise<Lease>;
  /** Fails with a `conflict` unless `metadata.resourceVersion` is the newest. */
  replace(lease: Lease, signal: AbortSignal): Promise<Lease>;
  /** Only this very version; gone already is fine. */
  delete(lease: Lease, signal: AbortSignal): Promise<void>;
  /** The newest that was seen of a Lease. */
  get(name: string): Lease | undefined;
  list(): Lease[];
  /** Every change that is seen. */
  onChange(callback: (name: string, lease: Lease | undefined) => void): () => void;
  /** Resolves once the existing ones are known. */
  start(): Promise<void>;
  stop(): void;
}
