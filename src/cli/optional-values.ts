/**
 * Flags whose value may be left out (`--router`, `--router 8080`, `--router=8080`). oclif knows none, and
 * guessing is the caller's: each flag says which words look like a value of it.
 */

export interface OptionalValue {
  /** What the flag alone means. */
  readonly alone: string;
  /** Whether the word after the flag is its value. `before`: the words that stand before the flag. */
  readonly takes: (word: string, before: readonly string[]) => boolean;
}

/** The same command line with every such flag written as `--flag=value`. Everything after `--` stays. */
export function withOptionalValues(argv: readonly string[], flags: Readonly<Record<string, OptionalValue>>): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') return [...out, ...argv.slice(i)];
    const flag = word.startsWith('--') ? flags[word.slice(2)] : undefined;
    if (flag === undefined) {
      out.push(word);
      continue;
    }
    const next = argv[i + 1];
    if (next !== undefined && !next.startsWith('-') && flag.takes(next, out)) {
      out.push(`${word}=${next}`);
      i++;
    } else out.push(`${word}=${flag.alone}`);
  }
  return out;
}
