/**
 * Tunnels as the kernel and wg have them: a node and a far end with a real wireguard-go, whose clients the node would
 * answer by another way.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tunnel, TunnelWay } from '../../../src/exposure/announcement/tunnel/port.ts';
import { readTunnels } from '../../../src/exposure/announcement/tunnel/secret.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import {
  ownLinks,
  ownRules,
  ownTables,
  removeOwnLinks,
  removeOwnRules,
  removeOwnTables,
} from '../../../src/linux/own-traces.ts';
import { createTunnelDevices, type LinuxTunnelDevices } from '../../../src/linux/tunnel-devices.ts';
import { createTunnelWays, type LinuxTunnelWays } from '../../../src/linux/tunnel-ways.ts';
import { familyOf, hostPort, ip } from '../../../src/model/ip.ts';
import { createFarEnd, newKeys, type FarEnd } from '../../support/far-end.ts';
import { createLan, eventually, type Lan } from '../../support/netns.ts';

const CLIENTS = { 4: '198.51.100.7', 6: '2001:db8:51::7' } as const;
const FAR_IP = '10.77.0.12';
const PAGE = 'x'.repeat(50_000);
const SERVER = `require('node:http').createServer((q, r) => r.end('x'.repeat(50000))).listen(80, '::', () => console.log('ready'))`;
const tag = `${process.pid % 100_000}`;

let lan: Lan<'node' | 'far' | 'gate'>;
let far: FarEnd;
let devices: LinuxTunnelDevices;
let ways: LinuxTunnelWays;
const tunnels: Tunnel[] = [];
const wayOf = ({ name, ip, listenPort, mtu }: Tunnel, slot: number): TunnelWay => ({ name, ip, listenPort, mtu, slot });

/** What a client behind the far end gets. */
async function page(address: string): Promise<string> {
  const family = familyOf(ip(address));
  const argv = ['curl', '-s', '--max-time', '2', '--interface', CLIENTS[family], `http://${hostPort(address, 80)}/`];
  return (await lan.hosts.far.run(argv)).stdout;
}
const speak = (): boolean => ways.keepSpeaking(tunnels.map(({ listenPort }) => listenPort));

