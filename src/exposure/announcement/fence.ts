/** Keeps the silence filter in step with the addresses held: one change at a time, several wishes in one. */
import { messageOf } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { SilenceFilter } from './port.ts';

export interface Fence {
  /**
   * Brings the filter in line with what is wanted at the end of this tick, and gives that. Never rejects: an address
   * has to be served even if the kernel cannot be kept silent. See `problem`.
   */
  update(): Promise<ReadonlySet<Ip>>;
  /** Why the kernel could not be kept silent at the last attempt. */
  problem(): string | undefined;
  /** Takes the filter away for good: whatever is still asked for afterwards does not bring it back. @throws what the filter throws */
  clear(): Promise<void>;
}

export function createFence(silence: SilenceFilter, wanted: () => readonly Ip[], onProblem: () => void): Fence {
  let problem: string | undefined;
  let isCleared = false;
  let next: Promise<ReadonlySet<Ip>> | undefined;
  const note = (text: string | undefined): void => {
    const news = text !== problem;
    problem = text;
    if (news) onProblem();
  };
  const apply = async (): Promise<ReadonlySet<Ip>> => {
    // A microtask later, so that everything asked for in this tick is in.
    await Promise.resolve();
    next = undefined;
    const ips = wanted();
    if (isCleared) return new Set(ips);
    try {
      await silence.set(ips);
      note(undefined);
    } catch (error) {
      note(messageOf(error));
    }
    return new Set(ips);
  };
  return {
    update: () => (next ??= apply()),
    problem: () => problem,
    clear: async () => {
      isCleared = true;
      await next;
      await silence.clear();
    },
  };
}
