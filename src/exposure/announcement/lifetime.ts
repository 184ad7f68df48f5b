/**
 * Keeps addresses alive in the kernel (docs/adr/0004-fencing.md): each has a short lifetime there, and only a process whose
 * event loop runs can refresh it. The work is spread out, so that a thousand addresses hold nothing up.
 */
import type { Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';

/**
 * What the kernel is told; it counts in seconds. It drops the address up to 0.3 s later, and looks once a second where
 * several end one after the other.
 */
export type LifeSeconds = 1 | 2;
/** Of its life: leaves 65 % for an event loop that is held up before an address is lost (and then put back). */
const REFRESH = 0.35;
/** Of its life, within which all portions are done: the next time round they fall due one after the other. */
const SPREAD = 0.3;
/** Between portions when many fall due together. */
const PAUSE: Milliseconds = 50;

export interface Lifetimes {
  /** Whether the lifetime given last still runs. */
  isRunning(ip: Ip): boolean;
  /** The address was given its lifetime just now: refresh it in time from here on. */
  started(ip: Ip): void;
  stop(ip: Ip): void;
  stopAll(): void;
}

/**
 * @param refresh gives an address its lifetime anew.
 * @param lapsed its lifetime has run out: this process was stopped, or held up, for too long. Forgotten here.
 */
export function createLifetimes(
  clock: Clock,
  life: LifeSeconds,
  refresh: (ip: Ip) => void,
  lapsed: (ip: Ip) => void,
): Lifetimes {
  const valid: Milliseconds = life * 1000;
  /** Ordered: the longest untouched comes first. */
  const refreshed = new Map<Ip, Milliseconds>();
  let timer: Timer | undefined;

  const touch = (ip: Ip): void => {
    refreshed.delete(ip);
    refreshed.set(ip, clock.now());
  };
  const isRunning = (ip: Ip): boolean => clock.now() - (refreshed.get(ip) ?? Number.NEGATIVE_INFINITY) < valid;
  const work = (): void => {
    timer = undefined;
    const portion = Math.ceil((refreshed.size * PAUSE) / (SPREAD * valid));
    for (let i = 0; i < portion; i++) {
      const oldest = refreshed.entries().next();
      if (oldest.done === true || clock.now() - oldest.value[1] < REFRESH * valid) break;
      const [ip] = oldest.value;
      if (isRunning(ip)) {
        touch(ip);
        refresh(ip);
      } else {
        refreshed.delete(ip);
        lapsed(ip);
      }
    }
    arm();
  };
  const arm = (): void => {
    const oldest = refreshed.values().next();
    if (timer || oldest.done === true) return;
    timer = clock.after(Math.max(PAUSE, oldest.value + REFRESH * valid - clock.now()), work);
  };
  return {
    isRunning,
    started: (ip) => {
      touch(ip);
      arm();
    },
    stop: (ip) => void refreshed.delete(ip),
    stopAll: () => {
      refreshed.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}
