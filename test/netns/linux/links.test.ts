import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { withNetns } from '../../../src/linux/netns.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Link } from '../../../src/model/wire.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';
import { networkInterfaces } from 'node:os';

describe('links as the kernel shows them', () => {
  let lan: Lan<'n1'>;
  let network: LinuxNetwork;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['n1'] });
    network = createNetwork({ netns: lan.hosts.n1.netns });
  });
  afterAll(async () => {
    network.close();
    await lan.dispose();
  });
  const eth0 = (): Link | undefined => network.links().find(({ name }) => name === 'eth0');

  it('are those of the namespace, without the loopback', () => {
    expect(network.links().map(({ name }) => name)).toEqual(['eth0']);
    expect(eth0()).toMatchObject({ mac: '02:77:00:00:00:0b', up: true, gateway: {} });
    expect(eth0()?.addresses).toContainEqual({ ip: '10.77.0.11', prefixLength: 24 });
  });

  it('are up to date in the very moment they are asked for', async () => {
    const { n1 } = lan.hosts;
    await n1.ip8('route add default via 10.77.0.1', 'addr add 2001:db8:77::11/64 dev eth0 nodad');
    expect(eth0()?.gateway).toEqual({ v4: '10.77.0.1' });
    expect(eth0()?.addresses).toContainEqual({ ip: '2001:db8:77::11', prefixLength: 64 });
    await n1.ip8('route add default via 2001:db8:77::1');
    expect(eth0()?.gateway).toEqual({ v4: '10.77.0.1', v6: '2001:db8:77::1' });
    await n1.ip8('route add default via 10.77.0.2 metric 50', 'route del default via 10.77.0.1 metric 0');
    expect(eth0()?.gateway.v4).toBe('10.77.0.2');
    await n1.ip8('link set eth0 address 02:77:00:00:00:77');
    expect(eth0()?.mac).toBe('02:77:00:00:00:77');
  });

  it('tell of changes, and of each only once', async () => {
    const { n1 } = lan.hosts;
    let changes = 0;
    const stop = network.onChange(() => changes++);
    const after = async (what: string, line: string, seen: () => boolean): Promise<void> => {
      const before = changes;
      await n1.ip8(line);
      await eventually(what, () => changes > before && seen());
    };
    await after('address added', 'addr add 10.77.0.99/32 dev eth0', () =>
      Boolean(eth0()?.addresses.some((address) => address.ip === ip('10.77.0.99'))),
    );
    await after('address gone', 'addr del 10.77.0.99/32 dev eth0', () =>
      Boolean(eth0()?.addresses.every((address) => address.ip !== ip('10.77.0.99'))),
    );
    await after('link down', 'link set eth0 down', () => eth0()?.up === false);
    // The kernel takes the routes along without saying so.
    expect(eth0()?.gateway).toEqual({});
    await after('link up', 'link set eth0 up', () => eth0()?.up === true);
    await after('new link', 'link add type veth', () => network.links().length === 3);
    await after('link gone', 'link del veth0', () => network.links().length === 1);
    stop();
    const before = changes;
    await n1.ip8('addr add 10.77.0.98/32 dev eth0');
    expect(eth0()?.addresses.some((address) => address.ip === ip('10.77.0.98'))).toBe(true);
    expect(changes).toBe(before);
  });

  it('show a pulled cable as a link that is down', async () => {
    await lan.setCable('n1', false);
    await eventually('no carrier', () => eth0()?.up === false);
    await lan.setCable('n1', true);
    await eventually('carrier', () => eth0()?.up === true);
  });

  it('do not count a refreshed lifetime as a change', async () => {
    const table = createAddressTable({ netns: lan.hosts.n1.netns });
    const index = eth0()!.index;
    table.set(index, ip('10.77.0.200'), 32, 5);
    network.links();
    await Promise.resolve();
    let changes = 0;
    const stop = network.onChange(() => changes++);
    for (let i = 0; i < 5; i++) table.set(index, ip('10.77.0.200'), 32, 5);
    network.links();
    // What is told is told in order: with the removal all that came before it has been taken in.
    table.remove(index, ip('10.77.0.200'));
    await eventually('removal seen', () => changes > 0);
    expect(changes).toBe(1);
    stop();
    table.close();
  });

  it('survive more changes than the kernel keeps for a reader', () => {
    const table = createAddressTable({ netns: lan.hosts.n1.netns });
    const index = eth0()!.index;
    const has = (address: string): boolean => eth0()!.addresses.some((known) => known.ip === address);
    table.set(index, ip('10.77.0.201'), 32, 60);
    expect(has('10.77.0.201')).toBe(true);
    for (let i = 0; i < 20_000; i++) table.set(index, ip('10.77.0.202'), 32, 60);
    // These do not get through any more.
    table.remove(index, ip('10.77.0.201'));
    table.set(index, ip('10.77.0.203'), 32, 60);
    expect([has('10.77.0.201'), has('10.77.0.202'), has('10.77.0.203')]).toEqual([false, true, true]);
    table.close();
  });
});

describe('a network namespace', () => {
  let lan: Lan<'n1'>;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['n1'] });
  });
  afterAll(async () => await lan.dispose());
  const names = (): string[] => Object.keys(networkInterfaces());

  it('is entered for the call and left after it, also when it throws', () => {
    const outside = names();
    expect(withNetns(lan.hosts.n1.netns, names)).toContain('eth0');
    expect(withNetns(lan.hosts.n1.netns, () => networkInterfaces()['eth0']?.[0]?.mac)).toBe(lan.hosts.n1.mac);
    expect(() =>
      withNetns(lan.hosts.n1.netns, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(names()).toEqual(outside);
  });

  it('that does not exist is an error that names it', () => {
    expect(() => withNetns('kvt-none', names)).toThrow(/kvt-none.*ENOENT/);
  });
});
