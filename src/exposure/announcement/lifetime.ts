/**
 * Keeps addresses alive in the kernel (docs/adr/0004-fencing.md): each has a short lifetime there, and only a process whose
 * event loop runs can refresh it. The work is spread out, so that a thousand addresses hold nothing up.
 */
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';

/**
 * What the kernel is told of few addresses; it counts in seconds. It drops the address up to 0.3 s later, and looks once
 * a second where several end one after the other.
 */
export type LifeSeconds = 1 | 2;
/** More addresses than this live for 2 s in any case: to refresh them twice as often is work that slow machines lack. */
const MANY = 256;
/**
 * More IPv6 addresses than this live longer, these alone: refreshing each takes the kernel the longer the more there are,
 * under a lock that all network namespaces share. At 2 s a machine where others want it too does not come round in time.
 */
const MANY_V6 = 256;
const LIFE_OF_MANY_V6 = 8;
/** Of its life: leaves 65 % for an event loop that is held up before an address is lost (and then put back). */
const REFRESH = 0.35;
/** Of its life, within which all portions are done: the next time round they fall due one after the other. */
const SPREAD = 0.3;
/** Between portions when many fall due together. */
const PAUSE: Milliseconds = 50;
/** Whoever was held up for so long may have been replaced, however long an address lives. */
const INTERRUPTED: Milliseconds = 2000;
/** At least so often it is seen that this process runs: no address that lives 2 s falls due sooner after its refresh. */
const PULSE: Milliseconds = 700;
/** Overdue ones that each new address takes along, while so many come in one tick that no timer gets its turn. */
const TAKEN_ALONG = 2;

export interface Lifetimes {
  /** What the address is to be given now, in seconds. */
  next(ip: Ip): number;
  /** Whether the lifetime given last still runs, and this process was never held up for 2 s meanwhile. */
  isRunning(ip: Ip): boolean;
  /** The address was given its lifetime, in seconds, just now: refresh it in time from here on. */
  started(ip: Ip, life: number): void;
  stop(ip: Ip): void;
  stopAll(): void;
}

interface Due {
  readonly ip: Ip;
  readonly life: Milliseconds;
  /** When it is to be refreshed. */
  readonly due: Milliseconds;
}

/**
 * @param shortest of few addresses. @param refresh gives an address its lifetime anew.
 * @param lapsed its lifetime has run out: this process was stopped, or held up, for too long. Forgotten here.
 */
export function createLifetimes(
  clock: Clock,
  shortest: LifeSeconds,
  refresh: (ip: Ip) => void,
  lapsed: (ip: Ip) => void,
): Lifetimes {
  const lives = new Map<Ip, Milliseconds>();
  /** When each was refreshed, by how long it lives from there on. Ordered: the longest untouched comes first. */
  const refreshed = new Map<Milliseconds, Map<Ip, Milliseconds>>();
  let v6 = 0;
  let timer: Timer | undefined;
  let timerDue = Number.POSITIVE_INFINITY;
  let working = false;
  let seenRunning = clock.now();
  /** What was refreshed before that counts no more. */
  let resumed = Number.NEGATIVE_INFINITY;

  /** To be called first by whatever happens here. */
  const noteRunning = (): void => {
    if (lives.size > 0 && clock.now() - seenRunning >= INTERRUPTED) resumed = clock.now();
    seenRunning = clock.now();
  };
  const next = (ip: Ip): number => {
    if (familyOf(ip) === 6 && v6 > MANY_V6) return LIFE_OF_MANY_V6;
    return lives.size > MANY ? 2 : shortest;
  };
  const stop = (ip: Ip): void => {
    const life = lives.get(ip);
    if (life === undefined) return;
    lives.delete(ip);
    refreshed.get(life)?.delete(ip);
    if (familyOf(ip) === 6) v6--;
  };
  const touch = (ip: Ip, life: Milliseconds): void => {
    stop(ip);
    lives.set(ip, life);
    refreshed.set(life, (refreshed.get(life) ?? new Map<Ip, Milliseconds>()).set(ip, clock.now()));
    if (familyOf(ip) === 6) v6++;
  };
  const isRunning = (ip: Ip): boolean => {
    noteRunning();
    const life = lives.get(ip);
    const at = life === undefined ? undefined : refreshed.get(life)?.get(ip);
    return life !== undefined && at !== undefined && at >= resumed && clock.now() - at < life;
  };
  const earliest = (): Due | undefined => {
    let found: Due | undefined;
    for (const [life, addresses] of refreshed) {
      const [first] = addresses;
      if (!first) continue;
      const [ip, at] = first;
      const due = at < resumed ? at : at + REFRESH * life;
      if (!found || due < found.due) found = { ip, life, due };
    }
    return found;
  };
  /** So many at a time that those of each life are through in their time. */
  const portion = (): number =>
    Math.ceil([...refreshed].reduce((sum, [life, { size }]) => sum + (size * PAUSE) / (SPREAD * life), 0));
  /** @param lapse what has run out is told, all of it; else the first such one ends it. */
  const renew = (most: number, lapse: boolean): void => {
    working = true;
    for (let left = most; left > 0;) {
      const oldest = earliest();
      if (!oldest || oldest.due > clock.now()) break;
      const { ip, life } = oldest;
      if (isRunning(ip)) {
        touch(ip, life);
        refresh(ip);
        left--;
      } else if (lapse) {
        stop(ip);
        lapsed(ip);
      } else break;
    }
    working = false;
  };
  const arm = (): void => {
    const oldest = earliest();
    if (!oldest) return;
    const due = clock.now() + Math.min(PULSE, Math.max(PAUSE, oldest.due - clock.now()));
    if (timerDue <= due) return;
    timer?.cancel();
    timerDue = due;
    timer = clock.after(due - clock.now(), () => {
      timerDue = Number.POSITIVE_INFINITY;
      noteRunning();
      renew(portion(), true);
      arm();
    });
  };
  return {
    next,
    isRunning,
    started: (ip, life) => {
      noteRunning();
      touch(ip, life * 1000);
      if (working) return;
      if ((earliest()?.due ?? Number.POSITIVE_INFINITY) < clock.now() - PAUSE) renew(TAKEN_ALONG, false);
      arm();
    },
    stop,
    stopAll: () => {
      lives.clear();
      refreshed.clear();
      v6 = 0;
      timer?.cancel();
      timerDue = Number.POSITIVE_INFINITY;
    },
  };
}
