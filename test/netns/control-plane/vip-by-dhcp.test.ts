/** Two control planes and a home router with dnsmasq, which leases addresses and answers for the names of its clients. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { VipByDhcp } from '../../../src/exposure/control-plane/vip-by-dhcp.ts';
import { eventually } from '../../support/netns.ts';
import { createDhcpLan, createJumpingClock, type DhcpLan } from '../dhcp4/lan.ts';

const HOME = ['port=53', 'no-resolv', 'no-hosts', 'domain=home.lan', 'local=/home.lan/', 'expand-hosts', 'no-ping'];
const range = (from: number, to: number): string => `dhcp-range=10.77.0.${from},10.77.0.${to},255.255.255.0,2m`;
const LOOK_UP = `
const { Resolver } = require('node:dns').promises;
const r = new Resolver({ timeout: 500, tries: 2 }); r.setServers([process.argv[1]]);
r.resolve4('api.home.lan').then((a) => console.log(a.join()), (e) => console.log(e.code));
`;

let world: DhcpLan;
const stops: (() => void)[] = [];
beforeAll(async () => void (world = await createDhcpLan()));
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await world.reset();
});
afterAll(() => world.dispose());

/** What the name is to any machine of the LAN. */
async function nameIs(): Promise<string> {
  const { router, b } = world.lan.hosts;
  return (await b.must([process.execPath, '-e', LOOK_UP, router.ip])).trim();
}

function vip(name: 'a' | 'b') {
  const clock = createJumpingClock();
  const { leases, network } = world.node(name, clock, false);
  const addresses = new VipByDhcp({
    name: 'api.home.lan',
    family: 4,
    hostname: 'api',
    link: 'eth0',
    links: () => network.links(),
    leases,
    clock,
    onChange: () => undefined,
  });
  addresses.start();
  stops.push(() => addresses.stop());
  const now = (): string => (addresses.current.state === 'ready' ? addresses.current.value.join() : '');
  return { addresses, clock, now };
}

/** Number of leases that dnsmasq has given or prolonged. */
const acks = (log: string): number => log.match(/DHCPACK/g)?.length ?? 0;

describe('a VIP by DHCP, from dnsmasq', () => {
  it('is one address on both control planes, which its DNS knows by name, and which outlives its lease', async () => {
    const server = await world.dnsmasq(range(100, 199), ...HOME);
    const [a, b] = [vip('a'), vip('b')];
    await eventually('both have it', () => a.now() !== '' && a.now() === b.now());
    const address = a.now();
    expect(world.leaseFile()).toHaveLength(1);
    expect(await nameIs()).toBe(address);
    // One of them has the VIP; answers to the address itself come there alone.
    await world.lan.hosts.a.ip8(`addr add ${address}/32 dev eth0`);
    for (let minute = 0; minute < 4; minute++) {
      const before = acks(server.log());
      for (const { clock } of [a, b]) clock.jump(60_000);
      await eventually('both have renewed it', () => acks(server.log()) >= before + 2);
    }
    expect([a.now(), b.now()]).toEqual([address, address]);
    // The owner is gone, the other goes on.
    await world.lan.hosts.a.ip8(`addr del ${address}/32 dev eth0`);
    stops.shift()?.();
    const before = acks(server.log());
    b.clock.jump(60_000);
    await eventually('the other renews it', () => acks(server.log()) > before);
    expect(b.now()).toBe(address);
    expect(await nameIs()).toBe(address);
    expect(server.log()).not.toMatch(/DHCPNAK|DHCPRELEASE|DHCPDECLINE/);
  });

  it('changes with the range of the server: for whoever asks first, and then for the other one', async () => {
    const before = await world.dnsmasq(range(100, 149), ...HOME);
    const [a, b] = [vip('a'), vip('b')];
    await eventually('both have it', () => a.now() !== '' && a.now() === b.now());
    const old = a.now();
    await before.stop();
    await world.dnsmasq(range(150, 199), ...HOME);
    a.clock.jump(60_000);
    await eventually('another address', () => a.now() !== '' && a.now() !== old);
    expect(b.now()).toBe(old);
    b.addresses.told([a.addresses.current.state === 'ready' ? a.addresses.current.value : []].flat());
    await eventually('the same one', () => b.now() === a.now());
    await eventually('its name', async () => (await nameIs()) === a.now());
  });
});
