import { describe, expect, it } from 'vitest';
import { VipByDhcp } from '../../../src/exposure/control-plane/vip-by-dhcp.ts';
import { joinVips } from '../../../src/exposure/control-plane/vip-of-families.ts';
import { ip } from '../../../src/model/ip.ts';
import { decodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { decodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { createLeasesLan, type LeasesLanOptions } from '../dhcp4/leases-lan.ts';

const HOUR = 3_600_000;

function setup(options: LeasesLanOptions = {}) {
  const world = createLeasesLan(options);
  const both = (number: number) => {
    const { leases, leases6, host } = world.node(number);
    const common = {
      name: 'api.home.lan',
      hostname: 'api',
      link: 'eth0',
      clock: world.clock,
      onChange: () => undefined,
    };
    const links = () => host.network.links();
    const addresses = joinVips([
      new VipByDhcp({ ...common, family: 4, links, leases }),
      new VipByDhcp({ ...common, family: 6, links, leases: leases6 }),
    ]);
    addresses.start();
    return addresses;
  };
  const vip = (number: number, link: string | undefined = 'eth0') => {
    const { leases, host } = world.node(number);
    let changes = 0;
    const addresses = new VipByDhcp({
      name: 'api.home.lan',
      hostname: 'api',
      family: 4,
      link,
      links: () => host.network.links(),
      leases,
      clock: world.clock,
      onChange: () => changes++,
    });
    addresses.start();
    return { addresses, host, changes: () => changes };
  };
  return { ...world, world, vip, both };
}
const first = ip('10.77.0.100');

describe('a VIP by DHCP', () => {
  it('is the same address on every control plane, by the name that the server is told', () => {
    const { clock, lan, world, vip } = setup();
    const nodes = [1, 2, 3].map((number) => vip(number));
    clock.advance(1000);
    for (const { addresses } of nodes)
      expect(addresses.current).toMatchObject({ state: 'ready', value: [first], reason: 'Leased' });
    const asked = lan.sent
      .filter(({ from }) => from !== 'router')
      .map(({ frame }) => decodeMessage(decodeUdpFrame(frame).payload));
    expect(new Set(asked.map(({ chaddr }) => chaddr)).size).toBe(1);
    expect(new Set(asked.map(({ options }) => Buffer.from(options.get(OPTION.hostName) ?? []).toString()))).toEqual(
      new Set(['api']),
    );
    expect(world.types().filter((type) => type === MESSAGE_TYPE.release)).toEqual([]);
  });

  it('is kept by all of them for days, without a word to the rest of the agent, and given back by none', () => {
    const { clock, world, vip } = setup();
    const nodes = [vip(1), vip(2)];
    clock.advance(1000);
    const told = nodes.map(({ changes }) => changes());
    clock.advance(48 * HOUR);
    expect(nodes.map(({ changes }) => changes())).toEqual(told);
    nodes[0]?.addresses.stop();
    clock.advance(HOUR);
    expect(nodes[1]?.addresses.current).toMatchObject({ value: [first] });
    const types = world.types();
    expect(types).not.toContain(MESSAGE_TYPE.release);
    expect(types).not.toContain(MESSAGE_TYPE.decline);
  });

  it('waits for a server without end, and says so', () => {
    const { clock, server, vip } = setup();
    server.up = false;
    const { addresses } = vip(1);
    clock.advance(HOUR);
    expect(addresses.current).toMatchObject({ state: 'pending', reason: 'NoDhcpServer' });
    expect(addresses.current.message).toMatch(/api\.home\.lan has no address: .*vip_interface/);
    server.up = true;
    clock.advance(2 * 60_000);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [first] });
  });

  it('waits for its interface', () => {
    const { clock, vip } = setup();
    const { addresses } = vip(1, 'eth9');
    clock.advance(10_000);
    expect(addresses.current).toMatchObject({ state: 'pending', reason: 'NoLink' });
    expect(addresses.current.message).toContain('no interface eth9');
  });

  it('is given up when the server takes it back, and asked for anew', () => {
    const { clock, server, vip } = setup();
    const { addresses, changes } = vip(1);
    clock.advance(1000);
    const told = changes();
    server.refusing = true;
    clock.advance(24 * HOUR);
    expect(addresses.current.state).toBe('pending');
    server.refusing = false;
    clock.advance(HOUR);
    expect(addresses.current.state).toBe('ready');
    expect(changes()).toBeGreaterThan(told + 1);
  });

  it('is asked about when whoever has the VIP has another one, once, and stands meanwhile', () => {
    const { clock, world, server, vip } = setup();
    const { addresses } = vip(1);
    clock.advance(1000);
    world.types();
    addresses.told([first]);
    addresses.told([]);
    expect(world.types()).toEqual([]);
    server.up = false;
    const other = ip('10.77.0.150');
    addresses.told([other]);
    clock.advance(10_000);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [first] });
    server.up = true;
    clock.advance(2 * 60_000);
    world.types();
    addresses.told([other]);
    clock.advance(1000);
    expect(world.types()).toEqual([]);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [first] });
  });
});

describe('a VIP by DHCP in both families', () => {
  const SIX = ip('fd77::1:0');

  it('is an address of each, the same on every control plane, for days', () => {
    const { clock, both, server6 } = setup();
    const nodes = [both(1), both(2)];
    clock.advance(1000);
    clock.advance(48 * HOUR);
    for (const node of nodes) expect(node.current).toMatchObject({ state: 'ready', value: [first, SIX] });
    expect(server6.seen).not.toContain(8);
    expect([...server6.leases.keys()]).toEqual([SIX]);
  });

  it('goes by the one there is, and gets the other one as soon as there is a server', () => {
    const { clock, both, server, server6 } = setup();
    server6.up = false;
    const addresses = both(1);
    clock.advance(20_000);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [first] });
    expect(addresses.current.message).toContain('has no IPv6 address: no DHCPv6 server has answered on eth0');
    server6.up = true;
    clock.advance(3 * 60_000);
    expect(addresses.current).toMatchObject({ value: [first, SIX] });
    addresses.stop();
    [server.up, server6.up] = [false, false];
    const none = both(2);
    clock.advance(20_000);
    expect(none.current).toMatchObject({ state: 'pending', reason: 'NoDhcpServer' });
  });

  it('asks about the family in which whoever has the VIP has another one', () => {
    const { clock, both, world, server6 } = setup();
    const addresses = both(1);
    clock.advance(1000);
    world.types();
    server6.seen.length = 0;
    addresses.told?.([first, ip('fd77::1:99')]);
    clock.advance(1000);
    expect(world.types()).toEqual([]);
    expect(server6.seen).toEqual([1, 3]);
    expect(addresses.current).toMatchObject({ value: [first, SIX] });
  });
});
