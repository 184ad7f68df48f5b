/** A rogue host on the LAN sends what no decoder expects, at live agents that hold every kind of thing. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { createNetwork } from '../../src/linux/network.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { BROADCAST_MAC, parseMac, type Mac } from '../../src/model/mac.ts';
import { arpProbe, encodeArp } from '../../src/protocols/arp/packet.ts';
import { encodeUdpFrame } from '../../src/protocols/dhcp4/frame.ts';
import { encodeMessage } from '../../src/protocols/mdns/codec.ts';
import { message } from '../../src/protocols/mdns/message.ts';
import { ndpProbe, unsolicitedAdvertisement } from '../../src/protocols/ndp/forms.ts';
import { encodeNdp } from '../../src/protocols/ndp/packet.ts';
import { agentPid } from '../support/agent-process.ts';
import { chanceFrom, seedFrom, type Chance } from '../support/chance.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';
import { mutate } from '../support/mutate.ts';

const PACKETS = Number(process.env['HOSTILE_PACKETS'] ?? 5000);
const SEED = seedFrom(process.env['HOSTILE_SEED']);
/** So many in one go, then a breath: the rogue shall not starve its own machine. */
const BURST = 50;
/** What an agent may have grown by, noise of its collector included. */
const GROWTH_MB = 40;
const NODES = ['n1', 'n2', 'n3'];
const ROGUE = parseMac('02:66:66:66:66:66') ?? BROADCAST_MAC;

let lab: TestLab;

/** Where each protocol is listened to, with a valid message to begin from. */
const TARGETS: readonly { to: Mac | undefined; ip: string; from: number; port: number; payload: Uint8Array }[] = [
  {
    to: undefined,
    ip: '255.255.255.255',
    from: 67,
    port: 68,
    payload: Uint8Array.of(2, 1, 6, 0, ...new Array<number>(240).fill(0)),
  },
  { to: parseMac('01:00:5e:00:00:fb'), ip: '224.0.0.251', from: 5353, port: 5353, payload: mdns() },
  {
    to: parseMac('01:00:5e:7f:ff:fa'),
    ip: '239.255.255.250',
    from: 1900,
    port: 1900,
    payload: Buffer.from(
      'NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nLOCATION: http://10.77.0.50:1/x\r\nUSN: uuid:x\r\n\r\n',
    ),
  },
  {
    to: parseMac('01:00:5e:00:00:01'),
    ip: '224.0.0.1',
    from: 5351,
    port: 5350,
    payload: Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 192, 0, 1, 2),
  },
  {
    to: parseMac('01:00:5e:00:00:01'),
    ip: '224.0.0.1',
    from: 5351,
    port: 5350,
    payload: Uint8Array.of(2, 128, 0, 0, ...new Array<number>(20).fill(0)),
  },
];

function mdns(): Uint8Array {
  return encodeMessage(
    message('response', {
      answers: [{ name: 'rogue.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.66') }],
    }),
  );
}

/** One frame, valid around something that is not, or not even that. */
function frame(chance: Chance): Uint8Array {
  const node = parseMac(nodeAddresses(chance.pick(NODES)).mac) ?? BROADCAST_MAC;
  const other = ip('10.77.0.66');
  switch (chance.below(4)) {
    case 0:
      return mutate(chance, [encodeArp(arpProbe(ROGUE, other))]);
    case 1: {
      const target: Ip = ip('2001:db8:77::66');
      return mutate(chance, [encodeNdp(ndpProbe(ROGUE, target)), encodeNdp(unsolicitedAdvertisement(ROGUE, target))]);
    }
    default: {
      const { to, ip: targetIp, from, port, payload } = chance.pick(TARGETS);
      const bytes = mutate(chance, [payload]);
      const ends = { sourceMac: ROGUE, targetMac: chance.happens(0.5) ? node : (to ?? BROADCAST_MAC), sourceIp: other };
      const whole = encodeUdpFrame({
        ...ends,
        targetIp: ip(targetIp),
        sourcePort: from,
        targetPort: port,
        payload: bytes,
      });
      return chance.happens(0.1) ? mutate(chance, [whole]) : whole;
    }
  }
}

const rss = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function send(count: number, chance: Chance): Promise<void> {
  const network = createNetwork({ netns: netnsOf(lab.paths, 'laptop') });
  try {
    const link = network.links().find(({ name }) => name === 'eth0');
    if (!link) throw new Error('the laptop has no eth0');
    const socket = network.openFrames({ link, etherType: 0x88b5 }, () => undefined);
    for (let sent = 0; sent < count; sent++) {
      socket.send(frame(chance));
      if (sent % BURST === BURST - 1) await delay(2);
    }
    socket.close();
  } finally {
    network.close();
  }
}

beforeAll(async () => {
  lab = await startLab({ dhcp: { pingCheck: false } });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': '10.77.0.200-10.77.0.209,2001:db8:77::200-2001:db8:77::209' });
  for (const args of [
    ['--name', 'pool', '--family', 'dual', '--router', '8080', '--mdns', 'web'],
    ['--name', 'lease', '--dhcp'],
  ]) {
    const exposed = await lab.kubevip('expose', 'deployment/web', '--port', '80', ...args);
    expect(exposed.code, exposed.stderr).toBe(0);
  }
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('live agents', () => {
  it(`survive ${PACKETS} hostile packets (HOSTILE_SEED=${SEED}) with what they hold, and with flat memory`, async () => {
    const chance = chanceFrom(SEED);
    const addresses = async (): Promise<string[][]> => {
      const { items } = await lab.cluster.resource('Service').list({ namespace: 'default' });
      return items.map(({ status }) => (status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? ''));
    };
    const held = await addresses();
    const pids = NODES.map((node) => agentPid(lab, node));
    await send(Math.ceil(PACKETS / 10), chance);
    await delay(2000);
    const before = pids.map(rss);
    await send(PACKETS, chance);
    await delay(2000);
    const after = pids.map(rss);
    console.log(
      `resident memory: ${before.map((mb, i) => `${mb.toFixed(0)} → ${after[i]?.toFixed(0)}`).join(', ')} MB`,
    );

    expect(NODES.map((node) => agentPid(lab, node))).toEqual(pids);
    for (const [i, mb] of after.entries()) expect(mb - (before[i] ?? 0)).toBeLessThan(GROWTH_MB);
    expect(await addresses()).toEqual(held);
    const ways = (): Promise<(string | undefined)[]> =>
      Promise.all([
        ...held.flat().map((one) => lab.curl('laptop', one.includes(':') ? `http://[${one}]/` : `http://${one}/`)),
        lab.curl('internet', 'http://192.0.1.2:8080/'),
      ]);
    expect(await eventually(ways, (all) => all.every(Boolean))).toSatisfy((all: unknown[]) => all.every(Boolean));
    const name = async (): Promise<string> => (await lab.on('laptop', 'avahi-resolve', '-4', '-n', 'web.local')).stdout;
    const named = held.flat().find((one) => one.startsWith('10.77.0.20')) ?? 'none';
    expect(await eventually(name, (text) => text.includes(named))).toContain(named);
    for (const node of NODES) {
      const log = readFileSync(`${lab.paths.logs}/${node}-agent.log`, 'utf8');
      expect(log).toContain('"level":');
      expect(log).not.toMatch(/unexpected (error|rejection)/);
    }
  }, 600_000);
});
