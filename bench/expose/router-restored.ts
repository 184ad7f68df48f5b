/** The router is back from a restart in which it forgot everything → its ports are open again, as its rules have it. */
import { setTimeout as delay } from 'node:timers/promises';
import { rebootRouter } from '../../src/lab/faults.ts';
import { readMappings } from '../../src/lab/router/nat.ts';
import { KEY } from '../../src/model/annotations.ts';
import { absoluteRow, type BenchRow } from '../harness.ts';
import { createPools, eventually, loadBalancer, withBenchLab } from './bench-lab.ts';

const PORT = 8080;
const REST_MS = 1500;
const MOST = 10;

export const routerRestored: BenchRow = {
  name: 'router-restored',
  what: 'miniupnpd and its rules are back, empty → the port of the Service is open again',
  measure: (n) =>
    withBenchLab({}, async ({ paths, cluster }) => {
      const isOpen = async (): Promise<boolean> =>
        (await readMappings(paths)).some(({ externalPort }) => externalPort === PORT);
      await createPools(cluster, { 'range-global': '10.77.0.200-10.77.0.209' });
      await cluster.resource('Service').create(loadBalancer('restored', { [KEY.router]: `${PORT}` }));
      await eventually('the port is open', isOpen);
      const samples: number[] = [];
      for (let i = 0; i < Math.min(n, MOST); i++) {
        await delay(REST_MS);
        await rebootRouter(paths.id);
        const back = performance.now();
        await eventually('the port is open again', isOpen);
        samples.push(performance.now() - back);
      }
      return absoluteRow('router-restored', samples, 2000);
    }),
};
