import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NamePublisher, NameRequestOnLink } from '../../../src/exposure/naming/port.ts';
import { configure, plug } from '../../../src/lab/netns.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { resolveName } from '../../../src/workflows/resolve-name.ts';
import { startAvahi, type Avahi } from '../../support/avahi.ts';
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

let world: MdnsLan<'n1' | 'lap'>;
let laptop: Avahi;
let publisher: NamePublisher;
let wanted: NameRequestOnLink;
let heard: Heard[];
let count = 0;

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'lap']);
  laptop = await startAvahi(world.lan.hosts.lap, world.lan.dir, 'laptop');
  heard = await world.listenOn('lap');
});
afterAll(() => world.dispose());
beforeEach(async () => {
  const name = `link${++count}`;
  publisher = world.publisherOn('n1');
  wanted = nameRequest(name);
  await published(publisher, wanted);
  await eventually('it is reached', isReached);
});
afterEach(() => publisher.close());

const n1 = () => world.lan.hosts.n1;

/** The link of n1 has joined both groups, and whoever asks for the name is answered. */
async function isReached(link = 'eth0'): Promise<boolean> {
  const groups = await n1().must(['ip', 'maddr', 'show', 'dev', link]);
  if (!groups.includes('224.0.0.251') || !groups.includes('ff02::fb')) return false;
  const parts = { network: world.networkOf('lap'), clock, entropy: systemEntropy, timeout: 500 };
  return (await resolveName(wanted.hosts[0]!, parts))?.[0] === '10.77.0.101';
}

async function comesBack(): Promise<void> {
  await published(publisher, wanted);
  await eventually('it is reached again', () => isReached(wanted.link));
  const { stdout } = await laptop.tool(['avahi-resolve', '-4', '-n', wanted.hosts[0]!]);
  expect(stdout.trim()).toBe(`${wanted.hosts[0]}\t10.77.0.101`);
}

describe('a name on a link', () => {
  it('that goes down and comes up again: not published meanwhile, asked for anew, published again', async () => {
    await n1().ip8('link set eth0 down');
    await eventually('the Service is told', () => publisher.ensure(wanted).reason === 'NoLink');
    heard.length = 0;
    await n1().ip8('link set eth0 up');
    await comesBack();
    const asked = heard.flatMap(({ message: { questions } }) => questions.map(({ name }) => name));
    expect(asked).toContain(wanted.hosts[0]);
  });

  it('whose cable is pulled and plugged in again', async () => {
    await world.lan.setCable('n1', false);
    await eventually('the Service is told', () => publisher.ensure(wanted).reason === 'NoLink');
    await world.lan.setCable('n1', true);
    await comesBack();
  });

  it('that flaps ten times: one socket a family in the end, and the name is there', async () => {
    for (let i = 0; i < 10; i++) await n1().ip8('link set eth0 down', 'link set eth0 up');
    await comesBack();
    const sockets = await n1().must(['ss', '-Hlun', 'sport = 5353']);
    expect(sockets.trim().split('\n')).toHaveLength(2);
  });

  it('that is renamed: no goodbye for a name that lives on, and announced at once under the new link', async () => {
    heard.length = 0;
    await n1().ip8('link set eth0 down', 'link set eth0 name lan0', 'link set lan0 up');
    try {
      await eventually('the old link is gone', () => publisher.ensure(wanted).reason === 'NoLink');
      wanted = { ...wanted, link: 'lan0', verified: verified(wanted.instance) };
      await comesBack();
      const answers = heard.flatMap(({ message }) => message.answers).filter(({ name }) => name === wanted.hosts[0]);
      expect(answers.length).toBeGreaterThan(0);
      expect(answers.filter(({ ttl }) => ttl === 0)).toEqual([]);
    } finally {
      publisher.close();
      await n1().ip8('link set lan0 down', 'link set lan0 name eth0', 'link set eth0 up');
    }
  });

  it('that is deleted and made again', async () => {
    await n1().ip8('link del eth0');
    await eventually('the Service is told', () => publisher.ensure(wanted).reason === 'NoLink');
    const { netns, mac, ip } = n1();
    await plug({ netns, name: 'eth0', mac }, { netns: world.lan.bridge, name: 'br0', port: 'p-n1' });
    await configure(netns, [`addr add ${ip}/24 dev eth0`]);
    await comesBack();
  });

  it('that loses its multicast memberships without going by another index (moved away and back)', async () => {
    const { netns, ip } = n1();
    await n1().ip8(`link set eth0 netns ${world.lan.bridge}`);
    await configure(world.lan.bridge, [`link set eth0 netns ${netns}`]);
    await n1().ip8(`addr add ${ip}/24 dev eth0`, 'link set eth0 up');
    await comesBack();
  });

  it('that loses IPv6 and its membership for a while, the MTU being too small', async () => {
    await n1().ip8('link set eth0 mtu 1000');
    await eventually('IPv6 is gone', async () => !(await n1().must(['ip', '-6', 'addr', 'show'])).includes('eth0'));
    expect(publisher.ensure(wanted)).toMatchObject({ reason: 'NamePublished' });
    await n1().ip8('link set eth0 mtu 1500');
    await comesBack();
    expect(publisher.ensure(wanted)).toMatchObject({ reason: 'NamePublished' });
  });
});
