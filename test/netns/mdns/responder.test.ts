import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configure } from '../../../src/lab/netns.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { ip } from '../../../src/model/ip.ts';
import type { ServiceKey } from '../../../src/model/kubernetes.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { message, type Message } from '../../../src/protocols/mdns/message.ts';
import { discover, type DiscoveredService } from '../../../src/workflows/discover.ts';
import { nameOfAvahi, startAvahi, type Avahi } from '../../support/avahi.ts';
import { clock, createMdnsLan, nameRequest, published, verified, type MdnsLan } from '../../support/mdns-lan.ts';
import { eventually } from '../../support/netns.ts';

const PEER = new URL('../../support/multicast-dns-peer.ts', import.meta.url).pathname;

let world: MdnsLan<'n1' | 'n2' | 'lap' | 'other'>;
let lan: (typeof world)['lan'];
let laptop: Avahi;

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'n2', 'lap', 'other']);
  ({ lan } = world);
  laptop = await startAvahi(lan.hosts.lap, lan.dir, 'laptop');
});
afterAll(() => world.dispose());

// Each test has names of its own, so that no cache of an earlier one is in the way.
const resolve = async (name: string): Promise<string> =>
  (await laptop.tool(['avahi-resolve', '-4', '-n', `${name}.local`])).stdout.trim();

describe('the responder beside avahi', () => {
  it('gives a name an address that no machine has', async () => {
    const decision = await published(world.publisherOn('n1'), nameRequest('web'));
    expect(decision).toMatchObject({ reason: 'NamePublished', message: 'web.local → 10.77.0.101 on eth0; _http._tcp' });
    expect(await resolve('web')).toBe('web.local\t10.77.0.101');
  });

  it('is listed by avahi-browse with host, address, port and TXT', async () => {
    await published(
      world.publisherOn('n1'),
      nameRequest('shop', { ports: [{ type: '_ipp._tcp', port: 631, txt: { rp: 'ipp/1' } }] }),
    );
    const listed = await eventually('avahi lists it resolved', async () => {
      const { stdout } = await laptop.tool(['avahi-browse', '-rpt', '_ipp._tcp']);
      return stdout.split('\n').find((line) => line.startsWith('=;eth0;IPv4;shop;'));
    });
    expect(listed!.split(';').slice(3)).toEqual([
      'shop',
      expect.any(String),
      'local',
      'shop.local',
      '10.77.0.101',
      '631',
      '"rp=ipp/1"',
    ]);
    const { stdout } = await laptop.tool(['avahi-browse', '-ptak']);
    expect(stdout).toContain('+;eth0;IPv4;shop;_ipp._tcp;local');
  });

  it('answers both avahis when one shares port 5353 on the same node', async () => {
    const neighbour = await startAvahi(lan.hosts.n1, lan.dir, 'n1');
    try {
      await published(world.publisherOn('n1'), nameRequest('shared'));
      expect(await resolve('shared')).toBe('shared.local\t10.77.0.101');
      expect(await resolve('n1')).toBe(`n1.local\t${lan.hosts.n1.ip}`);
      const own = await neighbour.tool(['avahi-resolve', '-4', '-n', 'shared.local']);
      expect(own.stdout.trim()).toBe('shared.local\t10.77.0.101');
    } finally {
      await neighbour.stop();
    }
  });

  it('takes another name when an avahi has it already', async () => {
    const other = await startAvahi(lan.hosts.other, lan.dir, 'printer');
    try {
      const decision = await published(world.publisherOn('n1'), nameRequest('printer'));
      expect(decision).toMatchObject({
        reason: 'NameConflictRenamed',
        value: { hosts: ['printer-2.local'], instances: ['printer._http._tcp.local'] },
      });
      expect(await resolve('printer-2')).toBe('printer-2.local\t10.77.0.101');
      expect(await resolve('printer')).toBe(`printer.local\t${lan.hosts.other.ip}`);
    } finally {
      await other.stop();
    }
  });

  it('takes another name also when that avahi is on the same node', async () => {
    const neighbour = await startAvahi(lan.hosts.n2, lan.dir, 'store');
    try {
      expect(await published(world.publisherOn('n2'), nameRequest('store'))).toMatchObject({
        value: { hosts: ['store-2.local'] },
      });
    } finally {
      await neighbour.stop();
    }
  });

  it('keeps its name against an avahi that comes later', async () => {
    const publisher = world.publisherOn('n1');
    await published(publisher, nameRequest('cam'));
    const late = await startAvahi(lan.hosts.other, lan.dir, 'cam');
    try {
      expect(nameOfAvahi(late)).toBe('cam-2.local');
      expect(await published(publisher, nameRequest('cam'))).toMatchObject({ reason: 'NamePublished' });
      expect(await resolve('cam')).toBe('cam.local\t10.77.0.101');
    } finally {
      await late.stop();
    }
  });

  it('settles with another responder that took the same name on a LAN apart, once the two are joined', async () => {
    const [left, right] = [world.publisherOn('n1'), world.publisherOn('n2')];
    const [wishes, others] = [nameRequest('joined'), nameRequest('joined', { ips: [ip('10.77.0.102')] })];
    await configure(lan.bridge, ['link set p-n2 nomaster']);
    await published(left, wishes);
    expect(await published(right, others)).toMatchObject({ value: { hosts: ['joined.local'] } });
    await configure(lan.bridge, ['link set p-n2 master br0']);
    const names = await eventually('each has a name of its own', async () => {
      await resolve('joined');
      const [a, b] = [left.ensure(wishes), right.ensure(others)];
      if (a.state !== 'ready' || b.state !== 'ready') return undefined;
      const hosts = [a.value.hosts[0], b.value.hosts[0]].toSorted();
      return hosts[0] === hosts[1] ? undefined : hosts;
    });
    expect(names).toEqual(['joined-2.local', 'joined.local']);
  });

  it('is gone from avahi-browse after its goodbye', async () => {
    const publisher = world.publisherOn('n1');
    const browse = laptop.start(['avahi-browse', '-p', '_brief._tcp']);
    await published(publisher, nameRequest('brief', { ports: [{ type: '_brief._tcp', port: 9, txt: {} }] }));
    await eventually('avahi sees it', () => browse.log().includes('+;eth0;IPv4;brief;'));
    expect(publisher.withdraw('default/brief').state).toBe('off');
    await eventually('avahi sees it go', () => browse.log().includes('-;eth0;IPv4;brief;'), 5000);
    await browse.stop();
    const { stderr } = await laptop.tool(['avahi-resolve', '-4', '-n', 'brief.local']);
    expect(stderr).toContain('Timeout reached');
  });
});

