/** The switch does not carry what some nodes send to others; the router and the laptop hear everybody. */
import { setTimeout as delay } from 'node:timers/promises';
import { setCuts } from '../../src/lab/faults.ts';
import { absoluteRow, neverRow, printedRow, type BenchRow, type RowResult } from '../harness.ts';
import { withRig, type Rig } from './rig.ts';
import { callRolls } from './two-owners.ts';

/** Each side has decided long since. */
const APART_MS = 2000;
const AFTERWARDS_MS = 2000;
const REST_MS = 1000;

interface Sample {
  /** Until the side without the owner answers too; one-way: of both answering. */
  readonly apart: number;
  readonly disputedAfterHeal: number;
  /** Questions that the side with a quorum, or after the healing anybody, left unanswered. */
  readonly unanswered: number;
  /** Those that the former owner alone left unanswered, when it had seen in the Leases that the others went on. */
  readonly left: number;
  readonly movesAfterHeal: number;
}

export const heal: BenchRow = {
  name: 'heal',
  what: 'the owner apart from the others, both ways and one way, and together again: how long two answer',
  measure: (n, { election }) =>
    withRig({ election, profile: 'lan' }, async (rig) => {
      const [both, unheard, deaf]: [Sample[], Sample[], Sample[]] = [[], [], []];
      for (let i = 0; i < n; i++) {
        both.push(await partition(rig));
        unheard.push(await oneWay(rig, 'unheard'));
        deaf.push(await oneWay(rig, 'deaf'));
      }
      return [
        ...results('heal', both, 'heal: other side has an owner'),
        printedRow(
          'heal: left to the others by the former owner, alone',
          both.map(({ left }) => left),
          '',
        ),
        ...results('one-way, owner unheard', unheard, 'one-way, owner unheard: answered by two'),
        ...results('one-way, owner deaf', deaf, 'one-way, owner deaf: answered by two'),
      ];
    }),
};

async function partition(rig: Rig): Promise<Sample> {
  const { paths, nodes, witness, vip } = rig;
  const owner = await witness.holder(vip);
  const others = nodes.filter((node) => node !== owner);
  const rolls = callRolls(rig);
  try {
    await delay(300);
    const cutAt = performance.now();
    await setCuts(paths.id, [
      { from: [owner], to: others },
      { from: others, to: [owner] },
    ]);
    await witness.holder(vip, owner);
    const apart = witness.heardAt(vip) - cutAt;
    await delay(REST_MS);
    const decidedAt = performance.now();
    await delay(APART_MS);
    const healedAt = performance.now();
    await setCuts(paths.id, []);
    await delay(AFTERWARDS_MS);
    return {
      apart,
      disputedAfterHeal: rolls.disputedFor(healedAt),
      unanswered: rolls.unansweredBy(others, decidedAt, healedAt) + rolls.unanswered(healedAt),
      left: rolls.unansweredBy([owner], decidedAt, healedAt),
      movesAfterHeal: Math.max(0, rolls.moves(healedAt + 500)),
    };
  } finally {
    rolls.stop();
    await setCuts(paths.id, []);
  }
}

/** `unheard`: nobody hears the owner; `deaf`: it hears nobody. */
async function oneWay(rig: Rig, kind: 'unheard' | 'deaf'): Promise<Sample> {
  const { paths, nodes, witness, vip } = rig;
  const owner = await witness.holder(vip);
  const others = nodes.filter((node) => node !== owner);
  const rolls = callRolls(rig);
  try {
    await delay(300);
    const cutAt = performance.now();
    await setCuts(paths.id, [kind === 'unheard' ? { from: [owner], to: others } : { from: others, to: [owner] }]);
    await delay(APART_MS);
    const [apart, decidedAt] = [rolls.disputedFor(cutAt), performance.now() - REST_MS];
    const healedAt = performance.now();
    await setCuts(paths.id, []);
    await delay(AFTERWARDS_MS);
    return {
      apart,
      disputedAfterHeal: rolls.disputedFor(healedAt),
      unanswered: rolls.unanswered(decidedAt),
      left: 0,
      movesAfterHeal: rolls.moves(decidedAt),
    };
  } finally {
    rolls.stop();
    await setCuts(paths.id, []);
  }
}

function results(name: string, samples: readonly Sample[], apart: string): RowResult[] {
  const all = (key: keyof Sample): number[] => samples.map((one) => one[key]);
  return [
    printedRow(apart, all('apart')),
    absoluteRow(`${name}: two answer after heal`, all('disputedAfterHeal'), 200),
    neverRow(`${name}: unanswered`, all('unanswered')),
    neverRow(`${name}: moves afterwards`, all('movesAfterHeal')),
  ];
}
