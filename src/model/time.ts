/**
 * Time and chance are given, never taken. `now` is monotonic (it does not jump with the wall clock and
 * counts suspended time where the kernel can); `wall` is for what other machines and people read.
 */
export type Milliseconds = number;

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic. Only differences mean anything. */
  now(): Milliseconds;
  wall(): Date;
  /** Calls back once, not before `delay` has passed. Never keeps the process alive by itself. */
  after(delay: Milliseconds, callback: () => void): Timer;
}

export interface Entropy {
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** Waits, unless it is called off. */
export function pause(clock: Clock, delay: Milliseconds, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(delay, end);
    signal?.addEventListener('abort', end);
  });
}

/**
 * A Go duration (`1h`, `300ms`, `1m30s`, `0`) in milliseconds, as kube-vip's annotations write it.
 * Undefined if it is not one or is negative.
 */
export function parseGoDuration(text: string): Milliseconds | undefined {
  if (text === '0') return 0;
  const unit: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, value, name] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(value) * (unit[name ?? ''] ?? Number.NaN);
  }
  return total;
}
