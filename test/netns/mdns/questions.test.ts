import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NamePublisher } from '../../../src/exposure/naming/port.ts';
import { groupOf } from '../../../src/exposure/naming/mdns-channel.ts';
import { familyOf, ip, type Family, type Ip } from '../../../src/model/ip.ts';
import type { DatagramSocket } from '../../../src/model/wire.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_PORT, message, type Message, type Question } from '../../../src/protocols/mdns/message.ts';
import { startAvahi, type Avahi } from '../../support/avahi.ts';
import { createMdnsLan, nameRequest, published, verified, type Heard, type MdnsLan } from '../../support/mdns-lan.ts';
import { eventually } from '../../support/netns.ts';

const BOTH = [ip('10.77.0.101'), ip('fd77::101')];
/** Longer than any answer is held back for others' sake (RFC 6762 §6, §7.2). */
const QUIET = 800;

let world: MdnsLan<'n1' | 'lap' | 'other'>;
let laptop: Avahi;
let heard: Heard[];
/** One for all: a question sent to the node itself reaches one socket of port 5353 only (§15.1). */
let publisher: NamePublisher;

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'lap', 'other']);
  const { hosts, dir } = world.lan;
  await Promise.all(Object.values(hosts).map((host, i) => host.ip8(`addr add fd77::${11 + i}/64 dev eth0 nodad`)));
  await hosts.other.ip8('addr add 192.0.2.60/24 dev eth0');
  laptop = await startAvahi(hosts.lap, dir, 'laptop');
  heard = await world.listenOn('lap');
  publisher = world.publisherOn('n1');
});
afterAll(() => world.dispose());

async function announced(name: string, type = '_http._tcp'): Promise<void> {
  const own = [`${name}.local`, `${name}.${type}.local`];
  const ports = [{ type, port: 80, txt: {} }];
  await published(publisher, nameRequest(name, { ips: BOTH, ports, verified: own }));
  // The last announcement is over, and every record may be multicast again.
  await delay(4100);
}

const fromN1 = (from: string): boolean => from === world.lan.hosts.n1.ip || from.startsWith('f');
const answersSince = (index: number, type: string) =>
  heard
    .slice(index)
    .filter(({ from, message: { kind } }) => fromN1(from) && kind === 'response')
    .flatMap(({ message: { answers } }) => answers)
    .filter((record) => record.type === type);

/** A socket of host `other`, and what comes to it alone. */
async function asker(family: Family, options: { localIp?: Ip; localPort?: number } = {}) {
  const network = world.networkOf('other');
  const got: Message[] = [];
  const socket: DatagramSocket = await network.openDatagrams({
    family,
    link: network.links().find(({ name }) => name === 'eth0')!,
    shared: options.localPort !== undefined,
    multicastTtl: 255,
    onDatagram: ({ data }) => got.push(decodeMessage(data)),
    onError: (error) => expect.unreachable(error.message),
    ...options,
  });
  const ask = (question: Question, parts: Partial<Message> = {}, to: Ip = groupOf(family)): void =>
    socket.send(encodeMessage(message('query', { id: 7, questions: [question], ...parts })), {
      ip: to,
      port: MDNS_PORT,
    });
  return { got, ask, socket };
}

const question = (name: string, type: Question['type'], unicast = false): Question => ({ name, type, unicast });

