/** Being the one agent that gives out addresses: kube-vip's global Lease, held by one of ours at a time. */
import { Contest, type ContestOptions } from './contest.ts';

export interface AllocatorElection {
  readonly isLeader: boolean;
  start(): void;
  stop(): Promise<void>;
  onChange(callback: () => void): () => void;
}

export function createAllocatorElection(options: Omit<ContestOptions, 'onChange'>): AllocatorElection {
  const listeners = new Set<() => void>();
  let contest: Contest | undefined;
  let stopWatching = (): void => undefined;
  return {
    get isLeader() {
      return contest?.election.holding ?? false;
    },
    start() {
      contest = new Contest({ ...options, onChange: () => listeners.forEach((listener) => listener()) });
      const { election } = contest;
      stopWatching = options.store.onChange((name, lease) => {
        if (name === options.name) contest?.observe(lease);
      });
      if (!election.holding) contest.contend(true);
    },
    async stop() {
      stopWatching();
      await contest?.release();
    },
    onChange(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
  };
}
