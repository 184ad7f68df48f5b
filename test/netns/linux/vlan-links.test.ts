/** VLAN interfaces as the kernel has them: two nodes talk in a VLAN that our code made on both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseVlan } from '../../../src/exposure/vlan/vlan.ts';
import type { Vlan, VlanLinks } from '../../../src/exposure/vlan/port.ts';
import { ownLinks, removeOwnLinks } from '../../../src/linux/own-traces.ts';
import { createVlanTable } from '../../../src/linux/vlan-links.ts';
import { createLan, type Lan, type LanHost } from '../../support/netns.ts';

/** A kernel without 802.1Q says so; there all but the traffic is shown by an interface of another kind. */
const HAS_VLANS = await kernelHasVlans();

async function kernelHasVlans(): Promise<boolean> {
  const probe = await createLan({ nodes: ['x'] });
  const made = await probe.hosts.x.run([
    'ip',
    'link',
    'add',
    'link',
    'eth0',
    'name',
    'eth0.5',
    'type',
    'vlan',
    'id',
    '5',
  ]);
  await probe.dispose();
  return made.code === 0;
}

let lan: Lan<'a' | 'b'>;
const vlan = (name: string): Vlan => {
  const parsed = parseVlan(name);
  if (!parsed) throw new Error(`${name} is no VLAN`);
  return parsed;
};
const table = ({ netns }: LanHost): VlanLinks => createVlanTable({ netns });
const names = async (host: LanHost): Promise<string[]> =>
  [...(await host.must(['ip', '-o', 'link'])).matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = '']) => name).sort();

beforeAll(async () => {
  lan = await createLan({ nodes: ['a', 'b'] });
});
afterAll(() => lan.dispose());

describe.skipIf(HAS_VLANS)('a kernel without 802.1Q', () => {
  it('is said to be one, by what to do', () => {
    expect(() => table(lan.hosts.a).ensure(vlan('eth0.200'))).toThrow(/no VLAN interface eth0.200: .*modprobe 8021q/);
  });
});

describe('interfaces that are ours', () => {
  it('are told from others by their group, used when they are there, and removed', async () => {
    const { a } = lan.hosts;
    await a.ip8(
      'link add eth0.21 type veth peer name far21',
      'link set eth0.21 group 27510',
      'link add eth0.22 type veth peer name far22',
    );
    table(a).ensure(vlan('eth0.21'));
    expect(await a.must(['ip', 'link', 'show', 'eth0.21'])).toMatch(/<[^>]*\bUP\b/);
    table(a).ensure(vlan('eth0.22'));
    expect(await a.must(['ip', 'link', 'show', 'eth0.22'])).not.toMatch(/<[^>]*\bUP\b/);
    expect([table(a).owned(), ownLinks(a.netns)]).toEqual([['eth0.21'], ['interface eth0.21']]);
    table(a).remove('eth0.22');
    table(a).remove('eth0.21');
    table(a).remove('eth0.21');
    expect(await names(a)).toEqual(['eth0', 'eth0.22', 'far22', 'lo']);
    await a.ip8('link set eth0.22 group 27510');
    removeOwnLinks(a.netns);
    expect(await names(a)).toEqual(['eth0', 'lo']);
  });

  it('need the interface that they are on', () => {
    expect(() => table(lan.hosts.a).ensure(vlan('eth9.5'))).toThrow(/this node has no interface eth9 for eth9.5/);
  });
});

describe.runIf(HAS_VLANS)('VLAN interfaces', () => {
  it('carry traffic tagged with their VLAN, however often they are asked for', async () => {
    const { a, b } = lan.hosts;
    for (const [host, address] of [
      [a, '10.99.0.1'],
      [b, '10.99.0.2'],
    ] as const) {
      table(host).ensure(vlan('eth0.200'));
      table(host).ensure(vlan('eth0.200'));
      await host.ip8(`addr add ${address}/24 dev eth0.200`);
    }
    expect(await a.must(['ip', '-d', 'link', 'show', 'eth0.200'])).toMatch(/vlan protocol 802.1Q id 200 /);
    expect((await a.run(['ping', '-c', '1', '-W', '5', '10.99.0.2'])).code).toBe(0);
    await b.ip8('link set eth0.200 down');
    table(b).ensure(vlan('eth0.200'));
    expect((await a.run(['ping', '-c', '1', '-W', '5', '10.99.0.2'])).code).toBe(0);
  });

  it('go when they are ours, and stay when they are not', async () => {
    const { a, b } = lan.hosts;
    await a.ip8('link add link eth0 name eth0.300 type vlan id 300');
    table(a).ensure(vlan('eth0.300'));
    expect([table(a).owned(), ownLinks(a.netns)]).toEqual([['eth0.200'], ['interface eth0.200']]);
    table(a).remove('eth0.300');
    table(a).remove('eth0.200');
    table(a).remove('eth0.200');
    expect(await names(a)).toEqual(['eth0', 'eth0.300', 'lo']);
    removeOwnLinks(b.netns);
    expect(await names(b)).toEqual(['eth0', 'lo']);
  });
});
