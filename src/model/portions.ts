/**
 * Long computations in portions: an agent that is busy for a tenth of a second is silent for that long, and others
 * would take it for dead.
 */

/** Steps of a computation; its value comes with the last one. */
export type Steps<T> = Generator<undefined, T>;

/** All at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}

/** `size` steps at a time. @param pause lets others have their turn */
export async function inPortions<T>(steps: Steps<T>, size: number, pause: () => Promise<void>): Promise<T> {
  for (let count = 1; ; count++) {
    const next = steps.next();
    if (next.done === true) return next.value;
    if (count % size === 0) await pause();
  }
}
