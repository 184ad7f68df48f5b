/** One at a time; the others wait in order. */
import type { MappingAsk, RouterClient } from './client.ts';
import { unreachable } from './exchange.ts';

/** Undefined: the signal was aborted before the task had its turn, and it never began. */
export type Limit = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T | undefined>;

export function createLimit(): Limit {
  let running = false;
  const waiting = new Set<() => void>();
  const turn = (signal: AbortSignal | undefined): Promise<boolean> =>
    new Promise((resolve) => {
      const begin = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        waiting.delete(begin);
        resolve(false);
      };
      if (signal?.aborted === true) return giveUp();
      signal?.addEventListener('abort', giveUp, { once: true });
      waiting.add(begin);
    });
  return async (task, signal) => {
    if (running && !(await turn(signal))) return undefined;
    running = true;
    try {
      return await task();
    } finally {
      // Not free in between, so that nobody gets ahead of those who wait.
      const [next] = waiting;
      running = next !== undefined;
      if (next) waiting.delete(next);
      next?.();
    }
  };
}

const CANCELLED = unreachable('cancelled');

/** A client whose calls pass through a limit. */
export function limited(client: RouterClient, limit: Limit): RouterClient {
  return {
    method: client.method,
    gateway: client.gateway,
    list: (source, signal) => limit(() => client.list(source, signal), signal),
    map: async (ask: MappingAsk, signal, wanted = signal) =>
      (await limit(() => client.map(ask, signal), wanted)) ?? CANCELLED,
    find: async (ask, signal) => (await limit(() => client.find(ask, signal), signal)) ?? CANCELLED,
    unmap: async (record, source, signal) =>
      (await limit(() => client.unmap(record, source, signal), signal)) ?? CANCELLED,
    check: async (source, signal) => (await limit(() => client.check(source, signal), signal)) ?? CANCELLED,
  };
}
