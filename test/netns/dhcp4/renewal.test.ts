/**
 * Renewals with a real dnsmasq. Its shortest lease is of two minutes, so the agent's clock runs thirty times as fast
 * here: half the lease are two seconds.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { arpReply, ARP_ETHER_TYPE, decodeArp, encodeArp, isQuestion } from '../../../src/protocols/arp/packet.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, fastClock, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(async () => {
  await world.reset();
  // What one test has resolved shall not help the next.
  await world.lan.hosts.router.ip8('neigh flush all');
});
afterAll(() => world.dispose());

const WEB = requestFor('web');
/** Fixed, so that a test can make it stand somewhere. */
const ADDRESS = ip('10.77.0.123');

/** Keeps a lease on a node until it was renewed `count` times; every answer on the way has to be the same address. */
async function renewals(count: number, node: 'a' | 'b' = 'a'): Promise<void> {
  const { leases } = world.node(node, fastClock(30));
  const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
  const seen = new Set<string>();
  let lost: string | undefined;
  const keep = (): void => {
    const decision = leases.keep(WEB, lease);
    if (decision.state !== 'ready' || decision.value.ip !== ADDRESS) lost ??= `${decision.reason}: ${decision.message}`;
    else seen.add(decision.value.acquiredAt);
  };
  keep();
  leases.onChange(keep);
  await eventually(`${count} renewals`, () => lost !== undefined || seen.size > count, 40_000);
  expect(lost).toBeUndefined();
}

/** What the router sends and gets while `during` runs. */
async function watched(filter: string, during: () => Promise<void>): Promise<string> {
  const tcpdump = world.lan.hosts.router.daemon(['tcpdump', '--immediate-mode', '-lneti', 'eth0', filter]);
  try {
    await eventually('tcpdump listens', () => tcpdump.log().includes('listening'));
    await during();
    return tcpdump.log();
  } finally {
    await tcpdump.stop();
  }
}

describe('a renewal', () => {
  it('is answered at the leased address; that the kernel then says "port unreachable" harms nothing', async () => {
    const { a } = world.lan.hosts;
    await world.dnsmasq(RANGE, 'no-ping');
    await a.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    const seen = await watched('icmp or udp port 67', async () => {
      await renewals(3);
      await a.ip8(`addr del ${ADDRESS}/32 dev eth0`);
    });
    const unicast = new RegExp(
      `02:77:00:00:00:0b > ${a.mac}, .* > ${ADDRESS.replaceAll('.', '\\.')}\\.68: BOOTP/DHCP, Reply`,
      'g',
    );
    expect(seen.match(unicast)?.length).toBeGreaterThanOrEqual(3);
    expect(seen).toContain('udp port 68 unreachable');
  });

  it('works with the kernel kept silent and the agent answering ARP for the address', async () => {
    const { a } = world.lan.hosts;
    await world.dnsmasq(RANGE, 'no-ping');
    const { network } = world.node('a');
    const silence = `table arp t { chain c { type filter hook input priority 0; arp daddr ip ${ADDRESS} drop\n }\n }\n`;
    await a.must(['nft', '-f', '-'], { input: silence });
    await a.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    const link = network.links().find(({ name }) => name === 'eth0')!;
    let answered = 0;
    const socket = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (frame) => {
      const question = decodeArp(frame);
      if (!isQuestion(question) || question.targetIp !== ADDRESS) return;
      answered++;
      socket.send(encodeArp(arpReply(parseMac(a.mac)!, question)));
    });
    try {
      const seen = await watched('udp port 67', () => renewals(2));
      expect(answered).toBeGreaterThan(0);
      // Only the first lease was asked for by broadcast.
      expect(seen.match(/0\.0\.0\.0\.68 > 255/g)).toHaveLength(2);
      expect(seen).not.toContain(`${ADDRESS}.68 > 255`);
    } finally {
      socket.close();
      await a.ip8(`addr del ${ADDRESS}/32 dev eth0`);
      await a.must(['nft', 'delete', 'table', 'arp', 't']);
    }
  });

  it('is rescued by a broadcast when the server cannot reach the address', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const seen = await watched('arp or udp port 67', () => renewals(1));
    expect(seen).toContain(`Request who-has ${ADDRESS}`);
    expect(seen).toMatch(/10\.77\.0\.11\.67 > 255\.255\.255\.255\.68: BOOTP\/DHCP, Reply/);
  });

  it('goes on at the node that took over', async () => {
    const { b } = world.lan.hosts;
    await world.dnsmasq(RANGE, 'no-ping');
    const a = world.node('a');
    const lease = await acquired(a.leases, { ...WEB, requested: ADDRESS });
    a.leases.keep(WEB, lease);
    a.leases.yield(WEB.service);
    await b.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    await renewals(2, 'b');
    await b.ip8(`addr del ${ADDRESS}/32 dev eth0`);
    expect(world.leaseFile().map((line) => line.split(' ')[2])).toEqual([ADDRESS]);
  });
});

describe('an address that the server does not stand by any more', () => {
  it('is lost with the server’s own words, and another one is had', async () => {
    const first = await world.dnsmasq(RANGE, 'no-ping');
    const { leases } = world.node('a', fastClock(30));
    const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
    await first.stop();
    await world.dnsmasq('dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,2m', 'no-ping');
    let last = leases.keep(WEB, lease);
    leases.onChange(() => (last = leases.keep(WEB, lease)));
    await eventually('the lease is lost', () => last.state === 'failed', 40_000);
    expect(last.reason).toBe('LeaseLost');
    expect(last.message).toMatch(
      new RegExp(`^DHCP server ${world.lan.hosts.router.ip} took ${ADDRESS} back: "[a-z ]+"$`),
    );
    const next = await acquired(leases, WEB);
    expect(inRange(next.ip, 200, 220)).toBe(true);
  });

  it('is lost at its end when nobody answers', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const { leases } = world.node('a', fastClock(60));
    const lease = await acquired(leases, WEB);
    const reasons = new Set<string>();
    const keep = (): void => void reasons.add(leases.keep(WEB, lease).reason);
    keep();
    leases.onChange(keep);
    await server.stop();
    await eventually('the lease is lost', () => reasons.has('LeaseLost'), 20_000);
    expect([...reasons]).toEqual(['Leased', 'RenewalUnanswered', 'LeaseLost']);
  });
});

function inRange(address: Ip, first: number, last: number): boolean {
  const host = Number(address.split('.')[3]);
  return host >= first && host <= last;
}
