/**
 * POST of a Service answered → its DHCP address answers, less what the DHCP server itself took: the time from
 * DISCOVER to OFFER and from REQUEST to ACK, read off the wire.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KEY } from '../../src/model/annotations.ts';
import { DecodeError } from '../../src/model/errors.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { MESSAGE_TYPE, OPTION } from '../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame } from '../../src/protocols/dhcp4/frame.ts';
import { decodeMessage } from '../../src/protocols/dhcp4/message.ts';
import { absoluteRow, type BenchRow } from '../harness.ts';
import { probeForAnswer } from './arp-prober.ts';
import { eventually, loadBalancer, withBenchLab, type BenchLab } from './bench-lab.ts';

const REST_MS = 200;

export const dhcpOverServer: BenchRow = {
  name: 'dhcp-over-server',
  what: 'POST of a Service answered → its DHCP address answers ARP, less the DHCP server’s own time',
  measure: (n) =>
    // dnsmasq's ping check is the server's habit, and three seconds of waiting for nothing.
    withBenchLab({ dhcp: { pingCheck: false } }, async (lab) => {
      const samples: number[] = [];
      for (let i = 0; i <= n; i++) {
        const took = await sample(lab, `dhcp${i}`, ip(`10.77.0.${110 + i}`));
        if (i > 0) samples.push(took);
        await delay(REST_MS);
      }
      return absoluteRow('dhcp-over-server', samples, 60);
    }),
};

/** The address is asked for by option 50, so that the prober knows it. */
async function sample(lab: BenchLab, name: string, address: Ip): Promise<number> {
  const services = lab.cluster.resource('Service');
  const server = watchServer(lab);
  try {
    const { answered } = probeForAnswer(lab, address);
    await services.create(loadBalancer(name, { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.requestedIP]: address }));
    const posted = performance.now();
    const total = (await answered) - posted;
    // What was sent first is not always read first.
    await eventually('the exchange with the DHCP server is seen on the wire', () => server.seen());
    const own = server.took();
    await eventually(`${name} is ready`, async () => {
      const service = await services.find({ name, namespace: 'default' });
      return service?.status?.loadBalancer?.ingress?.some((one) => one.ip === address) ?? false;
    });
    return total - own;
  } finally {
    server.close();
  }
}

/** The first frame of each kind since now: only one Service is under way. */
function watchServer({ network, link }: BenchLab): { seen(): boolean; took(): number; close(): void } {
  const seen = new Map<number, number>();
  const onFrame = (frame: Uint8Array): void => {
    const at = performance.now();
    const type = messageType(frame);
    if (type !== undefined && !seen.has(type)) seen.set(type, at);
  };
  const sockets = [67, 68].map((udpPort) => network.openFrames({ link, etherType: 0x0800, udpPort }, onFrame));
  const between = (question: number, answer: number): number => {
    const [start, end] = [seen.get(question), seen.get(answer)];
    if (start === undefined || end === undefined)
      throw new Error('the exchange with the DHCP server was not seen on the wire');
    return end - start;
  };
  return {
    seen: () => seen.has(MESSAGE_TYPE.ack),
    took: () => between(MESSAGE_TYPE.discover, MESSAGE_TYPE.offer) + between(MESSAGE_TYPE.request, MESSAGE_TYPE.ack),
    close: () => sockets.forEach((socket) => socket.close()),
  };
}

function messageType(frame: Uint8Array): number | undefined {
  try {
    const { options } = decodeMessage(decodeUdpFrame(frame).payload);
    return options.get(OPTION.messageType)?.[0];
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