describe('known answers on the wire (RFC 6762 §7.1, §7.2)', () => {
  it('that avahi lists in its question are not told again', async () => {
    await announced('known', '_known._tcp');
    await laptop.tool(['avahi-browse', '-pt', '_known._tcp']);
    await delay(1100);
    const before = heard.length;
    await laptop.tool(['avahi-browse', '-pt', '_known._tcp']);
    const asked = await eventually('avahi asks, knowing the answer', () =>
      heard.slice(before).find(({ message: { kind, answers } }) => kind === 'query' && answers.length > 0),
    );
    expect(asked!.message.answers).toContainEqual(
      expect.objectContaining({ type: 'PTR', data: 'known._known._tcp.local' }),
    );
    await delay(QUIET);
    expect(answersSince(before, 'PTR')).toEqual([]);
  });

  it('that follow in a second packet are waited for, and those that never come are not', async () => {
    await announced('pages', '_pages._tcp');
    const { ask, socket } = await asker(4, { localPort: MDNS_PORT });
    const known = {
      name: '_pages._tcp.local',
      type: 'PTR',
      ttl: 4500,
      flush: false,
      data: 'pages._pages._tcp.local',
    } as const;
    let before = heard.length;
    ask(question('_pages._tcp.local', 'PTR'), { truncated: true });
    socket.send(encodeMessage(message('query', { answers: [known] })), { ip: groupOf(4), port: MDNS_PORT });
    await delay(QUIET);
    expect(answersSince(before, 'PTR')).toEqual([]);
    before = heard.length;
    ask(question('_pages._tcp.local', 'PTR'), { truncated: true });
    await eventually('it is answered', () => answersSince(before, 'PTR').length > 0);
    socket.close();
  });
});

describe('unicast answers on the wire', () => {
  it('go to the host alone that asks for one, with TTL 255 (§5.4, §11)', async () => {
    await announced('alone');
    const network = world.networkOf('other');
    const link = network.links().find(({ name }) => name === 'eth0')!;
    const ttls: number[] = [];
    const frames = network.openFrames({ link, etherType: 0x0800, udpPort: MDNS_PORT }, (frame) => {
      const toUs = Buffer.from(frame.subarray(30, 34)).join('.') === world.lan.hosts.other.ip;
      if (toUs) ttls.push(frame[22] ?? 0);
    });
    const { got, ask, socket } = await asker(4, { localPort: MDNS_PORT });
    const before = heard.length;
    ask(question('alone.local', 'A', true));
    const answer = await eventually('the answer comes', () => got.find(({ kind }) => kind === 'response'));
    expect(answer!.answers).toEqual([{ name: 'alone.local', type: 'A', ttl: 120, flush: true, data: '10.77.0.101' }]);
    expect(answersSince(before, 'A')).toEqual([]);
    await eventually('its frame was seen', () => ttls.length > 0);
    expect(ttls).toEqual([255]);
    frames.close();
    socket.close();
  });

  it.each([4, 6] as const)(
    'go to a plain resolver by IPv%i, short-lived and without cache-flush (§6.7)',
    async (family) => {
      const name = `plain${family}`;
      await published(publisher, nameRequest(name, { ips: BOTH, verified: verified(name) }));
      const { got, ask, socket } = await asker(family);
      ask(question(`${name}.local`, family === 4 ? 'A' : 'AAAA'));
      const answer = await eventually('the answer comes', () => got[0]);
      expect(answer).toMatchObject({ id: 7, kind: 'response', questions: [{ name: `${name}.local` }] });
      for (const record of answer!.answers) expect(record).toMatchObject({ ttl: 10, flush: false });
      expect(answer!.answers.map(({ data }) => data)).toEqual([BOTH.find((one) => familyOf(one) === family)]);
      socket.close();
    },
  );

  it('go to a question sent to the node itself, too, but not off the link (§11)', async () => {
    await published(publisher, nameRequest('near', { verified: verified('near') }));
    const near = await asker(4);
    near.ask(question('near.local', 'A'), {}, ip(world.lan.hosts.n1.ip));
    await eventually('the answer comes', () => near.got.length > 0);
    await world.lan.hosts.n1.ip8('route add 192.0.2.0/24 dev eth0');
    const far = await asker(4, { localIp: ip('192.0.2.60') });
    far.ask(question('near.local', 'A'));
    far.ask(question('near.local', 'A'), {}, ip(world.lan.hosts.n1.ip));
    await delay(QUIET);
    expect(far.got).toEqual([]);
    near.socket.close();
    far.socket.close();
  });
});
