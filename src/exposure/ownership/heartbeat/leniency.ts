/**
 * How many of its beats a node lets others miss before it counts as dead. One that comes late with its own beats, since its
 * machine is busy and gives it no place before other programs, will again: it asks for more patience until it has been on
 * time for a while. Its own doubts after a standstill stay as they are, for who has not heard that has less patience.
 */
import type { Milliseconds } from '../../../model/time.ts';
import type { HeartbeatProfile } from './profile.ts';

/** Without another late beat. */
const RECOVERED: Milliseconds = 30_000;
/** Lateness varies: as much again is let pass. */
const MARGIN = 2;
/** At most so many times what the profile says: dead nodes are to be noticed. */
const MOST = 4;

export class Leniency {
  readonly #profile: HeartbeatProfile;
  #missed: number;
  #until: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(profile: HeartbeatProfile) {
    this.#profile = profile;
    this.#missed = profile.missed;
  }

  /** @param gap since the beat before */
  sent(gap: Milliseconds, now: Milliseconds): void {
    const { interval, missed } = this.#profile;
    if (now >= this.#until) this.#missed = missed;
    // A beat that is a little late is nothing, one that is not there at all is.
    if (gap < 2 * interval) return;
    const wanted = Math.min(MOST * missed, Math.ceil((MARGIN * gap) / interval));
    if (wanted <= missed) return;
    this.#missed = Math.max(this.#missed, wanted);
    this.#until = now + RECOVERED;
  }

  /** For the next beat. */
  get missed(): number {
    return this.#missed;
  }
}
