/** Time for workflows that run in the foreground. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../model/time.ts';

export const foregroundClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