describe('a move to another node', () => {
  it('is announced at once, without a probe, and avahi goes on resolving', async () => {
    const [old, next] = [world.publisherOn('n1'), world.publisherOn('n2')];
    await published(old, nameRequest('moving'));
    expect(await resolve('moving')).toBe('moving.local\t10.77.0.101');
    const heard = await world.listenOn('lap');
    await lan.setCable('n1', false);
    const began = clock.now();
    next.ensure(nameRequest('moving', { verified: verified('moving') }));
    const first = await eventually('the new owner announces', () =>
      heard.find(
        ({ from, message: { answers } }) =>
          from === lan.hosts.n2.ip && answers.some(({ name }) => name === 'moving.local'),
      ),
    );
    expect(first!.message.kind).toBe('response');
    expect(first!.message.answers[0]).toMatchObject({ type: 'A', flush: true, data: '10.77.0.101' });
    // Probing would have taken 750 ms.
    expect(first!.at - began).toBeLessThan(500);
    expect(next.ensure(nameRequest('moving'))).toMatchObject({ state: 'ready', reason: 'NamePublished' });
    expect(await resolve('moving')).toBe('moving.local\t10.77.0.101');
    // The old owner comes back, still believing: nobody has to rename.
    await lan.setCable('n1', true);
    await eventually('the old owner is sure again', () => old.ensure(nameRequest('moving')).state === 'ready');
    expect(old.ensure(nameRequest('moving'))).toMatchObject({ value: { hosts: ['moving.local'] } });
    expect(next.ensure(nameRequest('moving'))).toMatchObject({ value: { hosts: ['moving.local'] } });
  });

  it('follows a new address everywhere', async () => {
    const publisher = world.publisherOn('n1');
    await published(publisher, nameRequest('renumbered'));
    expect(await resolve('renumbered')).toBe('renumbered.local\t10.77.0.101');
    await published(publisher, nameRequest('renumbered', { ips: [ip('10.77.0.109')] }));
    await eventually('avahi has the new address', async () => (await resolve('renumbered')).endsWith('\t10.77.0.109'));
  });
});

