/**
 * A node with addresses of ours and a server that listens everywhere, kube-proxy's rules of the lab, a node port as
 * kube-proxy makes them, and a laptop that knocks.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { guardedAddresses } from '../../../src/exposure/security/guarded.ts';
import { createPortFilter } from '../../../src/linux/port-filter.ts';
import { ownTables, removeOwnTables } from '../../../src/linux/own-traces.ts';
import { createLan, eventually, type Lan, type LanHost } from '../../support/netns.ts';
import { servedService } from '../../support/service-world.ts';

const VIPS = ['10.77.0.200', '2001:db8:77::200'] as const;
const OWN = ['10.77.0.11', '2001:db8:77::11'] as const;
/** Port of the Service, another one that the server listens at, and a node port that leads to it. */
const [PORT, OTHER, NODE_PORT] = [80, 2222, 30_080];
const SERVER = `
for (const port of [${PORT}, ${OTHER}]) {
  require('node:net').createServer((s) => s.on('error', () => {}).end('hello')).listen(port, '::');
  require('node:dgram').createSocket('udp6').on('message', function (m, f) { this.send('hello', f.port, f.address); }).bind(port, '::');
}
process.stdout.write('listening');
`;
const CLIENT = `
const [host, port, kind, source] = process.argv.slice(1);
const end = (text) => { console.log(text); process.exit(0); };
setTimeout(end, 700, 'silence');
if (kind === 'udp') require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4').on('message', (m) => end(String(m))).on('error', () => end('refused')).send('?', port, host);
else require('node:net').connect({ host, port: Number(port), ...(source ? { localAddress: source } : {}) }).on('data', (d) => end(String(d))).on('error', () => end('refused'));
`;

let lan: Lan<'node' | 'lap'>;
const knock = async (host: string, port: number, kind = 'tcp', from: LanHost = lan.hosts.lap, source = '') =>
  (await from.must([process.execPath, '-e', CLIENT, host, `${port}`, kind, source])).trim();
const pings = async (host: string): Promise<boolean> =>
  (await lan.hosts.lap.run(['ping', '-c', '1', '-W', '2', host])).code === 0;
const service = (port: number) =>
  servedService('web', VIPS, { ports: [{ port }, { name: 'dns', port, protocol: 'UDP' }] });
const filter = () => createPortFilter({ netns: lan.hosts.node.netns });

beforeAll(async () => {
  lan = await createLan({ nodes: ['node', 'lap'] });
  const { node, lap } = lan.hosts;
  await node.ip8(
    'link set lo up',
    `addr add ${OWN[1]}/64 dev eth0 nodad`,
    `addr add ${VIPS[0]}/32 dev eth0`,
    `addr add ${VIPS[1]}/128 dev eth0 nodad`,
  );
  await lap.ip8('link set lo up', 'addr add 2001:db8:77::12/64 dev eth0 nodad');
  for (const host of [node, lap]) {
    const server = host.daemon([process.execPath, '-e', SERVER]);
    await eventually('the server', () => server.log().includes('listening'));
  }
  const nodePort = `table inet node-ports { chain prerouting { type nat hook prerouting priority -100; fib daddr type local tcp dport ${NODE_PORT} redirect to :${OTHER}; }; }`;
  await node.must(['nft', '-f', '-'], { input: nodePort });
});
afterAll(() => lan.dispose());

describe('service security in the kernel', () => {
  beforeEach(() => filter().set([]));

  it('leaves the Service’s ports and ICMP open, and closes others and node ports, in both families', async () => {
    const [before] = [await knock(VIPS[0], OTHER), await knock(VIPS[0], NODE_PORT)];
    expect(before).toBe('hello');
    await filter().set(guardedAddresses([service(PORT)]));
    for (const vip of VIPS) {
      for (const kind of ['tcp', 'udp']) {
        expect([vip, kind, await knock(vip, PORT, kind)]).toEqual([vip, kind, 'hello']);
        expect([vip, kind, await knock(vip, OTHER, kind)]).toEqual([vip, kind, 'silence']);
      }
      expect(await knock(vip, NODE_PORT)).toBe('silence');
      expect(await pings(vip)).toBe(true);
    }
    // A neighbour that has forgotten the node finds it again.
    await lan.hosts.lap.ip8('neigh flush dev eth0');
    expect(await Promise.all(VIPS.map(pings))).toEqual([true, true]);
  });

  it('leaves the node’s own addresses alone, and what the node asks of others from the address', async () => {
    await filter().set(guardedAddresses([service(PORT)]));
    for (const own of OWN) expect([await knock(own, OTHER), await knock(own, NODE_PORT)]).toEqual(['hello', 'hello']);
    expect(await knock('10.77.0.12', OTHER, 'tcp', lan.hosts.node, VIPS[0])).toBe('hello');
    expect(await knock('2001:db8:77::12', OTHER, 'tcp', lan.hosts.node, VIPS[1])).toBe('hello');
    expect(await knock(VIPS[0], OTHER, 'tcp', lan.hosts.node)).toBe('hello');
  });

  it('follows a change of ports, and puts back what was flushed', async () => {
    const one = filter();
    await one.set(guardedAddresses([service(OTHER)]));
    expect([await knock(VIPS[0], OTHER), await knock(VIPS[0], PORT)]).toEqual(['hello', 'silence']);
    await one.set(guardedAddresses([service(PORT)]));
    expect([await knock(VIPS[0], OTHER), await knock(VIPS[0], PORT)]).toEqual(['silence', 'hello']);
    await lan.hosts.node.must(['nft', 'delete', 'table', 'inet', 'kubevip-ports']);
    expect(await knock(VIPS[0], OTHER)).toBe('hello');
    await one.set(guardedAddresses([service(PORT)]));
    expect(await knock(VIPS[0], OTHER)).toBe('silence');
  });

  it('leaves nothing behind: when taken back, and for whoever cleans up after a killed agent', async () => {
    const { netns } = lan.hosts.node;
    await filter().set(guardedAddresses([service(PORT)]));
    expect(await ownTables(netns)).toEqual(['table inet kubevip-ports']);
    await filter().set([]);
    expect(await ownTables(netns)).toEqual([]);
    await filter().set(guardedAddresses([service(PORT)]));
    await removeOwnTables(netns);
    expect(await ownTables(netns)).toEqual([]);
    expect(await knock(VIPS[0], OTHER)).toBe('hello');
  });
});
