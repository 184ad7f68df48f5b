/** What ownership by heartbeat needs from outside: a way to the other agents, their key, and somebody who takes notes. */
import type { Ip } from '../../../model/ip.ts';
import type { Owner } from '../port.ts';

/** Datagrams to and from the other agents of this cluster. Fire-and-forget: a network loses, delays and doubles. */
export interface HeartbeatChannel {
  /** To all others, at most 1400 bytes. Never throws: what cannot be sent is lost, and told elsewhere. */
  send(datagram: Uint8Array): void;
  /** What arrives, whoever sent it; our own may come back. Returns the way to stop. */
  onDatagram(callback: (datagram: Uint8Array) => void): () => void;
  /**
   * Calls back once everything that had arrived by now was given to `onDatagram`. After a standstill of this process
   * nobody may be taken for dead whose beats wait unread in the socket. In Node: after the next poll (`setImmediate`).
   */
  drain(then: () => void): void;
  close(): void;
}

/** A shared secret of the agents. */
export interface HeartbeatKey {
  /** Tells keys apart on the wire, 32 bits: `keyIdOf` in `protocols/heartbeat/seal.ts`. */
  readonly id: number;
  readonly secret: Uint8Array;
}

/** Asked at each datagram, so that a key can change while the agent runs. */
export interface KeyRing {
  /** Undefined: no key is known yet, nothing is sent. */
  readonly signing: HeartbeatKey | undefined;
  /** The signing one and others, few. */
  readonly accepted: readonly HeartbeatKey[];
}

/** Told of owners after the fact, as for the Leases that record them. Must not block or throw. */
export interface OwnerRecord {
  /** This node owns the address from now on; told again after a restart. */
  owned(address: Ip, owner: Owner): void;
  /** This node does not own it any more: another one does, and writes that itself, or nobody. */
  lost(address: Ip): void;
  /** Nobody wants the address any more; told by the node that owned it last. */
  released(address: Ip): void;
  /** Who the record says has it, as last seen. */
  recordedHolder(address: Ip): string | undefined;
  /** Everything noted is written, or cannot be within a moment. Never rejects. */
  stop(): Promise<void>;
}

/** Why a datagram has no effect: few, whatever is sent to us. */
export type Refusal =
  | 'not authentic'
  | 'malformed'
  | 'another cluster'
  | 'too many nodes'
  | 'a life that has ended'
  | 'repeated'
  | 'held back'
  | 'unproven'
  | 'our own'
  | 'our own name'
  | 'clone'
  | 'this node has left';
