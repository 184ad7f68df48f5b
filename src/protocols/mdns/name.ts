/**
 * Domain names as text. A dot inside a label (`Printer 2.0._ipp._tcp.local`) is written `\.` and a
 * backslash `\\`, as RFC 1035 §5.1 and RFC 6763 §4.3 have it, so that text and labels map one to one.
 */
import type { Name } from './message.ts';

const MAX_LABEL = 63;
const MAX_NAME = 255;

/** @param labels unescaped, first label first. */
export function nameOf(labels: readonly string[]): Name {
  return labels.map((label) => label.replace(/[\\.]/g, '\\$&')).join('.');
}

/** The labels, unescaped. The root has none. */
export function labelsOf(name: Name): string[] {
  if (name === '') return [];
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < name.length; i++) {
    const char = name.charAt(i);
    if (char === '\\') label += name.charAt(++i);
    else if (char === '.') {
      labels.push(label);
      label = '';
    } else label += char;
  }
  labels.push(label);
  return labels;
}

/** For comparing and as a key: RFC 6762 §16 folds the case of ASCII letters only. */
export function foldName(name: Name): Name {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function sameName(a: Name, b: Name): boolean {
  return a === b || foldName(a) === foldName(b);
}

/**
 * Why `name` cannot be sent, or undefined if it can: labels of 1 to 63 bytes, 255 in all (RFC 1035 §2.3.4),
 * no control characters (RFC 6763 §4.1.1), well-formed Unicode.
 */
export function nameProblem(name: Name): string | undefined {
  let total = 1;
  for (const label of labelsOf(name)) {
    const problem = labelProblem(label);
    if (problem !== undefined) return problem;
    total += Buffer.byteLength(label) + 1;
  }
  return total > MAX_NAME ? `longer than ${MAX_NAME} bytes` : undefined;
}

/** As {@link nameProblem}, for one unescaped label. */
export function labelProblem(label: string): string | undefined {
  if (label === '') return 'empty label';
  if (Buffer.byteLength(label) > MAX_LABEL) return `a label is longer than ${MAX_LABEL} bytes`;
  // Line and paragraph separators too: dns-packet drops dots beside them.
  if (/[\p{Cc}\u2028\u2029]/u.test(label)) return 'control character';
  if (!label.isWellFormed() || label.includes('\ufffd')) return 'not well-formed Unicode';
  return undefined;
}

/** Whether `name` is `suffix` or ends in `.suffix`. */
export function endsWith(name: Name, suffix: Name): boolean {
  return sameName(name, suffix) || foldName(name).endsWith(`.${foldName(suffix)}`);
}

/** `label` cut to at most `bytes` bytes of UTF-8, at a character. */
export function truncateLabel(label: string, bytes: number): string {
  let cut = label;
  while (Buffer.byteLength(cut) > bytes) cut = Array.from(cut).slice(0, -1).join('');
  return cut;
}
