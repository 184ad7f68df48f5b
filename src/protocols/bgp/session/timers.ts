/** HoldTimer and KeepaliveTimer of a session (RFC 4271 §4.4, §10). */
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import { jittered } from './retry.ts';
import type { Negotiated } from './negotiate.ts';

export interface SessionTimers {
  /** The peer was heard. */
  heard(now: Milliseconds): void;
  /** Whether the peer has been silent for too long. */
  expired(now: Milliseconds): boolean;
  /** Whether a keepalive has to be said now; if so, it is taken as said. */
  keepaliveDue(now: Milliseconds): boolean;
  /** @param speaking false: nothing can be said just now. */
  deadline(speaking: boolean): Milliseconds | undefined;
}

/** The first keepalive answers the peer's OPEN and is said by whoever makes these. */
export function sessionTimers({ holdTime, keepalive }: Negotiated, entropy: Entropy, now: Milliseconds): SessionTimers {
  const none = holdTime === 0;
  let hold = now + holdTime;
  let speak = now + jittered(keepalive, entropy);
  return {
    heard: (at) => {
      hold = at + holdTime;
    },
    expired: (at) => !none && at >= hold,
    keepaliveDue: (at) => {
      if (none || at < speak) return false;
      speak = at + jittered(keepalive, entropy);
      return true;
    },
    deadline: (speaking) => (none ? undefined : speaking ? Math.min(hold, speak) : hold),
  };
}
