/** Puts held addresses on the kernel and takes them off again. */
import { failed } from '../../model/decision.ts';
import { messageOf } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { Clock } from '../../model/time.ts';
import type { HeldAddress } from './held-address.ts';
import { createLifetimes, type LifeSeconds } from './lifetime.ts';
import { hostPrefix } from './link-choice.ts';
import type { AddressTable } from './port.ts';

export interface Placement {
  /** Puts it there, or refreshes it. Sets `placed` and `problem`. */
  put(held: HeldAddress): void;
  /** Whether it is there, and for all we know nobody else may think that we are gone. */
  isCurrent(held: HeldAddress): boolean;
  /** Takes it off, if it was placed. */
  takeOff(held: HeldAddress): void;
  /** Whether the kernel did not give it up. */
  isStuck(ip: Ip): boolean;
  /** Tries again to take off what is stuck. @returns whether all is gone. */
  retry(): boolean;
  /** Alone: addresses stand for ever. Applies to what is put from now on. */
  setAlone(alone: boolean): void;
  stop(): void;
}

/**
 * @param onProblem an address got a problem with the kernel, or lost one.
 * @param onLapse an address has run out, see `lapsed` of HeldAddress.
 */
export function createPlacement(
  table: AddressTable,
  clock: Clock,
  shortestLife: LifeSeconds,
  find: (ip: Ip) => HeldAddress | undefined,
  onProblem: (ip: Ip) => void,
  onLapse: (held: HeldAddress) => void,
): Placement {
  /** Interface index by address. */
  const stuck = new Map<Ip, number>();
  let alone = false;

  const put = (held: HeldAddress): void => {
    const { advertiser, ip } = held;
    if (!advertiser) return;
    const before = held.problem;
    try {
      const life = alone ? undefined : lifetimes.next(ip);
      table.set(advertiser.link.index, ip, hostPrefix(ip), life);
      held.placed = true;
      held.problem = undefined;
      stuck.delete(ip);
      if (life !== undefined) lifetimes.started(ip, life);
    } catch (error) {
      held.placed = false;
      held.problem = failed('AddressRefused', `${ip} is not announced: ${messageOf(error)}`);
    }
    if (before?.message !== held.problem?.message) onProblem(ip);
  };
  const withHeld = (act: (held: HeldAddress) => void) => (ip: Ip) => {
    const held = find(ip);
    if (held) act(held);
  };
  const lifetimes = createLifetimes(clock, shortestLife, withHeld(put), withHeld(onLapse));
  const remove = (ip: Ip, linkIndex: number): void => {
    try {
      table.remove(linkIndex, ip);
      stuck.delete(ip);
    } catch {
      // Told by isStuck and tried again; where it has a lifetime the kernel drops it by itself.
      stuck.set(ip, linkIndex);
    }
  };

  return {
    put,
    isCurrent: (held) => held.placed && (alone || lifetimes.isRunning(held.ip)),
    takeOff: (held) => {
      lifetimes.stop(held.ip);
      if (held.placed && held.advertiser) remove(held.ip, held.advertiser.link.index);
      held.placed = false;
    },
    isStuck: (ip) => stuck.has(ip),
    retry: () => {
      for (const [ip, linkIndex] of [...stuck]) remove(ip, linkIndex);
      return stuck.size === 0;
    },
    setAlone: (value) => {
      alone = value;
      if (alone) lifetimes.stopAll();
    },
    stop: () => lifetimes.stopAll(),
  };
}
