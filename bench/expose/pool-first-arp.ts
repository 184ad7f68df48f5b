/** POST of a Service answered → first ARP answer for its address, which comes from a pool. */
import { setTimeout as delay } from 'node:timers/promises';
import { ip, type Ip } from '../../src/model/ip.ts';
import { absoluteRow, type BenchRow } from '../harness.ts';
import { probeForAnswer } from './arp-prober.ts';
import { eventually, loadBalancer, withBenchLab, type BenchLab } from './bench-lab.ts';

/** Time for the agent to have the next address of the pool verified again. */
const REST_MS = 400;

export const poolFirstArp: BenchRow = {
  name: 'pool-first-arp',
  what: 'POST of a Service answered → first ARP answer at the laptop, address from a pool',
  measure: (n) =>
    withBenchLab({}, async (lab) => {
      const addresses = await makePool(lab, n + 1);
      const samples: number[] = [];
      for (const [i, address] of addresses.entries()) {
        const took = await sample(lab, `pool${i}`, address);
        // The first one meets an agent that has just started.
        if (i > 0) samples.push(took);
        await delay(REST_MS);
      }
      return absoluteRow('pool-first-arp', samples, 40);
    }),
};

/** As large as needed: the allocator gives addresses out in ascending order, so the next one is known. */
async function makePool({ cluster }: BenchLab, size: number): Promise<Ip[]> {
  if (size > 50) throw new Error('the pool of the lab has 50 addresses');
  const data = { 'range-global': `10.77.0.200-10.77.0.${199 + size}` };
  const maps = cluster.resource('ConfigMap');
  const ref = { namespace: 'kube-system', name: 'kubevip' };
  if (await maps.find(ref)) await maps.patch(ref, { data }, { type: 'merge' });
  else await maps.create({ metadata: ref, data });
  await delay(3 * REST_MS);
  return Array.from({ length: size }, (_, i) => ip(`10.77.0.${200 + i}`));
}

async function sample(lab: BenchLab, name: string, address: Ip): Promise<number> {
  const services = lab.cluster.resource('Service');
  const { answered } = probeForAnswer(lab, address);
  await services.create(loadBalancer(name, {}));
  const posted = performance.now();
  const took = (await answered) - posted;
  await eventually(`${name} shows ${address}`, async () => {
    const service = await services.find({ name, namespace: 'default' });
    const ips = service?.status?.loadBalancer?.ingress?.map((one) => one.ip) ?? [];
    if (ips.length > 0 && !ips.includes(address))
      throw new Error(`${name} was given ${ips.join(', ')} and not ${address}`);
    return ips.includes(address);
  });
  return took;
}
