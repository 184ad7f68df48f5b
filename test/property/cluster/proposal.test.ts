import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostsOf, propose, type LanFacts } from '../../../src/cluster/proposal.ts';
import { cidr, contains, firstOf, lastOf, type Range } from '../../../src/model/cidr.ts';
import { fromBigInt, ip, ipToBigInt, type Ip } from '../../../src/model/ip.ts';

/** A LAN of any size, with machines, a router and offers somewhere on it. */
const lanFacts: fc.Arbitrary<LanFacts> = fc
  .record({
    base: fc.oneof(
      fc.record({ network: fc.constant(ip('10.20.0.0')), length: fc.integer({ min: 16, max: 31 }) }),
      fc.record({ network: fc.constant(ip('192.168.1.0')), length: fc.integer({ min: 24, max: 30 }) }),
      fc.record({ network: fc.constant(ip('fd00:1::')), length: fc.integer({ min: 64, max: 126 }) }),
    ),
    places: fc.array(fc.nat({ max: 1200 }), { maxLength: 60 }),
    split: fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 40 })),
    gateway: fc.option(fc.nat({ max: 300 }), { nil: undefined }),
  })
  .map(({ base, places, split, gateway }) => {
    const subnet = cidr(base.network, base.length)!;
    const size = subnet.last - subnet.first + 1n;
    const at = (n: number): Ip => fromBigInt(subnet.first + (BigInt(n) % size), subnet.family);
    const addresses = places.map(at);
    const [own, used] = split;
    return {
      subnet,
      own: addresses.slice(0, own),
      used: addresses.slice(own, used),
      handedOut: addresses.slice(Math.max(own, used)),
      gateway: gateway === undefined ? undefined : at(gateway),
    };
  });

const everyIp = (range: Range): Ip[] =>
  Array.from({ length: Number(range.last - range.first + 1n) }, (_, i) =>
    fromBigInt(range.first + BigInt(i), range.family),
  );
const takenIn = ({ own, used, handedOut, gateway }: LanFacts): Set<Ip> =>
  new Set([...own, ...used, ...handedOut, ...(gateway === undefined ? [] : [gateway])]);

describe('what is proposed', () => {
  it('is on the LAN, nobody’s, and means nothing else', () => {
    fc.assert(
      fc.property(lanFacts, (facts) => {
        const proposal = propose(facts);
        fc.pre(proposal !== undefined);
        const all = [proposal.vip, ...(proposal.pool === undefined ? [] : everyIp(proposal.pool))];
        const taken = takenIn(facts);
        for (const address of all) {
          expect(contains(facts.subnet, address)).toBe(true);
          expect(taken.has(address)).toBe(false);
          if (facts.subnet.prefixLength < 31) expect(address).not.toBe(firstOf(facts.subnet));
          if (facts.subnet.family === 4 && facts.subnet.prefixLength < 31)
            expect(address).not.toBe(lastOf(facts.subnet));
          expect(address).not.toMatch(/\.(0|255)$/);
        }
        expect(new Set(all).size).toBe(all.length);
        expect(all.length).toBeLessThanOrEqual(17);
      }),
      { numRuns: 400 },
    );
  });

  it('is something whenever an address is free', () => {
    fc.assert(
      fc.property(lanFacts, (facts) => {
        const hosts = hostsOf(facts);
        const taken = takenIn(facts);
        const free =
          hosts === undefined ? [] : everyIp(hosts).filter((one) => !taken.has(one) && !/\.(0|255)$/.test(one));
        const proposal = propose(facts);
        expect(proposal !== undefined).toBe(free.length > 0);
        expect(proposal?.pool !== undefined).toBe(free.length > 1);
      }),
      { numRuns: 200 },
    );
  });

  it('is the same for the same facts, in whatever order they come', () => {
    fc.assert(
      fc.property(lanFacts, (facts) => {
        const turned = { ...facts, used: facts.used.toReversed(), handedOut: facts.handedOut.toReversed() };
        expect(propose(turned)).toEqual(propose(facts));
      }),
      { numRuns: 100 },
    );
  });

  it('is another once its address turns out to be handed out', () => {
    fc.assert(
      fc.property(lanFacts, (facts) => {
        const first = propose(facts);
        fc.pre(first !== undefined);
        const second = propose({ ...facts, handedOut: [...facts.handedOut, first.vip] });
        expect(second?.vip).not.toBe(first.vip);
      }),
      { numRuns: 100 },
    );
  });

  it('is never nearer to what is handed out than any other stretch as long', () => {
    fc.assert(
      fc.property(lanFacts, (facts) => {
        const proposal = propose(facts);
        fc.pre(proposal?.pool !== undefined && facts.handedOut.length > 0 && facts.subnet.family === 4);
        const { vip, pool } = proposal as { vip: Ip; pool: Range };
        fc.pre(pool.first === ipToBigInt(vip) + 1n);
        const length = Number(pool.last - pool.first) + 2;
        const known = facts.handedOut.map(ipToBigInt);
        const distance = (start: bigint): bigint => {
          const end = start + BigInt(length) - 1n;
          return known.map((n) => (n < start ? start - n : n > end ? n - end : 0n)).reduce((a, b) => (a < b ? a : b));
        };
        const taken = takenIn(facts);
        const hosts = everyIp(hostsOf(facts)!);
        const free = new Set(hosts.filter((one) => !taken.has(one) && !/\.(0|255)$/.test(one)).map(ipToBigInt));
        const best = distance(ipToBigInt(vip));
        for (const start of free) {
          const whole = Array.from({ length }, (_, i) => start + BigInt(i)).every((n) => free.has(n));
          if (whole) expect(distance(start) <= best).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('in a home as most are', () => {
  const HOME: LanFacts = {
    subnet: cidr(ip('192.168.1.0'), 24)!,
    own: [ip('192.168.1.11')],
    gateway: ip('192.168.1.1'),
    used: [ip('192.168.1.20'), ip('192.168.1.21')],
    handedOut: [],
  };
  const text = (facts: LanFacts): string => {
    const proposal = propose(facts);
    return `${proposal?.vip} ${firstOf(proposal!.pool!)}-${lastOf(proposal!.pool!)}`;
  };

  it('is the end of the subnet while nothing is known of DHCP', () => {
    expect(text(HOME)).toBe('192.168.1.238 192.168.1.239-192.168.1.254');
  });

  it('keeps away from an offer', () => {
    expect(text({ ...HOME, handedOut: [ip('192.168.1.230')] })).toBe('192.168.1.22 192.168.1.23-192.168.1.38');
  });

  it('finds the gap that two offers leave', () => {
    expect(text({ ...HOME, handedOut: [ip('192.168.1.22'), ip('192.168.1.254')] })).toBe(
      '192.168.1.130 192.168.1.131-192.168.1.146',
    );
  });
});
