import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAddressTable, type LinuxAddressTable } from '../../../src/linux/address-table.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { ip } from '../../../src/model/ip.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';

interface Shown {
  readonly local: string;
  readonly prefixlen: number;
  readonly deprecated?: boolean;
  readonly tentative?: boolean;
  readonly protocol?: string;
  readonly label?: string;
  readonly valid_life_time: number;
}
const FOREVER = 0xffffffff;
const V4 = ip('10.77.0.200');
const V6 = ip('2001:db8:77::200');

describe('addresses in the kernel', () => {
  let lan: Lan<'n1'>;
  let table: LinuxAddressTable;
  let index: number;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['n1'] });
    const { netns } = lan.hosts.n1;
    table = createAddressTable({ netns });
    const network = createNetwork({ netns });
    index = network.links()[0]!.index;
    network.close();
  });
  afterAll(async () => {
    table.close();
    await lan.dispose();
  });
  const shown = async (): Promise<Shown[]> => {
    const text = await lan.hosts.n1.must(['ip', '-j', 'addr', 'show', 'dev', 'eth0']);
    return (JSON.parse(text) as { addr_info: Shown[] }[])[0]!.addr_info;
  };
  const find = async (address: string): Promise<Shown | undefined> =>
    (await shown()).find(({ local }) => local === address);

  it.each([
    [V4, 32],
    [V6, 128],
  ])('%s stands there deprecated, without DAD, for as long as it was given', async (address, prefixLength) => {
    table.set(index, address, prefixLength, 30);
    const there = await find(address);
    expect(there).toMatchObject({ prefixlen: prefixLength, deprecated: true });
    expect(there?.tentative).toBeUndefined();
    expect(there?.valid_life_time).toBeGreaterThan(25);
    expect(there?.valid_life_time).toBeLessThanOrEqual(30);
    table.set(index, address, prefixLength);
    expect(await find(address)).toMatchObject({ valid_life_time: FOREVER });
    table.set(index, address, prefixLength, 60);
    expect((await find(address))?.valid_life_time).toBeGreaterThan(50);
    const routes = await lan.hosts.n1.must(['ip', 'route', 'show', 'table', 'main']);
    expect(routes).not.toContain(address);
    table.remove(index, address);
    table.remove(index, address);
    expect(await find(address)).toBeUndefined();
  });

  it('goes by itself when nobody refreshes it', async () => {
    table.set(index, V4, 32, 1);
    table.set(index, V6, 128, 1);
    expect(await find(V4)).toBeDefined();
    await eventually('both gone', async () => !(await find(V4)) && !(await find(V6)));
    table.set(index, V4, 32, 30);
    expect(await find(V4)).toBeDefined();
    table.remove(index, V4);
  });

  it('are known as ours by another run, and only those', async () => {
    await lan.hosts.n1.ip8('addr add 10.77.0.210/32 dev eth0', 'addr add 2001:db8:77::210/128 dev eth0 nodad');
    table.set(index, V4, 32, 30);
    table.set(index, V6, 128);
    const next = createAddressTable({ netns: lan.hosts.n1.netns });
    const other = createAddressTable({ netns: lan.hosts.n1.netns, instance: 'control-plane' });
    expect(next.owned()).toEqual([
      { ip: V4, prefixLength: 32, linkIndex: index },
      { ip: V6, prefixLength: 128, linkIndex: index },
    ]);
    expect(other.owned()).toEqual([]);
    for (const address of [V4, V6, ip('10.77.0.210'), ip('2001:db8:77::210')]) next.remove(index, address);
    expect(await find(V4)).toBeUndefined();
    expect(await find(V6)).toBeUndefined();
    expect(await find('10.77.0.210')).toBeDefined();
    expect(await find('2001:db8:77::210')).toBeDefined();
    next.close();
    other.close();
  });

  it('go on from an earlier run', async () => {
    table.set(index, V4, 32, 30);
    const next = createAddressTable({ netns: lan.hosts.n1.netns });
    next.set(index, V4, 32);
    expect(await find(V4)).toMatchObject({ valid_life_time: FOREVER });
    next.remove(index, V4);
    next.close();
    table.remove(index, V4);
  });

  it('never take over or take away the same address of somebody else', async () => {
    await lan.hosts.n1.ip8('addr add 10.77.0.220/32 dev eth0', 'addr add 10.77.0.221/24 dev eth0');
    expect(() => table.set(index, ip('10.77.0.220'), 32, 1)).toThrow(/EEXIST/);
    expect(await find('10.77.0.220')).toMatchObject({ valid_life_time: FOREVER });
    table.set(index, ip('10.77.0.221'), 32, 30);
    table.remove(index, ip('10.77.0.221'));
    expect((await shown()).filter(({ local }) => local === '10.77.0.221')).toMatchObject([{ prefixlen: 24 }]);
  });

  it('are marked by a label on kernels that keep no protocol', async () => {
    const old = createAddressTable({ netns: lan.hosts.n1.netns, markBy: 'label' });
    old.set(index, V4, 32, 30);
    expect(await find(V4)).toMatchObject({ label: 'eth0:kv' });
    expect(table.owned()).toEqual([{ ip: V4, prefixLength: 32, linkIndex: index }]);
    old.remove(index, V4);
    expect(table.owned()).toEqual([]);
    old.close();
  });

  it('say what is wrong: no such interface', () => {
    expect(() => table.set(4711, V4, 32)).toThrow(/10\.77\.0\.200.*4711.*ENODEV/);
    expect(() => table.remove(4711, V4)).not.toThrow();
  });
});
