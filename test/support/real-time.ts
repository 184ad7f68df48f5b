/** The machine's own clock and chance, for tests that talk to real servers. */
import { randomBytes } from 'node:crypto';
import type { Clock, Entropy } from '../../src/model/time.ts';

export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export const realEntropy: Entropy = {
  bytes: (length) => randomBytes(length),
  fraction: () => Math.random(),
};

/** Waits until `condition` holds. @throws Error with `what` after the hang guard. */
export async function until(condition: () => boolean, what: string, guardMs = 20_000): Promise<void> {
  const end = performance.now() + guardMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Always the same fraction: no jitter in tests of times. */
export function fixedEntropy(fraction = 0.5): Entropy {
  return { bytes: (length) => new Uint8Array(length).fill(7), fraction: () => fraction };
}
