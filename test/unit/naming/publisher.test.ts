import { describe, expect, it } from 'vitest';
import type { NameRequestOnLink } from '../../../src/exposure/naming/port.ts';
import { createNamePublisher } from '../../../src/exposure/naming/publisher.ts';
import { ip } from '../../../src/model/ip.ts';
import type { ServiceKey } from '../../../src/model/kubernetes.ts';
import type { Mac } from '../../../src/model/mac.ts';
import type { DatagramSocket, Network } from '../../../src/model/wire.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, message, type Message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLan } from '../../support/fake-network.ts';
import { fixedEntropy } from '../../support/mdns-segment.ts';

function request(parts: Partial<NameRequestOnLink> = {}): NameRequestOnLink {
  return {
    service: 'default/web',
    hosts: ['web.local'],
    ips: [ip('10.77.0.101')],
    link: 'eth0',
    instance: 'web',
    ports: [{ type: '_http._tcp', port: 80, txt: {} }],
    verified: [],
    ...parts,
  };
}

/** What an earlier owner has won. */
const OURS = ['web.local', 'web._http._tcp.local'];

const a = (address: string, name = 'web.local'): ResourceRecord => ({
  name,
  type: 'A',
  ttl: 120,
  flush: true,
  data: ip(address),
});

/** Two nodes with a publisher each, and a third host that listens and talks by hand. */
async function lan(options: { latency?: number } = {}) {
  const clock = createFakeClock();
  const net = createFakeLan(clock, options);
  const node = (name: string, number: number) => {
    const host = net.host({
      name,
      mac: `02:00:00:00:00:${number}` as Mac,
      addresses: [{ ip: ip(`10.77.0.${number}`), prefixLength: 24 }],
    });
    const publisher = createNamePublisher({ network: host.network, clock, entropy: fixedEntropy(0) });
    const changes: ServiceKey[] = [];
    publisher.onChange((service) => changes.push(service));
    return { ...host, publisher, changes };
  };
  const heard: { at: number; from: string; message: Message }[] = [];
  const peer = net.host({
    name: 'laptop',
    mac: '02:00:00:00:00:50' as Mac,
    addresses: [{ ip: ip('10.77.0.50'), prefixLength: 24 }],
  });
  const socket: DatagramSocket = await peer.network.openDatagrams({
    family: 4,
    localPort: 5353,
    join: [MDNS_GROUP_V4],
    multicastLoop: false,
    onDatagram: ({ data, from }) => heard.push({ at: clock.now(), from: from.ip, message: decodeMessage(data) }),
    onError: (error) => expect.unreachable(error.message),
  });
  const say = (told: Message, to = '224.0.0.251') => socket.send(encodeMessage(told), { ip: ip(to), port: 5353 });
  return { clock, net, n1: node('n1', 11), n2: node('n2', 12), heard, say };
}

const responses = (heard: { at: number; from: string; message: Message }[]) =>
  heard.filter(({ message: { kind } }) => kind === 'response');