describe('multicast-dns, an independent peer', () => {
  it('reads our answers', async () => {
    await published(world.publisherOn('n1'), nameRequest('peer'));
    const { other } = lan.hosts;
    const asking = other.daemon([process.execPath, PEER, 'query', '_http._tcp.local', 'PTR'], {
      env: { PEER_ADDRESS: other.ip },
    });
    const answer = await eventually('it prints an answer', () => {
      const line = asking
        .log()
        .split('\n')
        .find((text) => text.includes('"peer._http._tcp.local"'));
      return line === undefined ? undefined : (JSON.parse(line) as unknown[]);
    });
    await asking.stop();
    expect(answer).toContainEqual({ type: 'A', name: 'peer.local', data: '10.77.0.101' });
    expect(answer).toContainEqual({ type: 'TXT', name: 'peer._http._tcp.local', data: ['path=/'] });
  });

  it('is asked in a way it understands, and understood', async () => {
    const { other } = lan.hosts;
    const records = [
      { name: '_demo._udp.local', type: 'PTR', ttl: 120, data: 'thing._demo._udp.local' },
      { name: 'thing._demo._udp.local', type: 'SRV', ttl: 120, data: { port: 7, target: 'thing.local' } },
      { name: 'thing._demo._udp.local', type: 'TXT', ttl: 120, data: ['k=v'] },
      { name: 'thing.local', type: 'A', ttl: 120, data: other.ip },
    ];
    const responding = other.daemon([process.execPath, PEER, 'respond', JSON.stringify(records)], {
      env: { PEER_ADDRESS: other.ip },
    });
    const found = await eventually('it is found', async () => (await search(['_demo._udp']))[0]);
    await responding.stop();
    expect(found).toEqual({
      instance: 'thing',
      type: '_demo._udp',
      host: 'thing.local',
      port: 7,
      addresses: [other.ip],
      txt: { k: 'v' },
      link: 'eth0',
    });
  });
});

async function search(types?: string[], timeoutMs = 3000): Promise<DiscoveredService[]> {
  const network = world.networkOf('lap');
  const found: DiscoveredService[] = [];
  for await (const service of discover({
    network,
    clock,
    entropy: systemEntropy,
    timeoutMs,
    ...(types ? { types } : {}),
  })) {
    found.push(service);
    if (types) break;
  }
  return found;
}

describe('discover', () => {
  it('finds what avahi publishes, dots and spaces in its name included, beside avahi on the same host', async () => {
    const label = 'Living Room v2.0';
    const publish = laptop.start(['avahi-publish', '-s', label, '_scanner._tcp', '6566', 'note=hello world']);
    await eventually('avahi has published it', () => publish.log().includes('Established under name'));
    const [found] = await search(['_scanner._tcp']);
    expect(found).toMatchObject({ instance: label, type: '_scanner._tcp', host: 'laptop.local', port: 6566 });
    expect(found?.addresses).toContain(lan.hosts.lap.ip);
    expect(found?.txt).toEqual({ note: 'hello world' });
    const all = await search();
    expect(all.map(({ instance }) => instance)).toContain(label);
    expect(new Set(all.map(({ type, instance }) => `${type} ${instance}`)).size).toBe(all.length);
    await publish.stop();
  });
});

describe('a plain resolver (RFC 6762 §6.7)', () => {
  it('gets a plain answer at once from an odd port', async () => {
    const service: ServiceKey = 'default/legacy';
    await published(world.publisherOn('n1'), nameRequest('legacy', { service }));
    const network = world.networkOf('other');
    const answers: Message[] = [];
    const socket = await network.openDatagrams({
      family: 4,
      link: network.links().find(({ name }) => name === 'eth0')!,
      onDatagram: ({ data }) => answers.push(decodeMessage(data)),
      onError: (error) => expect.unreachable(error.message),
    });
    const query = message('query', { id: 99, questions: [{ name: 'legacy.local', type: 'A', unicast: false }] });
    socket.send(encodeMessage(query), { ip: ip('224.0.0.251'), port: 5353 });
    const answer = await eventually('an answer comes', () => answers[0]);
    socket.close();
    expect(answer).toMatchObject({ id: 99, answers: [{ type: 'A', ttl: 10, flush: false, data: '10.77.0.101' }] });
  });
});
