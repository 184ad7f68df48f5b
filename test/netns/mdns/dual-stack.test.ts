import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { ip } from '../../../src/model/ip.ts';
import { discover } from '../../../src/workflows/discover.ts';
import { resolveName } from '../../../src/workflows/resolve-name.ts';
import { startAvahi, type Avahi } from '../../support/avahi.ts';
import { clock, createMdnsLan, nameRequest, published, type Heard, type MdnsLan } from '../../support/mdns-lan.ts';
import { eventually } from '../../support/netns.ts';

const BOTH = [ip('10.77.0.101'), ip('fd77::101')];

let world: MdnsLan<'n1' | 'lap' | 'other'>;
let laptop: Avahi;

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'lap', 'other']);
  const { hosts, dir } = world.lan;
  await Promise.all(Object.values(hosts).map((host, i) => host.ip8(`addr add fd77::${11 + i}/64 dev eth0 nodad`)));
  laptop = await startAvahi(hosts.lap, dir, 'laptop');
});
afterAll(() => world.dispose());

const resolved = async (family: '-4' | '-6', name: string): Promise<string> =>
  (await laptop.tool(['avahi-resolve', family, '-n', `${name}.local`])).stdout.trim();

/** Lines of `avahi-browse -rpt` about an instance: interface, protocol, …, host, address, port. */
async function browsed(type: string, instance: string, count: number): Promise<string[]> {
  return (await eventually(`avahi lists ${instance}`, async () => {
    const { stdout } = await laptop.tool(['avahi-browse', '-rpt', type]);
    const lines = stdout.split('\n').filter((line) => line.startsWith('=;') && line.split(';')[3] === instance);
    return lines.length >= count ? lines : undefined;
  })) as string[];
}

function answersAbout(heard: readonly Heard[], name: string, family: 4 | 6) {
  return heard
    .filter((one) => one.family === family && one.message.kind === 'response')
    .flatMap(({ message: { answers } }) => answers)
    .filter((record) => record.name === name);
}

describe('a Service with both families', () => {
  it('is announced with A and AAAA to 224.0.0.251 and to ff02::fb', async () => {
    const heard = await world.listenOn('other');
    await published(world.publisherOn('n1'), nameRequest('dual', { ips: BOTH }));
    for (const family of [4, 6] as const) {
      const answers = await eventually(`it is announced by IPv${family}`, () => {
        const found = answersAbout(heard, 'dual.local', family);
        return found.length > 0 ? found : undefined;
      });
      expect(answers?.slice(0, 2).map(({ type, flush, ttl }) => [type, flush, ttl])).toEqual([
        ['A', true, 120],
        ['AAAA', true, 120],
      ]);
    }
    expect(await resolved('-4', 'dual')).toBe('dual.local\t10.77.0.101');
    expect(await resolved('-6', 'dual')).toBe('dual.local\tfd77::101');
  });

  it('is listed by avahi-browse over both protocols', async () => {
    const ports = [{ type: '_both._tcp', port: 80, txt: {} }];
    await published(world.publisherOn('n1'), nameRequest('listed', { ips: BOTH, ports }));
    const lines = await browsed('_both._tcp', 'listed', 2);
    expect(new Set(lines.map((line) => line.split(';')[2]))).toEqual(new Set(['IPv4', 'IPv6']));
    for (const line of lines) expect(BOTH).toContain(line.split(';')[7]);
  });

  it('is found by discover and resolved by expose in both families', async () => {
    const ports = [{ type: '_twin._tcp', port: 80, txt: {} }];
    await published(world.publisherOn('n1'), nameRequest('twin', { ips: BOTH, ports }));
    const parts = { network: world.networkOf('lap'), clock, entropy: systemEntropy };
    for await (const found of discover({ ...parts, timeoutMs: 5000, types: ['_twin._tcp'] })) {
      expect(found).toMatchObject({ instance: 'twin', host: 'twin.local', addresses: BOTH });
      break;
    }
    expect(await resolveName('twin.local', { ...parts, timeout: 3000 })).toEqual(BOTH);
    const own = await resolveName('laptop.local', { ...parts, network: world.networkOf('other'), timeout: 3000 });
    expect(own).toEqual(expect.arrayContaining([world.lan.hosts.lap.ip, 'fd77::12']));
  });

  it('says goodbye to one family alone when it loses that address, and gains another one without a pause', async () => {
    const publisher = world.publisherOn('n1');
    await published(publisher, nameRequest('half', { ips: BOTH }));
    expect(await resolved('-6', 'half')).toBe('half.local\tfd77::101');
    const heard = await world.listenOn('other');
    await published(publisher, nameRequest('half', { ips: [BOTH[0]!] }));
    const gone = () => answersAbout(heard, 'half.local', 6).filter(({ ttl }) => ttl === 0);
    await eventually('a goodbye comes', () => gone().length > 0);
    expect(new Set(gone().map(({ type }) => type))).toEqual(new Set(['AAAA']));
    await eventually('avahi has forgotten it', async () => (await resolved('-6', 'half')) === '');
    expect(await resolved('-4', 'half')).toBe('half.local\t10.77.0.101');
    await published(publisher, nameRequest('half', { ips: [BOTH[0]!, ip('fd77::109')] }));
    await eventually('avahi has the new one', async () => (await resolved('-6', 'half')) === 'half.local\tfd77::109');
  });
});