beforeAll(async () => {
  lan = await createLan({ nodes: ['node', 'far', 'gate'] });
  const { node, far: server } = lan.hosts;
  // Strict, as some distributions have it; and a way for everybody that does not lead to the far end.
  await node.must(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.default.rp_filter=1']);
  await node.ip8('addr add 2001:db8:77::11/64 dev eth0 nodad', 'route add default via 10.77.0.13');
  await node.ip8('route add default via 2001:db8:77::13 dev eth0');
  await server.ip8(...Object.values(CLIENTS).map((client) => `addr add ${client} dev lo`));
  node.daemon([process.execPath, '-e', SERVER]);
  far = await createFarEnd(server.netns, `far${tag}`, 51_820, ['10.99.0.1/24', '2001:db8:99::1/64']);
  const [four, six] = [newKeys(), newKeys()];
  const fields = { peerPublicKey: far.keys.publicKey, peerEndpoint: `${FAR_IP}:51820`, mtu: 1380 };
  const read = readTunnels(
    JSON.stringify({
      [`four${tag}`]: {
        ...fields,
        vip: '10.99.0.10/24',
        privateKey: four.privateKey,
        allowedIPs: ['0.0.0.0/0'],
        listenPort: 51_821,
      },
      [`six${tag}`]: {
        ...fields,
        vip: '2001:db8:99::10',
        privateKey: six.privateKey,
        allowedIPs: ['::/0'],
        listenPort: 51_822,
      },
    }),
  );
  tunnels.push(...read.tunnels);
  await far.peers(
    `[Peer]\nPublicKey = ${four.publicKey}\nAllowedIPs = 10.99.0.10/32, 10.77.0.11/32\n[Peer]\nPublicKey = ${six.publicKey}\nAllowedIPs = 2001:db8:99::10/128\n`,
  );
  devices = createTunnelDevices({ netns: node.netns, instance: 'services' });
  ways = createTunnelWays({ netns: node.netns, instance: 'services' });
});
afterAll(async () => {
  ways.close();
  await far.close();
  await lan.dispose();
});

async function raise(tunnel: Tunnel, slot: number): Promise<void> {
  const table = createAddressTable({ netns: lan.hosts.node.netns });
  const index = await devices.ensure(tunnel.name, tunnel.mtu);
  table.set(index, tunnel.ip, familyOf(tunnel.ip) === 4 ? 32 : 128);
  table.close();
  ways.lead(wayOf(tunnel, slot), index);
  await devices.configure(tunnel, ip(FAR_IP), 1, true);
}

describe('tunnels of a node', () => {
  it('can be had, by the kernel or in user space', () => {
    expect(devices.obstacle()).toBeUndefined();
    expect(devices.means).toMatch(/WireGuard of the kernel|wireguard-go/);
  });

  it('lead clients in and answers back, whichever way those would go otherwise', async () => {
    await ways.set(tunnels.map(wayOf));
    await Promise.all(tunnels.map(raise));
    for (const tunnel of tunnels) expect(await eventually(`a page of ${tunnel.ip}`, () => page(tunnel.ip))).toBe(PAGE);
    const [four] = tunnels;
    expect(await devices.lastHandshake(four?.name ?? '')).toBeGreaterThan(Date.now() / 1000 - 60);
  });

  it('lead to nothing else of the node', async () => {
    await lan.hosts.far.ip8(`route replace 10.77.0.11 dev ${far.name}`);
    expect(await page('10.77.0.11')).toBe('');
    await lan.hosts.far.ip8(`route del 10.77.0.11 dev ${far.name}`);
  });

  it('keep their session where only the keepalive changes', async () => {
    const [four] = tunnels;
    if (!four) throw new Error('no tunnel');
    const before = await devices.lastHandshake(four.name);
    await devices.configure(four, ip(FAR_IP), 25, false);
    speak();
    expect(await page(four.ip)).toBe(PAGE);
    expect(await devices.lastHandshake(four.name)).toBe(before);
  });

  it('are silent two seconds after their agent was heard last, and speak again with it', async () => {
    const [four] = tunnels;
    expect(speak()).toBe(true);
    expect(await page(four?.ip ?? '')).toBe(PAGE);
    await eventually('silence', async () => (await page(four?.ip ?? '')) === '');
    expect(speak()).toBe(true);
    expect(await page(four?.ip ?? '')).toBe(PAGE);
  });

  it('tell when somebody took the rules away', async () => {
    await lan.hosts.node.must(['nft', 'flush', 'ruleset']);
    expect(speak()).toBe(false);
    await ways.set(tunnels.map(wayOf));
    expect(speak()).toBe(true);
  });

  it('do not take an interface of somebody else', async () => {
    await lan.hosts.node.ip8('link add theirs type veth peer name other');
    await expect(devices.ensure('theirs', 1420)).rejects.toThrow(/interface theirs already, and it is not ours/);
    devices.remove('theirs');
    expect((await lan.hosts.node.run(['ip', 'link', 'show', 'theirs'])).code).toBe(0);
  });

  it('show no key in what is said of a configuration that is refused', async () => {
    const [four] = tunnels;
    if (!four) throw new Error('no tunnel');
    const error: unknown = await devices
      .configure({ ...four, peerPublicKey: `${four.publicKey}x` }, ip(FAR_IP), 1, false)
      .catch((e: unknown) => e);
    expect(String(error)).toMatch(/wg syncconf ended with 1/);
    expect(String(error)).not.toContain(four.publicKey);
    expect(String(error)).not.toContain(four.privateKey.reveal());
  });

  it('are known as ours, and go with all that is theirs', async () => {
    const { netns } = lan.hosts.node;
    expect(ownLinks(netns)).toEqual(tunnels.map(({ name }) => `interface ${name}`));
    expect(ownRules(netns)).toEqual(['rule for mark 0x6b770000', 'rule for mark 0x6b770001']);
    expect(await ownTables(netns)).toEqual(['table inet kubevip-tunnels']);
    removeOwnLinks(netns);
    removeOwnRules(netns);
    await removeOwnTables(netns);
    expect([...ownLinks(netns), ...ownRules(netns), ...(await ownTables(netns))]).toEqual([]);
    for (const { name } of tunnels)
      await eventually('the end of its wireguard-go', () => !existsSync(`/var/run/wireguard/${name}.sock`));
    for (const family of ['-4', '-6']) {
      const routes = await lan.hosts.node.must(['ip', family, 'route', 'show', 'table', 'all']);
      expect(routes).not.toContain(tag);
    }
  });

  it('can be made anew at once', async () => {
    const [four] = tunnels;
    if (!four) throw new Error('no tunnel');
    for (let i = 0; i < 2; i++) {
      await ways.set([wayOf(four, 0)]);
      await raise(four, 0);
      expect(await eventually('a page', () => page(four.ip))).toBe(PAGE);
      devices.remove(four.name);
      await ways.clear();
    }
  });
});
