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
/** More addresses than this live for 2 s in any case: to refresh them twice as often is work that slow machines lack. */
const MANY = 256;
/** Of its life: leaves 65 % for an event loop that is held up before an address is lost (and then put back). */
const REFRESH = 0.35;
/** Of its life, within which all portions are done: the next time round they fall due one after the other. */
const SPREAD = 0.3;
/** Between portions when many fall due together. */
const PAUSE: Milliseconds = 50;

export interface Lifetimes {
  /** What an address is to be given now. */
  next(): LifeSeconds;
  /** Whether the lifetime given last still runs. */
  isRunning(ip: Ip): boolean;
  /** The address was given its lifetime just now: refresh it in time from here on. */
  started(ip: Ip, life: LifeSeconds): void;
  stop(ip: Ip): void;
  stopAll(): void;
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
  /** When each was refreshed and how long it lives from there on. Ordered: the longest untouched comes first. */
  const refreshed = new Map<Ip, { readonly at: Milliseconds; readonly life: Milliseconds }>();
  let timer: Timer | undefined;

  const next = (): LifeSeconds => (refreshed.size > MANY ? 2 : shortest);
  const touch = (ip: Ip, life: Milliseconds): void => {
    refreshed.delete(ip);
    refreshed.set(ip, { at: clock.now(), life });
  };
  const isRunning = (ip: Ip): boolean => {
    const last = refreshed.get(ip);
    return last !== undefined && clock.now() - last.at < last.life;
  };
  const work = (): void => {
    timer = undefined;
    const portion = Math.ceil((refreshed.size * PAUSE) / (SPREAD * 1000 * next()));
    for (let i = 0; i < portion; i++) {
      const oldest = refreshed.entries().next();
      if (oldest.done === true) break;
      const [ip, { at, life }] = oldest.value;
      if (clock.now() - at < REFRESH * life) break;
      if (isRunning(ip)) {
        touch(ip, life);
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
    timer = clock.after(Math.max(PAUSE, oldest.value.at + REFRESH * oldest.value.life - clock.now()), work);
  };
  return {
    next,
    isRunning,
    started: (ip, life) => {
      touch(ip, life * 1000);
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
