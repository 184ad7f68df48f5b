import { describe, expect, it } from 'vitest';
import { VipByDhcp } from '../../../src/exposure/control-plane/vip-by-dhcp.ts';
import { ip } from '../../../src/model/ip.ts';
import { decodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { decodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { createLeasesLan, type LeasesLanOptions } from '../dhcp4/leases-lan.ts';

const HOUR = 3_600_000;

function setup(options: LeasesLanOptions = {}) {
  const world = createLeasesLan(options);
  const vip = (number: number, link: string | undefined = 'eth0') => {
    const { leases, host } = world.node(number);
    let changes = 0;
    const addresses = new VipByDhcp({
      name: 'api.home.lan',
      hostname: 'api',
      link,
      links: () => host.network.links(),
      leases,
      clock: world.clock,
      onChange: () => changes++,
    });
    addresses.start();
    return { addresses, host, changes: () => changes };
  };
  return { ...world, world, vip };
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
