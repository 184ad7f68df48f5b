/** `kubevip` at the console of a node, from the sources, and what it wrote into its journal. */
import { join } from 'node:path';
import { decodeJournal, type Entry } from '../../../src/cluster/engine/journal.ts';
import { JOURNAL } from '../../../src/cluster/names.ts';
import type { Node, NodeRunOptions, Outcome, Started } from './machine.ts';

const BIN = [process.execPath, join(import.meta.dirname, '..', '..', '..', 'bin', 'dev.js')];
const TIMEOUT_MS = 120_000;

export function kubevipArgv(...args: string[]): string[] {
  return [...BIN, ...args];
}

export async function kubevip(node: Node, args: readonly string[], options: NodeRunOptions = {}): Promise<Outcome> {
  return await node.run(kubevipArgv(...args), { timeoutMs: TIMEOUT_MS, ...options });
}

export function startKubevip(node: Node, args: readonly string[], options: NodeRunOptions = {}): Started {
  return node.start(kubevipArgv(...args), { timeoutMs: TIMEOUT_MS, ...options });
}

export function journalOf(node: Node): Entry[] {
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
 * Runs a command again and again, each time killed (-9, with all it has started) as soon as its journal has grown by
 * one entry, until one run comes to its end before that.
 */
export async function killedAtEveryEntry(
  node: Node,
  args: readonly string[],
  options: NodeRunOptions = {},
): Promise<Killed> {
  const after: string[] = [];
  for (;;) {
    const known = journalLines(node);
    const running = startKubevip(node, args, options);
    let ended: Outcome | undefined;
    void running.done.then((outcome) => (ended = outcome));
    while (ended === undefined && journalLines(node).length === known.length) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (ended !== undefined && journalLines(node).length === known.length) return { after, last: ended };
    running.killAll();
    await running.done;
    after.push(...journalLines(node).slice(known.length));
    if (after.length > 200) throw new Error(`it does not converge: ${after.join(', ')}`);
  }
}
