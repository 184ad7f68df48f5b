import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NamePublisher, NameRequestOnLink } from '../../../src/exposure/naming/port.ts';
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { decodeArp } from '../../../src/protocols/arp/packet.ts';
import { encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, MDNS_PORT, message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { bytesInUse } from '../../support/heap.ts';
import {
  clock,
  createMdnsLan,
  nameRequest,
  published,
  verified,
  type Heard,
  type MdnsLan,
} from '../../support/mdns-lan.ts';
import { eventually } from '../../support/netns.ts';

/** KUBEVIP_HOSTILE_PACKETS: hostile packets on the wire. */
const HOSTILE = Number(process.env['KUBEVIP_HOSTILE_PACKETS'] ?? 10_000);
const NAMES = 1000;

let world: MdnsLan<'n1' | 'n2' | 'lap'>;
let heard: Heard[];

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'n2', 'lap']);
  heard = await world.listenOn('lap');
});
afterAll(() => world.dispose());

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const ms = (value: number): string => `${value.toFixed(1)} ms`;

function thousand(): NameRequestOnLink[] {
  return Array.from({ length: NAMES }, (_, i) => {
    const name = `n${i}`;
    return nameRequest(name, { ips: [ip(`10.77.${1 + (i >> 8)}.${i & 255}`)], verified: verified(name) });
  });
}

/** When the address of each name was first heard, from `node`. */
function heardAt(node: 'n1' | 'n2'): Map<string, number> {
  const first = new Map<string, number>();
  for (const { at, from, message: said } of heard) {
    if (from !== world.lan.hosts[node].ip || said.kind !== 'response') continue;
    for (const { type, name, ttl } of said.answers) {
      if (type === 'A' && ttl > 0 && !first.has(name)) first.set(name, at);
    }
  }
  return first;
}

describe('a move to another node', () => {
  it('is heard by the laptop at once, without a probe: with the sockets open, and as the first name of a node', async () => {
    const times: Record<'open' | 'first', number[]> = { open: [], first: [] };
    const resident = world.publisherOn('n1');
    await published(resident, nameRequest('resident'));
    for (let i = 0; i < 15; i++) {
      for (const [how, publisher] of [
        ['open', resident],
        ['first', world.publisherOn('n2')],
      ] as const) {
        const name = `move-${how}-${i}`;
        const began = clock.now();
        publisher.ensure(nameRequest(name, { verified: verified(name) }));
        const node = how === 'open' ? 'n1' : 'n2';
        const at = await eventually('it is heard', () => heardAt(node).get(`${name}.local`));
        times[how].push(at! - began);
        if (how === 'first') publisher.close();
      }
    }
    resident.close();
    expect(
      heard.flatMap(({ message: { questions } }) => questions).filter(({ name }) => name.startsWith('move')),
    ).toEqual([]);
    for (const how of ['open', 'first'] as const) {
      const worst = Math.max(...times[how]);
      print(`a name after its address, ${how}: median ${ms(median(times[how]))}, worst ${ms(worst)} (aim: 20 ms)`);
    }
  });
});

describe('a takeover of address and name', () => {
  it('has the name on the wire right after the address', async () => {
    const { netns } = world.lan.hosts.n2;
    const network = world.networkOf('n2');
    const [addressTable, silence] = [createAddressTable({ netns }), createSilenceFilter({ netns })];
    const announcement = createAnnouncement({ network, addressTable, silence, clock });
    const publisher = world.publisherOn('n2');
    const claimed = new Map<Ip, number>();
    const lap = world.networkOf('lap');
    const frames = lap.openFrames(
      { link: lap.links().find(({ name }) => name === 'eth0')!, etherType: 0x0806 },
      (frame) => {
        const { senderIp } = decodeArp(frame);
        if (!claimed.has(senderIp)) claimed.set(senderIp, clock.now());
      },
    );
    const times: number[] = [];
    try {
      for (let i = 0; i < 15; i++) {
        const [name, vip] = [`takeover${i}`, ip(`10.77.0.${150 + i}`)];
        // As the reconciler does, in one go.
        expect(announcement.ensure({ ip: vip })).toMatchObject({ state: 'ready' });
        publisher.ensure(nameRequest(name, { ips: [vip], verified: verified(name) }));
        const named = await eventually('the name is heard', () => heardAt('n2').get(`${name}.local`));
        const taken = await eventually('the address is heard', () => claimed.get(vip));
        times.push(named! - taken!);
      }
    } finally {
      frames.close();
      publisher.close();
      await announcement.close();
      addressTable.close();
      silence.close();
    }
    const worst = Math.max(...times);
    print(`a name after the first ARP for its address: median ${ms(median(times))}, worst ${ms(worst)} (aim: 20 ms)`);
    expect(median(times)).toBeLessThan(1000);
  });
});

