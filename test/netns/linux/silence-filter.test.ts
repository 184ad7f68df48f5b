import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSilenceFilter, type LinuxSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import { createLan, eventually, type HostDaemon, type Lan } from '../../support/netns.ts';

const VIP = ip('10.77.0.200');
const VIP6 = ip('2001:db8:77::200');

/** As nft shows an IPv6 address in the set of targets. */
function inSet(address: Ip): string {
  return `0x${Buffer.from(ipToBytes(address)).toString('hex')}`;
}

describe('keeping the kernel silent', () => {
  let lan: Lan<'n1' | 'lap'>;
  let filter: LinuxSilenceFilter;
  beforeAll(async () => {
    lan = await createLan({ nodes: ['n1', 'lap'] });
    const { n1, lap } = lan.hosts;
    await n1.ip8(
      `addr add ${VIP}/32 dev eth0`,
      'addr add 10.77.0.201/32 dev eth0',
      'addr add 2001:db8:77::11/64 dev eth0 nodad',
      `addr add ${VIP6}/128 dev eth0 nodad`,
    );
    await lap.ip8('addr add 2001:db8:77::50/64 dev eth0 nodad');
    filter = createSilenceFilter({ netns: n1.netns });
  });
  afterAll(async () => {
    filter.close();
    await lan.dispose();
  });
  const ruleset = async (): Promise<string> => await lan.hosts.n1.must(['nft', 'list', 'ruleset']);
  const answers = async (address: string): Promise<boolean> => {
    const { code } = await lan.hosts.lap.run(['arping', '-c', '1', '-w', '1', '-I', 'eth0', address]);
    return code === 0;
  };
  const solicited = async (address: string): Promise<boolean> =>
    (await lan.hosts.lap.run(['ndisc6', '-1', '-r', '1', '-w', '500', address, 'eth0'])).code === 0;

  it('works for the addresses given and no others', async () => {
    expect(await answers(VIP)).toBe(true);
    await filter.set([VIP]);
    expect(await answers(VIP)).toBe(false);
    expect(await answers('10.77.0.201')).toBe(true);
    expect(await answers(lan.hosts.n1.ip)).toBe(true);
    await filter.set([]);
    expect(await answers(VIP)).toBe(true);
  });

  it('holds for IPv6 too', async () => {
    expect(await solicited(VIP6)).toBe(true);
    await filter.set([VIP, VIP6]);
    expect(await solicited(VIP6)).toBe(false);
    expect(await answers(VIP)).toBe(false);
    expect(await solicited('2001:db8:77::11')).toBe(true);
    await filter.set([VIP]);
    expect(await solicited(VIP6)).toBe(true);
  });

  it('leaves traffic alone, and lets the node find its neighbours without naming the silent address', async () => {
    const { n1, lap } = lan.hosts;
    await filter.set([VIP]);
    await lap.must(['ip', 'neigh', 'replace', VIP, 'lladdr', n1.mac, 'dev', 'eth0']);
    const sniffer: HostDaemon = lap.daemon(['tcpdump', '-lni', 'eth0', 'arp']);
    await eventually('tcpdump listening', () => sniffer.log().includes('listening on'));
    await n1.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await lap.must(['ping', '-c', '1', '-W', '2', VIP]);
    await eventually('question of the node', () => sniffer.log().includes(`who-has ${lap.ip} tell ${n1.ip}`));
    expect(sniffer.log()).not.toContain(`tell ${VIP}`);
    // What begins at the silent address on this node has to find its way as well.
    await n1.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await n1.must(['ping', '-c', '1', '-W', '2', '-I', VIP, lap.ip]);
    expect(sniffer.log()).not.toContain(`tell ${VIP}`);
    await sniffer.stop();
    await lap.must(['ip', 'neigh', 'del', VIP, 'dev', 'eth0']);
  });

  it('leaves IPv6 traffic alone, and lets the node find its neighbours without naming the silent address', async () => {
    const { n1, lap } = lan.hosts;
    const [own, peer] = ['2001:db8:77::11', '2001:db8:77::50'];
    await filter.set([VIP6]);
    await lap.must(['ip', 'neigh', 'replace', VIP6, 'lladdr', n1.mac, 'dev', 'eth0']);
    const sniffer = lap.daemon(['tcpdump', '-lni', 'eth0', 'icmp6 and ip6[40] == 135']);
    await eventually('tcpdump listening', () => sniffer.log().includes('listening on'));
    const questions = (): string[] =>
      sniffer
        .log()
        .split('\n')
        .filter((line) => line.includes(`who has ${peer}`));
    await n1.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await lap.must(['ping', '-c', '1', '-W', '2', VIP6]);
    await eventually('question of the node', () => questions().length > 0);
    // What begins at the silent address on this node has to find its way as well.
    await n1.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await n1.must(['ping', '-c', '1', '-W', '2', '-I', VIP6, peer]);
    await eventually('another question', () => questions().length > 1);
    for (const line of questions()) expect(line).toMatch(new RegExp(` (${own}|fe80::\\S+) > `));
    // Without the filter the kernel would name it.
    await filter.set([]);
    await n1.must(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await n1.must(['ping', '-c', '1', '-W', '2', '-I', VIP6, peer]);
    await eventually('the question it would ask', () => questions().some((line) => line.includes(` ${VIP6} > `)));
    await sniffer.stop();
    await lap.must(['ip', 'neigh', 'del', VIP6, 'dev', 'eth0']);
  });

  it('keeps the kernel from announcing a silent IPv6 address by itself (ndisc_notify)', async () => {
    const { n1, lap } = lan.hosts;
    await n1.must(['sysctl', '-qw', 'net.ipv6.conf.eth0.ndisc_notify=1']);
    const sniffer = lap.daemon(['tcpdump', '-lni', 'eth0', 'icmp6 and ip6[40] == 136']);
    await eventually('tcpdump listening', () => sniffer.log().includes('listening on'));
    const news = (address: string): boolean => sniffer.log().includes(`tgt is ${address},`);
    await filter.set([VIP6]);
    await n1.ip8('link set eth0 address 02:77:00:00:00:aa');
    await eventually('news of its own address', () => news('2001:db8:77::11'));
    expect(news(VIP6)).toBe(false);
    await filter.set([]);
    await n1.ip8(`link set eth0 address ${n1.mac}`);
    await eventually('news of an address that may be announced', () => news(VIP6));
    await n1.must(['sysctl', '-qw', 'net.ipv6.conf.eth0.ndisc_notify=0']);
    await sniffer.stop();
  });

  it('follows the node’s own addresses', async () => {
    const { n1 } = lan.hosts;
    await n1.ip8('addr add 10.79.0.1/16 dev eth0');
    await filter.set([VIP]);
    expect(await ruleset()).toContain('arp daddr ip 10.79.0.0/16');
    await n1.ip8('addr del 10.79.0.1/16 dev eth0');
    await filter.set([VIP]);
    expect(await ruleset()).not.toContain('10.79.0');
  });

  it('comes back after somebody has flushed all rules', async () => {
    await filter.set([VIP]);
    await lan.hosts.n1.must(['nft', 'flush', 'ruleset']);
    expect(await answers(VIP)).toBe(true);
    await filter.set([VIP]);
    expect(await answers(VIP)).toBe(false);
  });

  it('repairs a set that somebody changed', async () => {
    await filter.set([VIP]);
    await lan.hosts.n1.must(['nft', 'flush', 'set', 'arp', 'kubevip', 'silent']);
    await lan.hosts.n1.must(['nft', 'add', 'element', 'arp', 'kubevip', 'silent', '{ 10.77.0.201 }']);
    await lan.hosts.n1.must(['nft', 'add', 'element', 'inet', 'kubevip', 'silent', `{ ${inSet(VIP6)} }`]);
    await filter.set([VIP]);
    expect(await ruleset()).toMatch(/elements = \{ 10\.77\.0\.200 \}/);
    expect(await ruleset()).not.toContain(inSet(VIP6));
  });

  it('changes one address of either family in a set of thousands by netlink alone, before the call returns', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ip(`10.80.${i >> 8}.${i & 255}`));
    const many6 = Array.from({ length: 3000 }, (_, i) => ip(`2001:db8:80::${(i + 1).toString(16)}`));
    await filter.set([...many, ...many6]);
    void filter.set([...many, VIP, ...many6, VIP6]);
    const listed = await ruleset();
    for (const address of [VIP, many[0]!, many[2999]!]) expect(listed).toMatch(new RegExp(`${address}[, ]`));
    for (const address of [VIP6, many6[0]!, many6[2999]!]) expect(listed).toContain(inSet(address));
    await filter.set([]);
    expect(await ruleset()).not.toContain('elements');
  });

  it('keeps its order when calls overlap', async () => {
    await filter.clear();
    await Promise.all([
      filter.set([VIP]),
      filter.clear(),
      filter.set([ip('10.77.0.201')]),
      filter.set([VIP, ip('10.77.0.202')]),
    ]);
    expect(await ruleset()).toMatch(/elements = \{ 10\.77\.0\.200, 10\.77\.0\.202 \}/);
  });

  it('takes over what an earlier run left, touches no rules of others, and leaves nothing', async () => {
    const { n1 } = lan.hosts;
    await filter.clear();
    await n1.must(['nft', '-f', '-'], { input: 'table inet firewall {\nchain c {\ntcp dport 22 accept\n}\n}\n' });
    const before = await ruleset();
    await filter.set([VIP, VIP6]);
    const next = createSilenceFilter({ netns: n1.netns });
    await next.set([]);
    expect(await answers(VIP)).toBe(true);
    const controlPlane = createSilenceFilter({ netns: n1.netns, instance: 'control-plane' });
    await controlPlane.set([VIP]);
    await next.clear();
    expect(await answers(VIP)).toBe(false);
    await controlPlane.clear();
    expect(await ruleset()).toBe(before);
    await next.clear();
    expect(await ruleset()).toBe(before);
    next.close();
    controlPlane.close();
  });
});
