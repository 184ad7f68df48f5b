/** What the control-plane VIP needs from outside, and what it says of itself. */
import type { Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Announced } from '../announcement/port.ts';
import type { PublishedName } from '../naming/port.ts';
import type { Owner } from '../ownership/port.ts';

/** This node's own API server. */
export interface LocalApiServer {
  /** Asks it once whether it is ready to serve, for a bounded time. `failed` says why not. Never rejects. */
  check(): Promise<Decision>;
}

/** The API servers of the other control planes. */
export interface OtherApiServers {
  /** Whether one of them is ready to serve now. `unknown`: nobody ever told who they are. Never rejects. */
  anyReady(): Promise<'ready' | 'none' | 'unknown'>;
  /** Leaves the Lease without a holder if `holder` has it, at whichever of them takes that. Never rejects. */
  free(lease: string, holder: string): Promise<void>;
}

export type { LookUp } from '../address/port.ts';

export interface VipState {
  readonly ip: Ip;
  readonly owner: Decision<Owner>;
  /** On this node. */
  readonly announced: Decision<Announced>;
}

export interface ControlPlaneState {
  /** This node's API server is ready to serve. */
  readonly api: Decision;
  /** Which addresses are the VIP. */
  readonly addresses: Decision<readonly Ip[]>;
  readonly vips: readonly VipState[];
  readonly name: Decision<PublishedName>;
}
