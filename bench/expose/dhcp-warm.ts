/**
 * POST of a Service answered → its DHCP address answers, with the server's own time: as dnsmasq is by default, it pings
 * an address for three seconds before it offers it. With a spare lease kept ready, and without.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KEY } from '../../src/model/annotations.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { absoluteRow, printedRow, type BenchRow } from '../harness.ts';
import { probeForAnswer } from './arp-prober.ts';
import { eventually, loadBalancer, withBenchLab, type BenchLab } from './bench-lab.ts';

/** dnsmasq stops pinging after six pings within half a minute. */
const REST_MS = 3000;

export const dhcpWarm: BenchRow = {
  name: 'dhcp-warm',
  what: 'POST of a Service answered → its DHCP address answers ARP, a spare lease ready, the server pings before it offers',
  measure: (n) =>
    withBenchLab({ agentEnv: { dhcp_spare: '1' } }, async (lab) => {
      const used = new Set<Ip>();
      const samples: number[] = [];
      for (let i = 0; i <= n; i++) {
        const spare = await spareReady(lab, used);
        const took = await sample(lab, `warm${i}`, spare, {});
        if (i > 0) samples.push(took);
        used.add(spare);
      }
      return absoluteRow('dhcp-warm', samples, 60);
    }),
};

export const dhcpDefaultServer: BenchRow = {
  name: 'dhcp-default-server',
  what: 'the same without a spare lease: the server’s three seconds are in it',
  measure: (n) =>
    withBenchLab({}, async (lab) => {
      const samples: number[] = [];
      for (let i = 0; i < n; i++) {
        // Asked for by option 50, so that the prober knows it.
        const address = ip(`10.77.0.${110 + i}`);
        samples.push(await sample(lab, `cold${i}`, address, { [KEY.requestedIP]: address }));
        await delay(REST_MS);
      }
      return printedRow('dhcp-default-server', samples);
    }),
};

/** The address that the next Service will be given: the agents record it for each other. */
async function spareReady({ cluster }: BenchLab, used: ReadonlySet<Ip>): Promise<Ip> {
  let found: Ip | undefined;
  await eventually('a spare lease is ready', async () => {
    const lease = await cluster.resource('Lease').find({ name: 'kubevip-dhcp-spares', namespace: 'kube-system' });
    const spares = JSON.parse(lease?.metadata.annotations?.[KEY.dhcpSpares] ?? '[]') as { lease: { ip: Ip } }[];
    found = spares.map((spare) => spare.lease.ip).find((address) => !used.has(address));
    return found !== undefined;
  });
  return found!;
}

async function sample(
  lab: BenchLab,
  name: string,
  address: Ip,
  annotations: Readonly<Record<string, string>>,
): Promise<number> {
  const services = lab.cluster.resource('Service');
  const { answered } = probeForAnswer(lab, address);
  await services.create(loadBalancer(name, { [KEY.loadBalancerIPs]: '0.0.0.0', ...annotations }));
  const posted = performance.now();
  const took = (await answered) - posted;
  await eventually(`${name} is ready`, async () => {
    const service = await services.find({ name, namespace: 'default' });
    return service?.status?.loadBalancer?.ingress?.some((one) => one.ip === address) ?? false;
  });
  return took;
}
