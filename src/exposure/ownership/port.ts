/** The ownership stage: which node holds an address. One owner per address, however many Services share it. */
import type { Decision } from '../../model/decision.ts';
import type { TakeoverCause } from '../../model/failover-record.ts';
import type { Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export interface Owner {
  readonly node: string;
  /** This agent's node is the owner. */
  readonly mine: boolean;
  /** ISO 8601 of the last change of owner. */
  readonly since: string;
  /** Counts changes of owner. */
  readonly term: number;
}

/** An address became this node's that had been another's. Times are of this agent's monotonic clock. */
export interface Takeover {
  readonly address: Ip;
  /** Who had it before. */
  readonly from: string;
  readonly cause: TakeoverCause;
  /** The last sign of life of `from`; absent unless it died. */
  readonly lastHeard?: Milliseconds;
  /** When `from` counted as dead, or was heard to give the address away. */
  readonly detected?: Milliseconds;
  /** When this node was sure to be the owner. */
  readonly decided: Milliseconds;
}

export interface Ownership {
  /**
   * Take part in choosing the owner of `address` among `eligible` nodes (names). This node contends only
   * if it is one of them; the owner that is no longer one of them lets go.
   */
  ensure(address: Ip, eligible: readonly string[]): Decision<Owner>;
  /** A reason to believe that another node has the address: one that could not be confirmed of late is let go. */
  doubt(address: Ip): void;
  /** No Service wants the address any more: let go of it, and forget the record if it is ours. */
  release(address: Ip): Decision;
  /** Nodes with a live agent, this one included. */
  liveNodes(): readonly string[];
  /** Nodes whose agent fell silent without a good-bye, sorted. One that ended as it should is not among them. */
  lostNodes(): readonly string[];
  /** Called with the address whose owner changed, or undefined when the live nodes did. */
  onChange(callback: (address: Ip | undefined) => void): () => void;
  /** Called when this node took an address that another one had, before `onChange` is. */
  onTakeover(callback: (takeover: Takeover) => void): () => void;
}

/** Ownership with a life: by Leases, by heartbeats. */
export interface RunningOwnership extends Ownership {
  /** Resolves when it is known who owns what, as far as that can be known. */
  start(): Promise<void>;
  /** Lets everything go, and tells the others so that they need not wait. Never rejects. */
  stop(): Promise<void>;
  /** Whether this node owns the address now, by the clock. */
  holds(address: Ip): boolean;
  /** Who its Lease says has it, as last seen. */
  recordedHolder(address: Ip): string | undefined;
}

/**
 * The Leases of one namespace, as one shared view that never goes back behind what was written here: no
 * polling, however many Leases are of interest. Times of other machines in them mean nothing here.
 */
export interface LeaseStore {
  /** Resolves once all Leases are in the view. Never rejects; shared by all who elect. */
  start(): Promise<void>;
  stop(): void;
  get(name: string): Lease | undefined;
  list(): readonly Lease[];
  /** Called after each change in the view that others made, with undefined for a deletion. */
  onChange(callback: (name: string, lease: Lease | undefined) => void): () => void;
  /** Called when the API server answers again after it had not. */
  onRecovered(callback: () => void): () => void;
  /** As the API server has it now, taken into the view. @throws KubevipError */
  read(name: string, call: LeaseCall): Promise<Lease | undefined>;
  /** `conflict`: somebody else made it first. The view holds the result. @throws KubevipError */
  create(lease: Lease, call: LeaseCall): Promise<Lease | 'conflict'>;
  /** `conflict`: it is not the version given any more, or gone. @throws KubevipError */
  replace(lease: Lease, call: LeaseCall): Promise<Lease | 'conflict'>;
  /** Deletes this very version. `conflict`: it has changed. Gone already is fine. @throws KubevipError */
  delete(lease: Lease, call: LeaseCall): Promise<'deleted' | 'conflict'>;
}

export interface LeaseCall {
  /** The call fails after this time. */
  readonly timeoutMs: Milliseconds;
}

/** Being the one that holds a Lease. */
export interface Election {
  /** Checked against the clock, not only against events: false from the moment the Lease may be another's. */
  readonly isLeader: boolean;
  /** Counts the times that holding began; it can end and begin again between two looks at `isLeader`. */
  readonly term: number;
  start(): void;
  /** Lets go: `isLeader` is false at once, the Lease is free for others when the promise resolves. Never rejects. */
  stop(): Promise<void>;
  /** Called after each change of `isLeader` or `term`. */
  onChange(callback: () => void): () => void;
}

/** How long a Lease stands without renewal, when its holder stops believing in it, and how often it renews. */
export interface LeaseTimes {
  readonly duration: Milliseconds;
  readonly renewDeadline: Milliseconds;
  readonly retryPeriod: Milliseconds;
}

/** A shared secret of the agents, as the Secret of the cluster holds it. */
export interface KeyMaterial {
  readonly key: Uint8Array;
  /** The former one, for as long as some may still sign with it. */
  readonly previous?: Uint8Array;
}

/** The Secret with the key of the heartbeats. */
export interface KeySecret {
  /**
   * Begins to watch; calls back once it is known what there is, and after each change. Undefined: there is none;
   * `unusable`: there is one without a key in it. Returns the way to stop.
   */
  watch(seen: (material: KeyMaterial | 'unusable' | undefined) => void): () => void;
  /** `exists`: somebody else was first. @throws KubevipError */
  create(material: KeyMaterial): Promise<'created' | 'exists'>;
}
