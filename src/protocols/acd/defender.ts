/**
 * Notices that another machine claims an address of ours, and makes sure of it (RFC 5227 §2.4).
 *
 * A claim alone is no conflict: when an address moves, the new owner claims it while the old one still holds it. So a
 * claim is let stand for a grace period. If the address is still ours then, the link is asked for it: whoever claims
 * it from there on, by answering or otherwise, is in conflict. While there is a conflict the question is repeated,
 * and the conflict is over once the other machine says nothing any more.
 */
import type { Mac } from '../../model/mac.ts';
import type { Milliseconds } from '../../model/time.ts';
import { FAST_PROBE } from './prober.ts';

/** Keep the address and announce it anew (choice c of the RFC), or give it up once the conflict is certain (b). */
export type ConflictPolicy = 'defend' | 'yield';

export interface DefenceTiming {
  /** From the first claim of a machine to our question. */
  readonly grace: Milliseconds;
  /** From one round of questions, or defence, to the next. DEFEND_INTERVAL: two that defend shall not flood the LAN. */
  readonly interval: Milliseconds;
  /** Frames on their way when we announced are not counted as an answer to it. */
  readonly settle: Milliseconds;
  /** A machine silent for that long, a round of questions included, is gone. Less than `interval`, so one is enough. */
  readonly gone: Milliseconds;
  /**
   * A machine that was asked for and said nothing is remembered for that long: one that answers no questions shows only
   * when it claims the address again, and is in conflict at once then.
   */
  readonly forget: Milliseconds;
  /** This process was held up for so long that it may not have read the answers: ask again. */
  readonly late: Milliseconds;
}

export const DEFENCE: DefenceTiming = {
  grace: 1000,
  interval: 10_000,
  settle: 100,
  gone: 9000,
  forget: 120_000,
  late: 500,
};

/** Machines remembered for each address; more than that is an attack. */
const MOST = 16;

export type DefenderStep =
  | { readonly do: 'announce' | 'ask' }
  /** `conflict` is told once for each machine until it is `over`. */
  | { readonly do: 'conflict' | 'over'; readonly mac: Mac };

export interface Defender {
  /** Another machine claims the address. */
  claim(mac: Mac, now: Milliseconds): readonly DefenderStep[];
  /** To be called at each deadline. */
  advance(now: Milliseconds, policy: ConflictPolicy): readonly DefenderStep[];
  deadline(): Milliseconds | undefined;
  /** Machines in conflict with us. */
  rivals(): readonly Mac[];
}

interface Claimant {
  first: Milliseconds;
  last: Milliseconds;
  /** It has been asked for since its first claim. */
  asked: boolean;
  rival: boolean;
}

export function createDefender(timing: DefenceTiming = DEFENCE): Defender {
  const claimants = new Map<Mac, Claimant>();
  /** Questions under way. */
  let round: { asked: number; next: Milliseconds } | undefined;
  let began = Number.NEGATIVE_INFINITY;
  /** When the next round begins; undefined: there is nothing to ask. */
  let due: Milliseconds | undefined;

  const wantRound = (at: Milliseconds): void => {
    const soonest = Math.max(at, began + timing.interval);
    due = Math.min(due ?? soonest, soonest);
  };
  const remember = (mac: Mac, now: Milliseconds): Claimant | undefined => {
    for (const [other, { asked, rival, last }] of claimants) {
      if (asked && !rival && now - last > timing.forget) claimants.delete(other);
    }
    const known = claimants.get(mac);
    if (known) {
      known.last = now;
      return known;
    }
    if (claimants.size >= MOST) {
      const harmless = [...claimants].find(([, { rival }]) => !rival);
      if (!harmless) return undefined;
      claimants.delete(harmless[0]);
    }
    const claimant = { first: now, last: now, asked: false, rival: false };
    claimants.set(mac, claimant);
    return claimant;
  };
  const ask = (now: Milliseconds, current: NonNullable<typeof round>): DefenderStep => {
    if (current.asked === 0) {
      for (const claimant of claimants.values()) if (claimant.first + timing.grace <= now) claimant.asked = true;
    }
    current.asked++;
    current.next = now + FAST_PROBE.interval;
    return { do: 'ask' };
  };
  const conclude = (now: Milliseconds, policy: ConflictPolicy): readonly DefenderStep[] => {
    round = undefined;
    const steps: DefenderStep[] = [];
    for (const [mac, claimant] of claimants) {
      if (!claimant.asked) {
        wantRound(claimant.first + timing.grace);
      } else if (claimant.rival && now - claimant.last <= timing.gone) {
        wantRound(began + timing.interval);
      } else if (claimant.rival) {
        claimant.rival = false;
        steps.push({ do: 'over', mac });
      }
    }
    // Who believed a claim that nobody stands up for shall know better.
    const stray = policy === 'yield' && steps.length === 0 && rivals().length === 0;
    return stray ? [{ do: 'announce' }] : steps;
  };
  const rivals = (): readonly Mac[] => [...claimants].filter(([, { rival }]) => rival).map(([mac]) => mac);

  return {
    claim: (mac, now) => {
      const claimant = remember(mac, now);
      if (!claimant || claimant.rival) return [];
      if (claimant.asked) {
        claimant.rival = true;
        if (!round) wantRound(now);
        return [{ do: 'conflict', mac }];
      }
      if (!round) wantRound(claimant.first + timing.grace);
      return [];
    },
    advance: (now, policy) => {
      if (!round) {
        if (due === undefined || now < due) return [];
        due = undefined;
        began = now;
        round = { asked: 0, next: policy === 'defend' ? now + timing.settle : now };
        if (policy === 'defend') return [{ do: 'announce' }];
      }
      if (now < round.next) return [];
      if (now > round.next + timing.late) round.asked = 0;
      return round.asked < FAST_PROBE.count ? [ask(now, round)] : conclude(now, policy);
    },
    deadline: () => round?.next ?? due,
    rivals,
  };
}
