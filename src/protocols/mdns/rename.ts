/** New names after a conflict (RFC 6762 §9, RFC 6763 appendix D). Numbers count from the name that was asked for. */
import type { Name } from './message.ts';
import { labelsOf, nameOf, sameName, truncateLabel } from './name.ts';

const MAX_LABEL = 63;

/** `web.local` as attempt 2: `web-2.local`. Attempt 1 is the name itself. */
export function renamedHost(asked: Name, attempt: number): Name {
  const [label = '', ...rest] = labelsOf(asked);
  return nameOf([numbered(label, attempt, `-${attempt}`), ...rest]);
}

/** `Web` as attempt 2: `Web (2)`. A label, unescaped. */
export function renamedInstance(asked: string, attempt: number): string {
  return numbered(asked, attempt, ` (${attempt})`);
}

/** The attempt at which `renamed` gives `name`; undefined if it never does. */
export function attemptOf(name: Name, renamed: (attempt: number) => Name): number | undefined {
  const [label = ''] = labelsOf(name);
  const number = Number(/(\d{1,4})\D*$/.exec(label)?.[1] ?? 1);
  return [1, number].find((attempt) => sameName(renamed(attempt), name));
}

function numbered(label: string, attempt: number, suffix: string): string {
  if (attempt <= 1) return label;
  return truncateLabel(label, MAX_LABEL - Buffer.byteLength(suffix)) + suffix;
}
