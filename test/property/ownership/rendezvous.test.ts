import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankNodes } from '../../../src/exposure/ownership/rendezvous.ts';
import { fromBigInt, type Ip } from '../../../src/model/ip.ts';

const address = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((n): Ip => fromBigInt(n, 4));
const nodes = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/), {
  minLength: 1,
  maxLength: 20,
});

describe('rendezvous hashing', () => {
  it('orders the same nodes alike, however they are listed', () => {
    fc.assert(
      fc.property(address, nodes, fc.func(fc.integer()), (ip, names, order) => {
        const shuffled = [...names].sort((a, b) => order(a) - order(b));
        expect(rankNodes(ip, shuffled)).toEqual(rankNodes(ip, names));
        expect([...rankNodes(ip, names)].sort()).toEqual([...names].sort());
      }),
    );
  });

  it('moves only what a node that goes had, and only to a node that comes', () => {
    fc.assert(
      fc.property(address, nodes, fc.nat(), (ip, names, pick) => {
        const gone = names[pick % names.length] ?? '';
        const rest = names.filter((name) => name !== gone);
        const [before] = rankNodes(ip, names);
        const [after] = rankNodes(ip, rest);
        if (before !== gone) expect(after).toBe(before);
        // The others keep their order, so that whoever was next takes over.
        expect(rankNodes(ip, rest)).toEqual(rankNodes(ip, names).filter((name) => name !== gone));
      }),
    );
  });

  it('spreads addresses that follow each other', () => {
    for (const count of [2, 3, 5, 10]) {
      const names = Array.from({ length: count }, (_, i) => `node-${i + 1}`);
      const won = new Map(names.map((name) => [name, 0]));
      for (let i = 0; i < 4000; i++) {
        const [first = ''] = rankNodes(fromBigInt(0x0a000000n + BigInt(i), 4), names);
        won.set(first, (won.get(first) ?? 0) + 1);
      }
      // Five standard deviations of a fair draw.
      const margin = 5 * Math.sqrt((4000 / count) * (1 - 1 / count));
      for (const wins of won.values()) expect(Math.abs(wins - 4000 / count)).toBeLessThan(margin);
    }
  });
});
