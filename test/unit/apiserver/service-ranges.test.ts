import { describe, expect, it } from 'vitest';
import { cidrProblem, ipProblem } from '../../../src/lab/apiserver/validation/ip-text.ts';
import { firstAddress, freeAddress, parseServiceRanges } from '../../../src/lab/apiserver/registry/service/ranges.ts';

describe('ranges for Services', () => {
  it('are one, or one of each family in any order', () => {
    const first = (text: string) => parseServiceRanges(text).map(firstAddress);
    expect(first('10.96.0.0/16')).toEqual(['10.96.0.1']);
    expect(first('10.96.0.0/16,fd00:96::/108')).toEqual(['10.96.0.1', 'fd00:96::1']);
    expect(first('fd00:96::/108, 10.96.1.2/16')).toEqual(['fd00:96::1', '10.96.0.1']);
  });

  it.each(['', 'x', '10.96.0.0', '10.96.0.0/33', '10.96.0.0/16,', '10.96.0.0/16,10.97.0.0/16', '10.96.0.0/31'])(
    'are not %j',
    (text) => {
      expect(() => parseServiceRanges(text)).toThrow(`${JSON.stringify(text)} is no range for Services`);
    },
  );

  it('are not three', () => {
    expect(() => parseServiceRanges('10.96.0.0/16,fd00:96::/108,10.97.0.0/16')).toThrow();
  });

  it.each([
    ['10.96.0.0/28', 14],
    ['10.96.0.0/27', 30],
    ['fd00:96::/124', 15],
    ['fd00:96::/120', 255],
  ])('give every address of %s once, and then none', (text, count) => {
    const [range] = parseServiceRanges(text);
    const taken = new Set<string>();
    for (let address; (address = freeAddress(range!, taken)) !== undefined;) taken.add(address);
    expect(taken.size).toBe(count);
  });

  it('leave the lowest addresses to those who name theirs, as long as they can', () => {
    const [range] = parseServiceRanges('10.96.0.0/24');
    const taken = new Set<string>();
    for (let i = 0; i < 100; i++) taken.add(freeAddress(range!, taken)!);
    const last = [...taken].map((address) => Number(address.split('.')[3]));
    expect(Math.min(...last)).toBeGreaterThan(16);
  });

  it('may be wider than any number', () => {
    const [range] = parseServiceRanges('fd00:96::/48');
    expect(freeAddress(range!, new Set())).toMatch(/^fd00:96:/);
  });
});

describe('texts of addresses', () => {
  it.each([
    ['192.0.2.1', undefined],
    ['2001:DB8:0::01', undefined],
    ['192.0.2.010', 'must not have leading 0s'],
    ['::ffff:192.0.2.1', 'must not be an IPv4-mapped IPv6 address'],
    ['fe80::1%eth0', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['192.0.2', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ])('%s', (text, problem) => expect(ipProblem(text)).toBe(problem));

  it.each([
    ['10.0.0.0/8', undefined],
    ['::/0', undefined],
    ['10.0.0.0/08', 'must not have leading 0s in IP or prefix length'],
    ['010.0.0.0/8', 'must not have leading 0s in IP or prefix length'],
    ['10.0.0.1/8', 'must not have bits set beyond the prefix length'],
    ['::ffff:10.0.0.0/104', 'must not have an IPv4-mapped IPv6 address'],
    ['10.0.0.0', 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
    ['10.0.0.0/8/8', 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
    ['10.0.0.0/33', 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ])('%s', (text, problem) => expect(cidrProblem(text)).toBe(problem));
});
