/** `kubevip` at the console of a node, from the sources, and what it wrote into its journal. */
import { join } from 'node:path';
import { decodeJournal, type Entry } from '../../../src/cluster/engine/journal.ts';
import { JOURNAL } from '../../../src/cluster/names.ts';
import type { Node, NodeRunOptions, Outcome, Started } from './machine.ts';

const BIN = [process.execPath, join(import.meta.dirname, '..', '..', '..', 'bin', 'dev.js')];
const TIMEOUT_MS = 120_000;

function kubevipArgv(...args: string[]): string[] {
  return [...BIN, ...args];
}

export async function kubevip(node: Node, args: readonly string[], options: NodeRunOptions = {}): Promise<Outcome> {
  return await node.run(kubevipArgv(...args), { timeoutMs: TIMEOUT_MS, ...options });
}

export function startKubevip(node: Node, args: readonly string[], options: NodeRunOptions = {}): Started {
  return node.start(kubevipArgv(...args), { timeoutMs: TIMEOUT_MS, ...options });
}

function journalOf(node: Node): Entry[] {
  return decodeJournal(node.read(JOURNAL) ?? '');
}

/** `started certificates`, `done certificates`, … in order; without plans. */
export function journalLines(node: Node): string[] {
  return journalOf(node).flatMap((entry) => (entry.event === 'plan' ? [] : [`${entry.event} ${entry.step}`]));
}

export interface Killed {
  /** Journal entries after which it was killed. */
  readonly after: readonly string[];
  /** Of the run that came to its end. */
  readonly last: Outcome;
}

/**
 * Runs a command again and again, each time killed (-9, with all it has started) as soon as its journal has an entry
 * that it was not killed at before, until one run comes to its end. Each boundary once: killed at every start of a step
 * nothing could ever be done.
 */
export async function killedAtEveryEntry(
  node: Node,
  args: readonly string[],
  options: NodeRunOptions = {},
): Promise<Killed> {
  const after = new Set(journalLines(node));
  const known = after.size;
  for (;;) {
    const running = startKubevip(node, args, options);
    let ended: Outcome | undefined;
    void running.done.then((outcome) => (ended = outcome));
    // Looked at once a millisecond: read only when it has grown or is another file.
    let seen = '';
    const isNew = (): boolean => {
      const stamp = node.stamp(JOURNAL);
      if (stamp === seen) return false;
      seen = stamp;
      return journalLines(node).some((line) => !after.has(line));
    };
    while (ended === undefined && !isNew()) await new Promise((resolve) => setTimeout(resolve, 1));
    // The last entry of all comes just before the end.
    if (ended !== undefined) return { after: [...after].slice(known), last: ended };
    running.killAll();
    await running.done;
    for (const line of journalLines(node)) after.add(line);
    if (after.size > 200) throw new Error(`it does not converge: ${[...after].join(', ')}`);
  }
}
