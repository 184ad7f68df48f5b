/** The VIP's owner as agreed upon elsewhere than in its Lease, which is the record then. */
import type { HeartbeatOwnership } from '../../exposure/ownership/heartbeat/options.ts';
import type { Telling } from './telling.ts';

export interface VipAgreement {
  readonly ownership: HeartbeatOwnership;
  /** Whoever is not eligible keeps the VIP until another node has it. */
  readonly makesBeforeBreak: boolean;
  start(telling: Telling): void;
  /** Before the agent ends: make before break where that can be, as long as there is somebody to hand over to. */
  handOver(isHolding: () => boolean): Promise<void>;
  stop(): Promise<void>;
}
