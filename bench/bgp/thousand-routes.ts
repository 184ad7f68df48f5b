/** A session stands, and then a thousand addresses are to be announced. */
import { setTimeout as delay } from 'node:timers/promises';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { withBenchLan, eventually } from '../expose/bench-lab.ts';
import { besideRow, type BenchRow } from '../harness.ts';
import { BIRD, startBird } from './bird.ts';
import { addressesIn, withRouter, type Announcer } from './peering.ts';
import type { RouteMonitor } from './route-monitor.ts';
import { startSpeaker } from './speaker.ts';

const COUNT = 1000;
const REST_MS = 500;

export const thousandRoutes: BenchRow = {
  name: 'thousand-routes',
  what: 'a session stands; 1000 addresses are announced at once → the last of them is in the router’s kernel',
  measure: (n) =>
    withBenchLan(2, (lan) =>
      withRouter(lan, async ({ router, monitor }) => {
        const { paths } = lan;
        const ours = startSpeaker(paths, 'n1', 91, COUNT);
        const bird = startBird(paths, 'n2', { addresses: addressesIn(92, COUNT), withheld: true });
        for (const node of lan.nodes)
          await eventually(`the session with ${node} stands`, () => router.established(node));
        const [samples, theirs]: [number[], number[]] = [[], []];
        // The first of each meets code that has never run.
        for (let i = 0; i <= n; i++) {
          const [mine, other] = [await sample(ours, 'n1', monitor), await sample(bird, 'n2', monitor)];
          if (i === 0) {
            console.error(`the first time: ${mine} ms, ${BIRD} ${other} ms`);
            continue;
          }
          samples.push(mine);
          theirs.push(other);
        }
        await Promise.all([ours.stop(), bird.stop()]);
        return besideRow('thousand-routes', samples, 200, { name: BIRD, samples: theirs });
      }),
    ),
};

async function sample(announcer: Announcer, node: string, monitor: RouteMonitor): Promise<number> {
  const { lan } = nodeAddresses(node);
  const at = Date.now();
  await announcer.announce();
  const took = (await monitor.until(lan, COUNT)) - at;
  await delay(REST_MS);
  await announcer.withdraw();
  await monitor.until(lan, 0);
  await delay(REST_MS);
  return took;
}
