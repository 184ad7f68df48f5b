import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { ip } from '../../../src/model/ip.ts';
import { resolveName } from '../../../src/workflows/resolve-name.ts';
import { nameOfAvahi, startAvahi, type Avahi } from '../../support/avahi.ts';
import { clock, createMdnsLan, nameRequest, published, verified, type MdnsLan } from '../../support/mdns-lan.ts';
import { eventually } from '../../support/netns.ts';

let world: MdnsLan<'n1' | 'n2' | 'lap' | 'other'>;
let laptop: Avahi;

beforeAll(async () => {
  world = await createMdnsLan(['n1', 'n2', 'lap', 'other']);
  laptop = await startAvahi(world.lan.hosts.lap, world.lan.dir, 'laptop');
});
afterAll(() => world.dispose());

const on = (host: 'n1' | 'other', name: string) => startAvahi(world.lan.hosts[host], world.lan.dir, name);

const resolve = async (name: string): Promise<string> =>
  (await laptop.tool(['avahi-resolve', '-4', '-n', `${name}.local`])).stdout.trim();

/** By a question of our own: no cache is in the way. */
const ask = async (name: string) =>
  await resolveName(`${name}.local`, {
    network: world.networkOf('lap'),
    clock,
    entropy: systemEntropy,
    timeout: 1000,
  });

describe('an avahi on the same machine', () => {
  it('started before us, restarted and stopped: both are answered for all the time', async () => {
    let neighbour = await on('n1', 'node');
    const publisher = world.publisherOn('n1');
    try {
      await published(publisher, nameRequest('before'));
      expect(await ask('before')).toEqual(['10.77.0.101']);
      await eventually(
        'avahi is reached',
        async () => (await resolve('node')) === `node.local\t${world.lan.hosts.n1.ip}`,
      );
      await neighbour.stop();
      expect(await ask('before')).toEqual(['10.77.0.101']);
      neighbour = await on('n1', 'node');
      expect(nameOfAvahi(neighbour)).toBe('node.local');
      expect(await ask('before')).toEqual(['10.77.0.101']);
      await eventually('avahi is reached', async () => (await ask('node'))?.includes(ip(world.lan.hosts.n1.ip)));
      expect(publisher.ensure(nameRequest('before'))).toMatchObject({ reason: 'NamePublished' });
    } finally {
      await neighbour.stop();
      publisher.close();
    }
  });

  it('started after us: it gets the port too, and its own name', async () => {
    const publisher = world.publisherOn('n1');
    await published(publisher, nameRequest('after'));
    const neighbour = await on('n1', 'late');
    try {
      expect(nameOfAvahi(neighbour)).toBe('late.local');
      expect(await ask('after')).toEqual(['10.77.0.101']);
      await eventually('avahi is reached', async () => (await ask('late'))?.includes(ip(world.lan.hosts.n1.ip)));
      const own = await neighbour.tool(['avahi-resolve', '-4', '-n', 'after.local']);
      expect(own.stdout.trim()).toBe('after.local\t10.77.0.101');
    } finally {
      await neighbour.stop();
      publisher.close();
    }
  });

  it('started after us under our very name: each has a name of its own in the end, and both are reached', async () => {
    const publisher = world.publisherOn('n1');
    await published(publisher, nameRequest('same'));
    const neighbour = await on('n1', 'same');
    try {
      const names = await eventually('they differ', async () => {
        await ask('same');
        const decision = publisher.ensure(nameRequest('same'));
        const pair = [decision.state === 'ready' ? decision.value.hosts[0] : undefined, nameOfAvahi(neighbour)];
        return pair.includes(undefined) || pair[0] === pair[1] ? undefined : (pair as string[]);
      });
      expect(names?.toSorted()).toEqual(['same-2.local', 'same.local']);
      const [ours = '', theirs = ''] = (names ?? []).map((name) => name.replace('.local', ''));
      await eventually('ours is reached', async () => (await ask(ours))?.includes(ip('10.77.0.101')));
      await eventually('theirs is reached', async () => (await ask(theirs))?.includes(ip(world.lan.hosts.n1.ip)));
    } finally {
      await neighbour.stop();
      publisher.close();
    }
  });
});

describe('an avahi on another machine', () => {
  it('that probes for the same name at the same moment: each has one in the end (RFC 6762 §8.2)', async () => {
    const publisher = world.publisherOn('n1');
    const wanted = nameRequest('race');
    const [rival] = await Promise.all([on('other', 'race'), published(publisher, wanted)]);
    try {
      const names = await eventually('they differ', async () => {
        await ask('race');
        const decision = publisher.ensure(wanted);
        const pair = [decision.state === 'ready' ? decision.value.hosts[0] : undefined, nameOfAvahi(rival)];
        return pair.includes(undefined) || pair[0] === pair[1] ? undefined : (pair as string[]);
      });
      expect(names?.toSorted()).toEqual(['race-2.local', 'race.local']);
    } finally {
      await rival.stop();
      publisher.close();
    }
  });

  it('whose name and instance we had to make way for: the next owner goes on with the renamed ones, unasked', async () => {
    const rival = await on('other', 'shop');
    const publish = rival.start(['avahi-publish', '-s', 'shop', '_http._tcp', '8080']);
    const [old, next] = [world.publisherOn('n1'), world.publisherOn('n2')];
    try {
      await eventually('avahi has published it', () => publish.log().includes('Established under name'));
      const { value } = await published(old, nameRequest('shop'));
      expect(value).toEqual({ hosts: ['shop-2.local'], instances: ['shop (2)._http._tcp.local'] });
      const heard = await world.listenOn('lap');
      old.yield('default/shop');
      const taken = await published(next, nameRequest('shop', { verified: [...value.hosts, ...value.instances] }));
      expect(taken).toMatchObject({ reason: 'NameConflictRenamed', value });
      await eventually('it is announced', () => heard.some(({ from }) => from === world.lan.hosts.n2.ip));
      const said = heard.filter(({ from }) => from === world.lan.hosts.n2.ip).map(({ message: { kind } }) => kind);
      expect(new Set(said)).toEqual(new Set(['response']));
      expect(await ask('shop-2')).toEqual(['10.77.0.101']);
    } finally {
      await publish.stop();
      await rival.stop();
      old.close();
      next.close();
    }
  });

  it('that goes away again: the name we came to stays, until another one is asked for', async () => {
    const rival = await on('other', 'desk');
    const publisher = world.publisherOn('n1');
    try {
      const { value } = await published(publisher, nameRequest('desk'));
      expect(value.hosts).toEqual(['desk-2.local']);
      await rival.stop();
      const again = {
        ...nameRequest('desk'),
        ips: [ip('10.77.0.109')],
        verified: [...value.hosts, ...value.instances],
      };
      expect((await published(publisher, again)).value.hosts).toEqual(['desk-2.local']);
      const other = { ...again, hosts: ['table.local'], instance: 'table' };
      expect((await published(publisher, other)).value.hosts).toEqual(['table.local']);
      const back = { ...again, verified: verified('table') };
      expect((await published(publisher, back)).value.hosts).toEqual(['desk.local']);
    } finally {
      await rival.stop();
      publisher.close();
    }
  });
});
