/** From the start of an agent that has one Service to announce until the router sends its address there. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { startAgent } from '../expose/agent-cost.ts';
import { createPools, loadBalancer, withBenchLab } from '../expose/bench-lab.ts';
import { besideRow, type BenchRow } from '../harness.ts';
import { BIRD, startBird } from './bird.ts';
import { agentEnv, QUIET, stateDir, withRouter } from './peering.ts';

const POOL = '10.90.0.0/29';
const [VIP, BIRD_VIP] = ['10.90.0.1', '10.90.0.14'];
/** FRR does not take a call at once from whom it has just lost. */
const REST_MS = 2000;

export const firstRoute: BenchRow = {
  name: 'first-route',
  what: 'start of an agent → the router sends the address of its Service there (`npm run build` first)',
  measure: (n, { election }) =>
    withBenchLab({ ...QUIET, nodes: 2 }, (lab) =>
      withRouter(lab, async ({ monitor }) => {
        const { paths, cluster } = lab;
        await createPools(cluster, { 'cidr-global': POOL });
        await cluster.resource('Service').create(loadBalancer('web', { 'kube-vip.io/loadbalancerIPs': VIP }));
        const [us, peer] = [nodeAddresses('n1').lan, nodeAddresses('n2').lan];

        const agent = async (): Promise<number> => {
          const at = Date.now();
          const child = startAgent(lab, 'n1', { ...agentEnv(election), ...stateDir(paths, 'n1') });
          const took = (await monitor.until(us, 1)) - at;
          await delay(REST_MS);
          child.kill('SIGTERM');
          await once(child, 'exit');
          await monitor.until(us, 0);
          await delay(REST_MS);
          return took;
        };
        const bird = async (): Promise<number> => {
          const at = Date.now();
          const daemon = startBird(paths, 'n2', { addresses: [BIRD_VIP] });
          const took = (await monitor.until(peer, 1)) - at;
          await delay(REST_MS);
          await daemon.stop();
          await monitor.until(peer, 0);
          await delay(REST_MS);
          return took;
        };

        // The first one has to choose an address.
        await agent();
        const [samples, theirs]: [number[], number[]] = [[], []];
        for (let i = 0; i < n; i++) {
          samples.push(await agent());
          theirs.push(await bird());
        }
        return besideRow('first-route', samples, 1000, { name: BIRD, samples: theirs });
      }),
    ),
};
