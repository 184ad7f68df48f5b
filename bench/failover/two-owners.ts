/** How many answer for an address of each family, all the time: asked from the router, every 20 ms. */
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { callTheRoll, type RollCall } from '../../test/support/roll-call.ts';
import type { Rig } from './rig.ts';

export interface Rolls {
  readonly all: readonly RollCall[];
  /** Questions that more than one node answered, from `since` (performance.now()) on. */
  disputed(since?: number): number;
  /** From `since` to the last question that more than one node answered; 0 without any. */
  disputedFor(since: number): number;
  /** Questions that nobody answered, asked in this time; those whose answer may be under way do not count. */
  unanswered(since: number, until?: number): number;
  /** The same of questions that none of these nodes answered. */
  unansweredBy(nodes: readonly string[], since: number, until?: number): number;
  /** How often the address went to another node since then; the family in which it did so most. */
  moves(since?: number): number;
  stop(): void;
}

/** An answer that is on its way has arrived after this. */
const UNDER_WAY_MS = 300;

export function callRolls({ paths, vip, vip6 }: Pick<Rig, 'paths' | 'vip' | 'vip6'>): Rolls {
  const all = [vip, vip6].map((address) => callTheRoll(netnsOf(paths, 'router'), address));
  const questions = (roll: RollCall): { at: number; macs: readonly string[] }[] => {
    const answers = roll.answers();
    return roll.times().map((at, i) => ({ at, macs: answers[i] ?? [] }));
  };
  const disputes = (since: number): number[] =>
    all.flatMap((roll) => questions(roll).flatMap(({ at, macs }) => (at >= since && macs.length > 1 ? [at] : [])));
  const without = (had: (macs: readonly string[]) => boolean, since: number, until: number): number =>
    all.flatMap((roll) => questions(roll).filter(({ at, macs }) => at >= since && at < until && !had(macs))).length;
  return {
    all,
    disputed: (since = 0) => disputes(since).length,
    disputedFor: (since) => Math.max(0, ...disputes(since).map((at) => at - since)),
    unanswered: (since, until = performance.now() - UNDER_WAY_MS) => without((macs) => macs.length > 0, since, until),
    unansweredBy: (nodes, since, until = performance.now() - UNDER_WAY_MS) => {
      const macs = new Set(nodes.map((node) => nodeAddresses(node).mac));
      return without((answered) => answered.some((mac) => macs.has(mac)), since, until);
    },
    moves: (since = 0) => Math.max(...all.map((roll) => changes(questions(roll).filter(({ at }) => at >= since)))),
    stop: () => all.forEach((roll) => roll.stop()),
  };
}

function changes(questions: readonly { readonly macs: readonly string[] }[]): number {
  const holders = questions.flatMap(({ macs }) => macs.slice(0, 1));
  return holders.filter((mac, i) => i > 0 && mac !== holders[i - 1]).length;
}
