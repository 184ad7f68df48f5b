/** One at a time; the others wait in order. */
import type { RouterClient, Unreachable } from './client.ts';
import { unreachable } from './exchange.ts';

/** Undefined: the signal was aborted before the task had its turn, and it never began. */
export type Limit = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T | undefined>;

export function createLimit(): Limit {
  let last: Promise<void> = Promise.resolve();
  return (task, signal) =>
    new Promise((resolve, reject) => {
      const giveUp = (): void => resolve(undefined);
      signal?.addEventListener('abort', giveUp, { once: true });
      last = last.then(async () => {
        signal?.removeEventListener('abort', giveUp);
        if (signal?.aborted === true) giveUp();
        else await Promise.resolve().then(task).then(resolve, reject);
      });
    });
}

const CANCELLED = unreachable('cancelled');

/**
 * A client whose calls pass through a limit.
 * @param answered called whenever the router has said anything at all.
 */
export function limited(client: RouterClient, limit: Limit, answered: () => void): RouterClient {
  const inTurn = async <T extends { readonly kind: string }>(
    task: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | Unreachable> => {
    const answer = (await limit(task, signal)) ?? CANCELLED;
    if (answer.kind !== 'unreachable') answered();
    return answer;
  };
  return {
    method: client.method,
    gateway: client.gateway,
    // Hundreds of questions, one at a time by itself: in one turn it would keep everybody waiting for a minute.
    list: (source, signal) => client.list(source, signal),
    map: (ask, signal, wanted = signal) => inTurn(() => client.map(ask, signal), wanted),
    find: (ask, signal) => inTurn(() => client.find(ask, signal), signal),
    unmap: (record, source, signal) => inTurn(() => client.unmap(record, source, signal), signal),
    check: (source, signal) => inTurn(() => client.check(source, signal), signal),
  };
}
