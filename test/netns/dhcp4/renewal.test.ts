/** Renewals with a real dnsmasq, whose shortest lease is of two minutes: the agent's clock skips the waiting. */
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { arpReply, ARP_ETHER_TYPE, decodeArp, encodeArp, isQuestion } from '../../../src/protocols/arp/packet.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, createJumpingClock, decided, RANGE, requestFor, type DhcpLan } from './lan.ts';

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
async function renewals(count: number, node: 'a' | 'b' = 'a', skip: readonly number[] = [60_000]): Promise<void> {
  const clock = createJumpingClock();
  const { leases } = world.node(node, clock, false);
  let lease = await acquired(leases, { ...WEB, requested: ADDRESS });
  for (let i = 0; i < count; i++) {
    const before = lease;
    leases.keep(WEB, before);
    for (const [at, by] of skip.entries()) {
      clock.jump(by);
      // Only the last one gets an answer; the others have to be sent before time goes on.
      if (at < skip.length - 1) await setTimeout(50);
    }
    await eventually(`renewal ${i + 1}`, () => {
      const decision = leases.keep(WEB, before);
      if (decision.state !== 'ready') throw new Error(decision.message);
      lease = decision.value;
      return lease.acquiredAt !== before.acquiredAt;
    });
    expect(lease.ip).toBe(ADDRESS);
  }
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
    // T1, T2, and a little later the form of REQUEST that is answered by broadcast.
    const seen = await watched('arp or udp port 67', () => renewals(1, 'a', [60_000, 45_000, 5_000]));
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
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
    leases.keep(WEB, lease);
    await first.stop();
    await world.dnsmasq('dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,2m', 'no-ping');
    clock.jump(60_000);
    const last = await decided(leases, 'LeaseLost', () => leases.keep(WEB, lease));
    expect(last.state).toBe('failed');
    expect(last.message).toMatch(
      new RegExp(`^DHCP server ${world.lan.hosts.router.ip} took ${ADDRESS} back: "[a-z ]+"$`),
    );
    const next = await acquired(leases, WEB);
    expect(inRange(next.ip, 200, 220)).toBe(true);
  });

  it('is lost at its end when nobody answers', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, WEB);
    const keep = () => leases.keep(WEB, lease);
    expect(keep().reason).toBe('Leased');
    await server.stop();
    clock.jump(60_000);
    expect(keep().reason).toBe('Leased');
    clock.jump(45_000);
    const late = await decided(leases, 'RenewalUnanswered', keep);
    expect(late).toMatchObject({ state: 'ready', value: lease });
    clock.jump(15_000);
    expect((await decided(leases, 'LeaseLost', keep)).message).toMatch(/has ended/);
  });
});

function inRange(address: Ip, first: number, last: number): boolean {
  const host = Number(address.split('.')[3]);
  return host >= first && host <= last;
}
