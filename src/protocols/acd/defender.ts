/**
 * Notices that another machine claims an address of ours (RFC 5227 §2.4, choice (c): keep and defend).
 *
 * A claim alone is no conflict: when an address moves, the new owner claims it while the old one still holds it. So
 * a claim is let stand for a grace period; if the address is still ours then, it is announced anew, and only a machine
 * that claims it after that is in conflict.
 */
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';

export interface DefenceTiming {
  /** From the first claim of a machine to our answer. */
  readonly grace: Milliseconds;
  /** DEFEND_INTERVAL of the RFC: two machines that both defend shall not flood the LAN. */
  readonly interval: Milliseconds;
  /** Frames on their way when we announced are not counted as an answer to it. */
  readonly settle: Milliseconds;
  /** A machine silent for that long is forgotten. */
  readonly forget: Milliseconds;
}

export const DEFENCE: DefenceTiming = { grace: 1000, interval: 10_000, settle: 100, forget: 120_000 };

/** Machines remembered for each address; more than that is an attack, and the oldest is dropped. */
const MOST = 16;

interface Claimant {
  first: Milliseconds;
  last: Milliseconds;
  /** When we announced after its claim. */
  answered: Milliseconds | undefined;
  reported: Milliseconds | undefined;
}

export interface Defender {
  /** Another machine claims the address. @returns whether it is in conflict with us: told once in `forget`. */
  claim(mac: Mac, now: Milliseconds): boolean;
  /** To be called at each deadline. @returns whether to announce now. */
  advance(now: Milliseconds): boolean;
  deadline(): Milliseconds | undefined;
}

export function createDefender(timing: DefenceTiming = DEFENCE): Defender {
  const claimants = new Map<Mac, Claimant>();
  let defended = Number.NEGATIVE_INFINITY;
  /** When the next announcement is due; undefined: nothing to defend against. */
  let due: Milliseconds | undefined;
  const wantedAt = (at: Milliseconds): void => {
    const soonest = Math.max(at, defended + timing.interval);
    due = Math.min(due ?? soonest, soonest);
  };
  const remember = (mac: Mac, now: Milliseconds): Claimant => {
    for (const [other, known] of claimants) if (now - known.last > timing.forget) claimants.delete(other);
    const known = claimants.get(mac);
    if (known) {
      known.last = now;
      return known;
    }
    const oldest = claimants.keys().next();
    if (claimants.size >= MOST && oldest.done !== true) claimants.delete(oldest.value);
    const claimant: Claimant = { first: now, last: now, answered: undefined, reported: undefined };
    claimants.set(mac, claimant);
    return claimant;
  };
  return {
    claim: (mac, now) => {
      const claimant = remember(mac, now);
      if (claimant.answered === undefined) {
        wantedAt(claimant.first + timing.grace);
        return false;
      }
      if (now < claimant.answered + timing.settle) return false;
      wantedAt(now);
      if (claimant.reported !== undefined && now - claimant.reported < timing.forget) return false;
      claimant.reported = now;
      return true;
    },
    advance: (now) => {
      if (due === undefined || now < due) return false;
      due = undefined;
      defended = now;
      for (const claimant of claimants.values()) {
        if (claimant.answered !== undefined) continue;
        if (claimant.first + timing.grace <= now) claimant.answered = now;
        else wantedAt(claimant.first + timing.grace);
      }
      return true;
    },
    deadline: () => due,
  };
}
