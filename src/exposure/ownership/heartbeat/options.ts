/** What ownership by heartbeat is made of, and what it offers beyond ownership by Lease. */
import type { Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { KeyedHash } from '../../../protocols/heartbeat/seal.ts';
import type { RunningOwnership } from '../port.ts';
import type { HeartbeatChannel, KeyRing, OwnerRecord, Refusal } from './port.ts';
import type { HeartbeatProfile } from './profile.ts';

export interface HeartbeatOwnershipOptions {
  /** This node. */
  readonly node: string;
  /** 64 random bits: this life of the agent. */
  readonly epoch: bigint;
  /** Hash of cluster and instance, 32 bits: others' beats are not for us. */
  readonly group: number;
  readonly profile: HeartbeatProfile;
  readonly clock: Clock;
  readonly channel: HeartbeatChannel;
  readonly keys: KeyRing;
  /** HMAC-SHA256. */
  readonly hash: KeyedHash;
  readonly record: OwnerRecord;
  /**
   * `list` (default): the nodes given to `ensure` are all that may own the address. `self`: every agent speaks for its
   * own node only, as that of the control plane does; whoever is not eligible is not ready, and keeps what it has
   * while nobody is.
   */
  readonly eligibility?: 'list' | 'self';
  /** Another machine calls itself by the name of this node. */
  readonly onClone?: () => void;
  /** A datagram that does not count, by its reason: for a metric. */
  readonly onRefused?: (reason: Refusal) => void;
}

export interface HeartbeatOwnership extends RunningOwnership {
  /**
   * Whether ARP and NS for the address may be answered now: this node owns it, is not handing it over, and has not
   * stood still. Ask at each question. An address that is not answered for may still stand in the kernel and be served.
   */
  answers(address: Ip): boolean;
  /** Hands everything over, make before break, and takes nothing until it is called with false. */
  setDraining(draining: boolean): void;
  /**
   * The same before the agent ends: resolves when everything is with others and their claims are known here, or nobody
   * takes it within a second. To be awaited before the addresses are taken off this node.
   */
  handOver(): Promise<void>;
  /** By the clock: this process has not stood still for so long that others may count it as dead. */
  readonly isSure: boolean;
}

/** The one that is next to the wire. */
export interface DrivenOwnership extends HeartbeatOwnership {
  /** No beat goes out or comes in: it is silent about what it has until it can know again who has it. */
  setCutOff(cutOff: boolean): void;
}

export interface OwnershipMachineOptions {
  /** This node. */
  readonly node: string;
  /** Random: this life of the agent. */
  readonly epoch: bigint;
  /** Hash of cluster and instance. */
  readonly group: number;
  readonly profile: HeartbeatProfile;
  /** Monotonic, as in every call. */
  readonly now: Milliseconds;
}
