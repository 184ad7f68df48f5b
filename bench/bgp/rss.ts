/** Memory of whoever announces a thousand addresses. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { create, rssMegabytes, startAgent } from '../expose/agent-cost.ts';
import { createPools, withBenchLab } from '../expose/bench-lab.ts';
import { printedRow, type BenchRow } from '../harness.ts';
import { BIRD, startBird } from './bird.ts';
import { addressesIn, agentEnv, QUIET, stateDir, withRouter } from './peering.ts';

const COUNT = 1000;
const POOL = '10.78.0.1-10.78.3.254';
const SETTLE_MS = 15_000;

export const rss1000: BenchRow = {
  name: 'rss-1000',
  what: 'resident memory with 1000 addresses announced: the agent (`npm run build` first), and BIRD',
  measure: (n, { election }) =>
    withBenchLab({ ...QUIET, nodes: 2 }, (lab) =>
      withRouter(lab, async ({ monitor }) => {
        const { paths, cluster } = lab;
        await createPools(cluster, { 'range-global': POOL });
        const agent = startAgent(lab, 'n1', { ...agentEnv(election), ...stateDir(paths, 'n1') });
        const bird = startBird(paths, 'n2', { addresses: addressesIn(92, COUNT) });
        try {
          await create(lab, COUNT);
          for (const node of lab.nodes) await monitor.until(nodeAddresses(node).lan, COUNT, 300);
          await delay(SETTLE_MS);
          const [ours, theirs]: [number[], number[]] = [[], []];
          for (let i = 0; i < n; i++) {
            ours.push(rssMegabytes(agent.pid ?? 0));
            theirs.push(rssMegabytes(bird.pid));
            await delay(500);
          }
          return [printedRow('rss-1000: agent', ours, 'MB'), printedRow(`rss-1000: ${BIRD}`, theirs, 'MB')];
        } finally {
          const ended = once(agent, 'exit');
          agent.kill('SIGKILL');
          await Promise.all([ended, bird.stop()]);
        }
      }),
    ),
};
