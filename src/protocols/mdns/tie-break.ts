/** RFC 6762 §8.2: two hosts probe for the same name at the same time. */
import type { ResourceRecord } from './message.ts';
import { compareRecords } from './records.ts';

/** Who goes on: the one whose sorted records come later; `same`: both say the same, so there is no conflict. */
export function tieBreak(
  ours: readonly ResourceRecord[],
  theirs: readonly ResourceRecord[],
): 'ours' | 'theirs' | 'same' {
  const [a, b] = [ours.toSorted(compareRecords), theirs.toSorted(compareRecords)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [x, y] = [a[i], b[i]];
    if (!x) return 'theirs';
    if (!y) return 'ours';
    const order = compareRecords(x, y);
    if (order !== 0) return order > 0 ? 'ours' : 'theirs';
  }
  return 'same';
}