describe('createNamePublisher', () => {
  it('opens, probes, publishes, and says each time that it has something new to say', async () => {
    const { clock, n1 } = await lan();
    expect(n1.publisher.ensure(request())).toMatchObject({ state: 'pending', reason: 'Starting' });
    await clock.advanceAsync(0);
    expect(n1.publisher.ensure(request())).toEqual({
      state: 'pending',
      reason: 'Probing',
      message: 'asking on eth0 whether another host uses web.local',
    });
    n1.changes.length = 0;
    await clock.advanceAsync(749);
    expect(n1.changes).toEqual([]);
    await clock.advanceAsync(1);
    expect(n1.changes).toEqual(['default/web']);
    expect(n1.publisher.ensure(request())).toEqual({
      state: 'ready',
      reason: 'NamePublished',
      message: 'web.local → 10.77.0.101 on eth0; _http._tcp',
      value: { hosts: ['web.local'], instances: ['web._http._tcp.local'] },
    });
  });

  it('publishes names an earlier owner has won at once', async () => {
    const { clock, n2, heard } = await lan();
    n2.publisher.ensure(request({ verified: OURS }));
    await clock.advanceAsync(0);
    expect(n2.publisher.ensure(request({ verified: OURS }))).toMatchObject({ reason: 'NamePublished' });
    expect(responses(heard)[0]).toMatchObject({ at: 0, from: '10.77.0.12' });
    expect(responses(heard)[0]?.message.answers[0]).toEqual(a('10.77.0.101'));
  });

  it('takes another name when another host answers, and says whose fault it is', async () => {
    const { clock, n1, say } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(100);
    say(message('response', { answers: [a('10.77.0.50')] }));
    await clock.advanceAsync(1000);
    expect(n1.publisher.ensure(request())).toEqual({
      state: 'ready',
      reason: 'NameConflictRenamed',
      message:
        'published as web-2.local because another host answers web.local: ' +
        'web-2.local → 10.77.0.101 on eth0; _http._tcp',
      value: { hosts: ['web-2.local'], instances: ['web._http._tcp.local'] },
    });
  });

  it('does not mistake its own multicast, coming back late, for another host', async () => {
    const { clock, n1, heard } = await lan({ latency: 5 });
    n1.publisher.ensure(request({ verified: OURS }));
    // The last announcement has just been sent and is still on its way back.
    await clock.advanceAsync(3002);
    n1.publisher.ensure(request({ ips: [ip('10.77.0.102')] }));
    await clock.advanceAsync(10_000);
    expect(n1.publisher.ensure(request({ ips: [ip('10.77.0.102')] })).state).toBe('ready');
    expect(heard.filter(({ message: { kind } }) => kind === 'query')).toEqual([]);
  });

  it('gives a name to one Service only, and to the next when it is free', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(1000);
    const other = request({ service: 'shop/front', hosts: ['WEB.local'], instance: 'front' });
    expect(n1.publisher.ensure(other)).toEqual({
      state: 'failed',
      reason: 'NameTaken',
      message: 'WEB.local on eth0 belongs to Service default/web; choose another name',
    });
    n1.changes.length = 0;
    expect(n1.publisher.withdraw('default/web').state).toBe('off');
    expect(n1.changes).toEqual(['shop/front']);
    n1.publisher.ensure(other);
    await clock.advanceAsync(1000);
    expect(n1.publisher.ensure(other)).toMatchObject({ reason: 'NamePublished' });
  });

  it('tells instances of the same label apart', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    n1.publisher.ensure(request({ service: 'a/b', hosts: ['b.local'] }));
    await clock.advanceAsync(1000);
    expect(n1.publisher.ensure(request({ service: 'a/b', hosts: ['b.local'] }))).toMatchObject({
      reason: 'NamePublished',
      value: { hosts: ['b.local'], instances: ['web (2)._http._tcp.local'] },
    });
  });

  it('says goodbye on withdrawal and closes what it no longer needs', async () => {
    const { clock, n1, heard } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    expect(n1.publisher.withdraw('default/web')).toMatchObject({ state: 'off', reason: 'NameWithdrawn' });
    await clock.advanceAsync(0);
    expect(responses(heard)[0]?.message.answers.map(({ ttl }) => ttl)).toEqual([0, 0, 0, 0, 0]);
    await clock.advanceAsync(5000);
    expect(n1.open().datagrams).toBe(0);
    expect(clock.pending()).toBe(0);
    expect(n1.publisher.withdraw('default/web')).toMatchObject({ state: 'off', reason: 'NotPublished' });
  });

  it('says goodbye to what an agent before it published, and closes', async () => {
    const { clock, n1, heard } = await lan();
    const was = request({ verified: ['web.local', 'web._http._tcp.local'] });
    expect(n1.publisher.withdraw('default/web', was)).toMatchObject({ state: 'off', reason: 'NameWithdrawn' });
    await clock.advanceAsync(5000);
    const answers = responses(heard)[0]?.message.answers ?? [];
    expect(answers.map(({ ttl }) => ttl)).toEqual([0, 0, 0, 0, 0]);
    expect(answers).toContainEqual({ ...a('10.77.0.101'), ttl: 0 });
    expect(n1.open().datagrams).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('yields without a word', async () => {
    const { clock, n1, heard } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    n1.publisher.yield('default/web');
    await clock.advanceAsync(10_000);
    expect(heard).toEqual([]);
    expect(n1.open().datagrams).toBe(0);
  });

  it('moves between nodes without a goodbye or a probe in between', async () => {
    const { clock, n1, n2, heard } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    n2.publisher.ensure(request({ verified: OURS }));
    await clock.advanceAsync(50);
    n1.publisher.yield('default/web');
    await clock.advanceAsync(10_000);
    expect(heard.every(({ from, message: { kind } }) => from === '10.77.0.12' && kind === 'response')).toBe(true);
    expect(heard.flatMap(({ message: { answers } }) => answers).every(({ ttl }) => ttl > 0)).toBe(true);
  });

  it('says that there is no such link, and begins when it comes', async () => {
    const { clock, n1 } = await lan();
    n1.setLink(undefined);
    expect(n1.publisher.ensure(request())).toMatchObject({ state: 'failed', reason: 'NoLink' });
    n1.setLink({ up: false });
    expect(n1.publisher.ensure(request())).toMatchObject({ state: 'failed', message: 'eth0 is down' });
    n1.setLink({ up: true });
    await clock.advanceAsync(1000);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  it('asks again when the link comes back', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    n1.setLink({ up: false });
    expect(n1.changes.at(-1)).toBe('default/web');
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NoLink' });
    n1.setLink({ up: true });
    await clock.advanceAsync(0);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'Probing' });
    await clock.advanceAsync(1000);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  const own = { ip: ip('10.77.0.11'), prefixLength: 24 };
  const linkLocal = { ip: ip('fe80::1'), prefixLength: 64 };

  it('keeps its socket while other addresses come and go', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    n1.setLink({ addresses: [own, { ip: ip('10.77.0.101'), prefixLength: 32 }] });
    await clock.advanceAsync(10);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
    expect(n1.open().datagrams).toBe(1);
  });

  it('speaks in a family as soon as it comes to the link, and in the other one without a pause', async () => {
    const { clock, n1, heard } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    n1.setLink({ addresses: [own, linkLocal] });
    await clock.advanceAsync(10);
    expect(n1.open().datagrams).toBe(2);
    expect(responses(heard)[0]?.message.answers).toContainEqual(a('10.77.0.101'));
    expect(heard.every(({ message: { kind } }) => kind === 'response')).toBe(true);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
    n1.setLink({ addresses: [linkLocal] });
    await clock.advanceAsync(10);
    expect(n1.open().datagrams).toBe(1);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  it('opens sockets of its own on another interface that comes under the same name', async () => {
    const { clock, n1, heard } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    n1.setLink({ index: 7 });
    await clock.advanceAsync(1000);
    expect(n1.open().datagrams).toBe(1);
    expect(heard.filter(({ message: { kind } }) => kind === 'query')).toHaveLength(3);
    expect(n1.publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  it('holds no socket of an interface that is gone', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    n1.setLink(undefined);
    expect(n1.open().datagrams).toBe(0);
    expect(n1.publisher.ensure(request())).toMatchObject({ state: 'failed', reason: 'NoLink' });
  });

  it.each([
    ['10.77.0.60', 1],
    ['192.0.2.60', 0],
  ])('answers a plain resolver only on its own link: %s', async (address, answers) => {
    const { clock, net, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    const asker = net.host({
      name: 'asker',
      mac: '02:00:00:00:00:60' as Mac,
      addresses: [{ ip: ip(address), prefixLength: 24 }],
    });
    const got: Message[] = [];
    const socket = await asker.network.openDatagrams({
      family: 4,
      onDatagram: ({ data }) => got.push(decodeMessage(data)),
      onError: (error) => expect.unreachable(error.message),
    });
    const query = message('query', { id: 7, questions: [{ name: 'web.local', type: 'A', unicast: false }] });
    socket.send(encodeMessage(query), { ip: MDNS_GROUP_V4, port: 5353 });
    await clock.advanceAsync(500);
    expect(got.filter(({ id }) => id === 7)).toHaveLength(answers);
  });

  it.each([
    ['web.example.com', 'mDNS names end in .local'],
    ['local', 'mDNS names end in .local'],
    ['a..local', 'empty label'],
    [`${'x'.repeat(64)}.local`, 'a label is longer than 63 bytes'],
  ])('refuses %s', async (host, why) => {
    const { n1 } = await lan();
    expect(n1.publisher.ensure(request({ hosts: [host] }))).toEqual({
      state: 'failed',
      reason: 'InvalidName',
      message: `${JSON.stringify(host)} cannot be published: ${why}`,
    });
  });

  it('opens the socket again when it breaks, and goes on in the other family meanwhile', async () => {
    const clock = createFakeClock();
    const host = createFakeLan(clock).host({
      name: 'n1',
      mac: '02:00:00:00:00:11' as Mac,
      addresses: [own, linkLocal],
    });
    const opened: { family: 4 | 6; fail: () => void }[] = [];
    const network: Network = {
      ...host.network,
      openDatagrams: async (wanted) => {
        const socket = await host.network.openDatagrams(wanted);
        const fail = (): void => {
          socket.close();
          wanted.onError(new Error('receive on UDP port 5353: EIO'));
        };
        opened.push({ family: wanted.family, fail });
        return socket;
      },
    };
    const publisher = createNamePublisher({ network, clock, entropy: fixedEntropy(0) });
    publisher.ensure(request());
    await clock.advanceAsync(10_000);
    expect(opened.map(({ family }) => family)).toEqual([4, 6]);
    opened[1]!.fail();
    expect(publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
    opened[0]!.fail();
    expect(publisher.ensure(request())).toMatchObject({ reason: 'MdnsUnavailable' });
    await clock.advanceAsync(5000);
    expect(opened.map(({ family }) => family).toSorted()).toEqual([4, 4, 6, 6]);
    expect(publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  it('says that it is contested when others object without end, and tries on every few seconds only', async () => {
    const { clock, n1, heard, say } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(10_000);
    heard.length = 0;
    const object = (): void => {
      const names = ['web', ...Array.from({ length: 200 }, (_, i) => `web-${i + 2}`)];
      say(message('response', { answers: names.map((name) => a('10.77.0.50', `${name}.local`)) }));
    };
    for (let i = 0; i < 600; i++) {
      object();
      await clock.advanceAsync(100);
    }
    const decision = n1.publisher.ensure(request());
    expect(decision).toMatchObject({ state: 'failed', reason: 'NameContested' });
    // RFC 6762 §8.1: fifteen in ten seconds, then one in five.
    const asked = new Set(heard.flatMap(({ message: { questions } }) => questions.map(({ name }) => name)));
    expect(asked.size).toBeLessThan(50);
    await clock.advanceAsync(10_000);
    expect(n1.publisher.ensure(request())).toMatchObject({ state: 'ready', reason: 'NameConflictRenamed' });
  });

  it('tries again when the sockets cannot be opened', async () => {
    const clock = createFakeClock();
    const host = createFakeLan(clock).host({
      name: 'n1',
      mac: '02:00:00:00:00:11' as Mac,
      addresses: [{ ip: ip('10.77.0.11'), prefixLength: 24 }],
    });
    let refused = 0;
    const network: Network = {
      ...host.network,
      openDatagrams: async (wanted) => {
        if (refused < 2) {
          refused++;
          throw new Error('bind UDP 0.0.0.0 port 5353: address in use');
        }
        return await host.network.openDatagrams(wanted);
      },
    };
    const publisher = createNamePublisher({ network, clock, entropy: fixedEntropy(0) });
    publisher.ensure(request());
    await clock.advanceAsync(0);
    expect(publisher.ensure(request())).toMatchObject({
      state: 'failed',
      reason: 'MdnsUnavailable',
      message: 'mDNS cannot be opened on eth0: bind UDP 0.0.0.0 port 5353: address in use',
    });
    await clock.advanceAsync(1000);
    expect(refused).toBe(2);
    await clock.advanceAsync(3000);
    expect(publisher.ensure(request())).toMatchObject({ reason: 'NamePublished' });
  });

  it('leaves nothing behind when closed', async () => {
    const { clock, n1 } = await lan();
    n1.publisher.ensure(request());
    await clock.advanceAsync(100);
    n1.publisher.close();
    expect(n1.open().datagrams).toBe(0);
    expect(clock.pending()).toBe(0);
  });
});
