/** Chance from the operating system. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Entropy } from '../model/time.ts';

const STEPS = 2 ** 47;

export const systemEntropy: Entropy = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomInt(STEPS) / STEPS,
};
