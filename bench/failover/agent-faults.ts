/** The agent of the owner is killed, or stands still: its node must lose the address, and never may two answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { runOnHost } from '../../src/lab/hosts.ts';
import { agentPid } from '../../test/support/agent-process.ts';
import { absoluteRow, mostRow, neverRow, printedRow, type BenchRow, type RowResult } from '../harness.ts';
import { eventually } from '../expose/bench-lab.ts';
import { longestGap } from './probe/echo-log.ts';
import { startEcho } from './probe/prober.ts';
import { withRig, type Rig } from './rig.ts';
import { callRolls } from './two-owners.ts';

/** How long it is watched after the agent is back or awake. */
const AFTERWARDS_MS = 3000;
const STOPPED_MINUTES = 0.5;

interface Sample {
  /** Longest time between two answers to echo requests. */
  readonly gap: number;
  /** Until another node answers who has the address. */
  readonly takenAfter: number;
  /** Until the address is gone from the interface of its old owner. */
  readonly goneAfter: number;
  readonly disputed: number;
  /** Owner changes after the first. */
  readonly furtherMoves: number;
}

export const sigkill: BenchRow = {
  name: 'sigkill',
  what: 'the agent of the owner killed: longest gap, address off its node, questions that two nodes answered',
  measure: (n, { election }) =>
    withRig({ election, profile: 'lan' }, async (rig) => {
      const samples: Sample[] = [];
      for (let i = 0; i < n; i++)
        samples.push(
          await sample(rig, async (pid, owner, moved) => {
            process.kill(pid, 'SIGKILL');
            await moved;
            await rig.restore(owner);
          }),
        );
      return results('sigkill', samples);
    }),
};

export const sigstop: BenchRow = {
  name: 'sigstop',
  what: 'the agent of the owner stands still for 30 s (--minutes), then goes on: the same',
  runs: 10,
  minutes: STOPPED_MINUTES,
  measure: (n, { election, minutes = STOPPED_MINUTES }) =>
    withRig({ election, profile: 'lan' }, async (rig) => {
      const samples: Sample[] = [];
      for (let i = 0; i < n; i++)
        samples.push(
          await sample(rig, async (pid, _, moved) => {
            process.kill(pid, 'SIGSTOP');
            try {
              await delay(60_000 * minutes);
              await moved;
            } finally {
              process.kill(pid, 'SIGCONT');
            }
          }),
        );
      return results('sigstop', samples);
    }),
};

/** `fault` ends when the agent is back; `moved` is when another node has the address and the old one not any more. */
async function sample(
  rig: Rig,
  fault: (pid: number, owner: string, moved: Promise<void>) => Promise<void>,
): Promise<Sample> {
  const { paths, witness, vip, vip6 } = rig;
  const owner = await witness.holder(vip);
  const rolls = callRolls(rig);
  const echo = await startEcho(paths, vip);
  try {
    await delay(200 + 100 * Math.random());
    const [at, wall] = [performance.now(), Date.now()];
    let [takenAfter, goneAfter] = [0, 0];
    const taken = witness.holder(vip, owner).then(() => (takenAfter = witness.heardAt(vip) - at));
    const gone = eventually(`${owner} loses the address`, async () => {
      const { stdout } = await runOnHost(paths, owner, ['ip', '-o', 'addr', 'show', 'dev', 'eth0']);
      return ![vip, vip6].some((address) => stdout.includes(` ${address}/`));
    }).then(() => (goneAfter = performance.now() - at));
    const moved = Promise.all([taken, gone]).then(() => undefined);
    // Whoever waits for it later is told all the same.
    moved.catch(() => undefined);
    await fault(agentPid(rig, owner), owner, moved);
    await delay(AFTERWARDS_MS);
    const { gap } = longestGap(await echo.stop(), wall - 5);
    return { gap, takenAfter, goneAfter, disputed: rolls.disputed(), furtherMoves: rolls.moves() - 1 };
  } finally {
    rolls.stop();
  }
}

function results(name: string, samples: readonly Sample[]): RowResult[] {
  const all = (key: keyof Sample): number[] => samples.map((one) => one[key]);
  return [
    absoluteRow(`${name}: longest gap`, all('gap'), 200),
    printedRow(`${name}: another node answers`, all('takenAfter')),
    mostRow(`${name}: address off its node`, all('goneAfter'), 2000),
    neverRow(`${name}: answered by two`, all('disputed')),
    neverRow(`${name}: further moves`, all('furtherMoves')),
  ];
}
