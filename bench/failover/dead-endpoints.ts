/** A node is gone with the pods on it: how long connections still go there, and what the last of three nodes serves. */
import { setTimeout as delay } from 'node:timers/promises';
import { stopDaemon } from '../../src/lab/daemons.ts';
import { powerOff } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import { absoluteRow, neverRow, type BenchRow } from '../harness.ts';
import { failedFor, failures, reasons } from './probe/connect-log.ts';
import { startConnecting } from './probe/prober.ts';
import { withRig } from './rig.ts';

const CONNECT_EVERY_MS = 10;
const PODS = 6;
/** As in Kubernetes: the node controller shall not be what helps. */
const NODE_GRACE_MS = 40_000;
const WATCH_MS = 3000;
const BAR_MS = 1000;
const DEFAULT_MINUTES = 5;

export const deadEndpoints: BenchRow = {
  name: 'dead-endpoints',
  what: 'power of a node with a third of the pods cut, 100 connections a second: until the last one that fails',
  measure: (n, { election }) =>
    withRig({ election, profile: 'lan', pods: PODS, nodeGraceMs: NODE_GRACE_MS }, async (rig) => {
      const { paths, witness, vip, restore } = rig;
      const samples: { readonly owner: number[]; readonly other: number[] } = { owner: [], other: [] };
      for (let i = 0; i < n; i++)
        for (const which of ['owner', 'other'] as const) {
          const owner = await witness.holder(vip);
          const node = which === 'owner' ? owner : (rig.nodes.find((name) => name !== owner) ?? owner);
          const connecting = await startConnecting(paths, vip, CONNECT_EVERY_MS);
          await delay(500);
          const at = Date.now();
          await powerOff(paths.id, node);
          await delay(WATCH_MS);
          const log = await connecting.stop();
          console.error(
            `${node} off (${which}): of ${log.started.length} connections ${reasons(log) || 'none failed'}`,
          );
          samples[which].push(failedFor(log, at));
          await restore(node);
          await delay(1000);
        }
      return [
        absoluteRow('dead-endpoints: owner off', samples.owner, BAR_MS),
        absoluteRow('dead-endpoints: another node off', samples.other, BAR_MS),
      ];
    }),
};

export const quorumLost: BenchRow = {
  name: 'quorum-lost',
  what: 'two of three nodes and the API server off for 5 min (--minutes): connections to the last node that fail',
  runs: 1,
  minutes: DEFAULT_MINUTES,
  measure: (n, { election, minutes = DEFAULT_MINUTES }) =>
    withRig({ election, profile: 'lan', pods: PODS, nodeGraceMs: NODE_GRACE_MS }, async (rig) => {
      const { paths, nodes, vip, witness, restore } = rig;
      const [failed, until]: [number[], number[]] = [[], []];
      for (let i = 0; i < n; i++) {
        const owner = await witness.holder(vip);
        // The owner is among those that go.
        const gone = [owner, ...nodes.filter((node) => node !== owner)].slice(0, 2);
        const connecting = await startConnecting(paths, vip, CONNECT_EVERY_MS);
        await stopDaemon(paths, 'api', { graceMs: 0 });
        const at = Date.now();
        await Promise.all(gone.map((node) => powerOff(paths.id, node)));
        await delay(60_000 * minutes);
        const log = await connecting.stop();
        console.error(
          `${gone.join(' and ')} off: of ${log.started.length} connections ${reasons(log) || 'none failed'}`,
        );
        failed.push(failures(log, at + BAR_MS));
        until.push(failedFor(log, at));
        await labUp(paths.id);
        for (const node of gone) await restore(node);
      }
      return [
        neverRow('quorum-lost: connections failed after 1 s', failed),
        absoluteRow('quorum-lost: until the last failed', until, BAR_MS),
      ];
    }),
};