describe('a thousand names on one link', () => {
  it('are taken over at once, and cost nothing afterwards', async () => {
    const publisher = world.publisherOn('n2');
    await published(publisher, nameRequest('resident2'));
    heard.length = 0;
    const began = clock.now();
    for (const request of thousand()) publisher.ensure(request);
    const told = clock.now() - began;
    const at = await eventually('the last one is heard', () => {
      const times = [...heardAt('n2')].filter(([name]) => /^n\d/.test(name)).map(([, time]) => time - began);
      return times.length === NAMES ? times : undefined;
    });
    const [half, last] = [median(at!), Math.max(...at!)];
    print(
      `1000 names taken over: half after ${ms(half)}, the last after ${ms(last)}; ${ms(told)} of it to take them in`,
    );
    await eventually('every announcement has been said', async () => {
      const before = heard.length;
      await delay(3500);
      return heard.length === before;
    });
    heard.length = 0;
    const before = process.cpuUsage();
    await delay(3000);
    const { user, system } = process.cpuUsage(before);
    print(`1000 names at rest: ${heard.length} datagrams and ${ms((user + system) / 1000)} of a core in 3 s`);
    expect(heard).toEqual([]);
    publisher.close();
  });
});

describe('a hostile host on the link', () => {
  it(`sends ${HOSTILE} packets, and the responder stays as small, as quiet and as right as it was`, async () => {
    const publisher: NamePublisher = world.publisherOn('n1');
    const wanted = nameRequest('target');
    await published(publisher, wanted);
    const network = world.networkOf('lap');
    const link = network.links().find(({ name }) => name === 'eth0')!;
    const socket = await network.openDatagrams({
      family: 4,
      link,
      localPort: MDNS_PORT,
      shared: true,
      multicastTtl: 255,
      onDatagram: () => undefined,
      onError: (error) => expect.unreachable(error.message),
    });
    const rival: ResourceRecord = { name: 'target.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.66') };
    const record = (i: number): ResourceRecord => ({ ...rival, name: `x${i}.local` });
    const question = (name: string) => ({ name, type: 'ANY', unicast: true }) as const;
    const packets: ((i: number) => Uint8Array)[] = [
      (i) => encodeMessage(message('query', { questions: [question(`x${i}.local`)], authorities: [record(i)] })),
      (i) => encodeMessage(message('response', { answers: [record(i)] })),
      (i) =>
        encodeMessage(
          message('query', { questions: [question('target.local')], answers: [record(i)], truncated: true }),
        ),
      () => encodeMessage(message('response', { answers: [rival] })),
      () => encodeMessage(message('response', { answers: [{ ...rival, ttl: 0, data: ip('10.77.0.101') }] })),
      (i) => Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, i & 255]),
      (i) => Uint8Array.from({ length: 12 + (i % 500) }, (_, j) => (i * 31 + j * 17) & 255),
    ];
    const listening = heard.length;
    const before = bytesInUse();
    for (let i = 0; i < HOSTILE; i++) {
      socket.send(packets[i % packets.length]!(i), { ip: MDNS_GROUP_V4, port: MDNS_PORT });
      if (i % 100 === 99) await delay(10);
    }
    const said = heard.slice(listening).filter(({ from }) => from === world.lan.hosts.n1.ip);
    heard.length = 0;
    const grown = (bytesInUse() - before) / (1 << 20);
    print(`${HOSTILE} hostile packets: ${said.length} answered, ${grown.toFixed(1)} MiB more in use`);
    expect(grown).toBeLessThan(8);
    expect(said.length).toBeLessThan(HOSTILE / 10);
    socket.close();
    const { value } = await published(publisher, wanted);
    expect(value.hosts[0]).toMatch(/^target(-\d+)?\.local$/);
    publisher.close();
  });
});
