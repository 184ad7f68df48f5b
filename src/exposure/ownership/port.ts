/** The ownership stage: which node holds an address. One owner per address, however many Services share it. */
import type { Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';

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