describe('a Service with IPv6 only', () => {
  it('is resolved, listed, and said to have no A (NSEC, RFC 6762 §6.1)', async () => {
    const ports = [{ type: '_six._tcp', port: 80, txt: {} }];
    await published(world.publisherOn('n1'), nameRequest('six', { ips: [ip('fd77::106')], ports }));
    expect(await resolved('-6', 'six')).toBe('six.local\tfd77::106');
    expect((await browsed('_six._tcp', 'six', 1)).map((line) => line.split(';')[7])).toContain('fd77::106');
    const began = clock.now();
    const parts = { network: world.networkOf('lap'), clock, entropy: systemEntropy, timeout: 10_000 };
    expect(await resolveName('six.local', parts)).toEqual(['fd77::106']);
    // The answer says that there is no A, so nobody has to wait for one.
    expect(clock.now() - began).toBeLessThan(5000);
  });
});

describe('a link with only one family', () => {
  it('IPv6: both addresses are found over it, by avahi too', async () => {
    const { n1 } = world.lan.hosts;
    await n1.ip8(`addr del ${n1.ip}/24 dev eth0`);
    try {
      const heard = await world.listenOn('other');
      const publisher = world.publisherOn('n1');
      await published(publisher, nameRequest('only6', { ips: BOTH }));
      expect(await resolved('-4', 'only6')).toBe('only6.local\t10.77.0.101');
      expect(await resolved('-6', 'only6')).toBe('only6.local\tfd77::101');
      expect(answersAbout(heard, 'only6.local', 4)).toEqual([]);
      // And the other family comes: told there at once, without asking.
      await n1.ip8(`addr add ${n1.ip}/24 dev eth0`);
      await eventually('it is announced by IPv4 too', () => answersAbout(heard, 'only6.local', 4).length > 0);
      expect(publisher.ensure(nameRequest('only6', { ips: BOTH }))).toMatchObject({ reason: 'NamePublished' });
    } finally {
      await n1.run(['ip', 'addr', 'replace', `${n1.ip}/24`, 'dev', 'eth0']);
    }
  });

  it('IPv4: both addresses are found over it, and IPv6 goes and comes', async () => {
    const { n1 } = world.lan.hosts;
    const heard = await world.listenOn('other');
    const publisher = world.publisherOn('n1');
    const wanted = nameRequest('only4', { ips: BOTH });
    await published(publisher, wanted);
    await n1.must(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
    try {
      await eventually('IPv6 is gone', () =>
        world
          .networkOf('n1')
          .links()
          .every(({ addresses }) => addresses.every(({ ip: one }) => !one.startsWith('f'))),
      );
      expect(publisher.ensure(wanted)).toMatchObject({ reason: 'NamePublished' });
      expect(await resolved('-6', 'only4')).toBe('only4.local\tfd77::101');
      heard.length = 0;
    } finally {
      await n1.must(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
      await n1.ip8('addr replace fd77::11/64 dev eth0 nodad');
    }
    await eventually('it is announced by IPv6 again', () => answersAbout(heard, 'only4.local', 6).length > 0);
    expect(await resolved('-4', 'only4')).toBe('only4.local\t10.77.0.101');
  });
});
