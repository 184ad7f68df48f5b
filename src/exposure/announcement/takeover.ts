/** Taking addresses: silence first, then the address, then the news; all of one tick together, usually within it. */
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Fence } from './fence.ts';
import type { HeldAddress } from './held-address.ts';
import type { Placement } from './placement.ts';
import type { Voice } from './voice.ts';

/** The first announcement waits no longer for the kernel to be silent. */
const PATIENCE: Milliseconds = 2;

/** Others may have taken meanwhile what was not served for so long. */
const STALE: Milliseconds = 2000;

/** How long addresses are given to the kernel in one go: a fraction of the time after which others miss this process. */
const SLICE: Milliseconds = 20;
/** And as many at least: a kernel that is slow for everybody must not leave more to refresh than is ever placed. */
const PORTION = 64;
/** Every host of the LAN has to hear each announcement. Of so many at once each is told of in one form first. */
const CROWD = 32;

export interface Takeover {
  begin(held: HeldAddress): void;
  /** Taken in hand, not yet given to the kernel. */
  isUnderWay(held: HeldAddress): boolean;
  /** Some are: what has been said once is not said again before they have been told of. */
  isBusy(): boolean;
  /** Whether so little time has passed since it was asked for that this still holds. */
  isFresh(held: HeldAddress): boolean;
  stop(held: HeldAddress): void;
}

export interface TakeoverOptions {
  readonly clock: Clock;
  readonly fence: Fence;
  readonly placement: Placement;
  readonly voice: Voice;
  readonly isAlone: () => boolean;
  /** It took too long: somebody else may have the address by now. */
  readonly onLapse: (held: HeldAddress) => void;
}

export function createTakeover({ clock, fence, placement, voice, isAlone, onLapse }: TakeoverOptions): Takeover {
  const placing = new Set<HeldAddress>();
  const isFresh = (held: HeldAddress): boolean => clock.now() - held.takenAt < STALE;
  const placeAll = async (): Promise<void> => {
    while (placing.size > 0) {
      // A slow filter holds up the address, but not the news: this process answers already.
      const hurry = clock.after(PATIENCE, () => {
        const briefly = placing.size > CROWD;
        placing.forEach((held) => voice.announce(held, briefly));
      });
      const silent = await fence.update();
      hurry.cancel();
      let began = clock.now();
      let portion = 0;
      const briefly = placing.size > CROWD;
      for (const held of [...placing]) {
        // Others must hear that this process lives, however much there is to take.
        if (++portion > PORTION && clock.now() - began >= SLICE) {
          await new Promise<void>((resolve) => clock.after(0, resolve));
          began = clock.now();
          portion = 1;
        }
        if (!placing.has(held) || (!isAlone() && !silent.has(held.ip))) continue;
        placing.delete(held);
        if (!isFresh(held)) {
          onLapse(held);
          continue;
        }
        placement.put(held);
        if (held.placed) voice.announce(held, briefly);
      }
    }
  };
  return {
    begin: (held) => {
      const first = placing.size === 0;
      held.takenAt = clock.now();
      placing.add(held);
      if (first) void placeAll();
    },
    isUnderWay: (held) => placing.has(held),
    isBusy: () => placing.size > 0,
    isFresh,
    stop: (held) => void placing.delete(held),
  };
}
