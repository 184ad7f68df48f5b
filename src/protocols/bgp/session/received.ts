/** What a peer has said. Its routes are counted and let go of: nothing is kept of them. */
import type { Update } from '../update.ts';
import { contains } from '../as-path.ts';

export interface ReceivedCounts {
  readonly messages: number;
  readonly updates: number;
  /** Routes in all UPDATEs, not routes that stand. */
  readonly announced: number;
  readonly withdrawn: number;
  /** UPDATEs whose routes were refused as RFC 7606 says, or that lost attributes. */
  readonly faulty: number;
  /** Routes that had been through our own AS. */
  readonly looped: number;
}

export interface Received {
  message(): void;
  update(update: Update): void;
  counts(): ReceivedCounts;
}

export function createReceived(localAs: number): Received {
  const counts = { messages: 0, updates: 0, announced: 0, withdrawn: 0, faulty: 0, looped: 0 };
  return {
    message: () => {
      counts.messages++;
    },
    update: ({ announced, withdrawn, faults, attributes }) => {
      const there = announced.reduce((sum, { count }) => sum + count, 0);
      counts.updates++;
      counts.announced += there;
      counts.withdrawn += withdrawn.reduce((sum, { count }) => sum + count, 0);
      if (faults.length > 0) counts.faulty++;
      if (attributes.asPath !== undefined && contains(attributes.asPath, localAs)) counts.looped += there;
    },
    counts: () => ({ ...counts }),
  };
}
