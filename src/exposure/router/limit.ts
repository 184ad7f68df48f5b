/** At most so many at a time; the others wait in order. */
import type { RouterClient } from './client.ts';

export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

export function createLimit(parallel: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= parallel) await new Promise<void>((resolve) => void waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // The slot is handed on, not freed, so that nobody comes in between.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

/** A client whose calls pass through a limit. */
export function limited(client: RouterClient, limit: Limit): RouterClient {
  return {
    list: (source, signal) => limit(() => client.list(source, signal)),
    method: client.method,
    gateway: client.gateway,
    map: (ask, signal) => limit(() => client.map(ask, signal)),
    find: (ask, signal) => limit(() => client.find(ask, signal)),
    unmap: (record, source, signal) => limit(() => client.unmap(record, source, signal)),
    check: (source, signal) => limit(() => client.check(source, signal)),
  };
}
