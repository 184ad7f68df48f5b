import { describe, expect, it } from 'vitest';
import { candidates } from '../../../src/exposure/address/candidates.ts';
import { addressesInUse, canShare } from '../../../src/exposure/address/in-use.ts';
import { parsePools, poolFor } from '../../../src/exposure/address/pools.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { service } from '../../support/exposure.ts';

const addresses = (data: Record<string, string>, namespace = 'default', family: 4 | 6 = 4): string[] => {
  const config = parsePools(data);
  const pool = poolFor(config, namespace);
  return pool ? [...candidates(pool, family, config.descending)] : [];
};

describe('ConfigMap kubevip, as kube-vip-cloud-provider reads it', () => {
  it('looks at cidr-<ns>, cidr-global, range-<ns>, range-global in this order', () => {
    const all = {
      'cidr-a': '10.0.1.1/32',
      'cidr-global': '10.0.2.1/32',
      'range-a': '10.0.3.1-10.0.3.1',
      'range-global': '10.0.4.1-10.0.4.1',
    };
    expect(addresses(all, 'a')).toEqual(['10.0.1.1']);
    expect(addresses(all, 'b')).toEqual(['10.0.2.1']);
    const ranges = { 'range-a': all['range-a'], 'range-global': all['range-global'] };
    expect(addresses(ranges, 'a')).toEqual(['10.0.3.1']);
    expect(addresses(ranges, 'b')).toEqual(['10.0.4.1']);
  });

  it('takes lists, merges overlaps, and skips .0 and .255', () => {
    expect(addresses({ 'range-global': '10.0.0.254-10.0.1.1, 10.0.1.0-10.0.1.2' })).toEqual([
      '10.0.0.254',
      '10.0.1.1',
      '10.0.1.2',
    ]);
  });

  it('gives the last first with search-order desc', () => {
    expect(addresses({ 'range-global': '10.0.0.1-10.0.0.3', 'search-order': 'desc' })).toEqual([
      '10.0.0.3',
      '10.0.0.2',
      '10.0.0.1',
    ]);
  });

  it('drops the ends of prefixes with skip-end-ips-in-cidr, except of /31 and /32', () => {
    const skip = { 'skip-end-ips-in-cidr': 'true' };
    expect(addresses({ ...skip, 'cidr-global': '10.0.0.4/30' })).toEqual(['10.0.0.5', '10.0.0.6']);
    expect(addresses({ ...skip, 'cidr-global': '10.0.0.4/31' })).toEqual(['10.0.0.4', '10.0.0.5']);
    expect(addresses({ ...skip, 'cidr-global': '10.0.0.4/32' })).toEqual(['10.0.0.4']);
  });

  it('knows both families in one value', () => {
    const data = { 'cidr-global': '10.0.0.1/32,fd00::1/126' };
    expect(addresses(data)).toEqual(['10.0.0.1']);
    // fd00:: is every router of the /64.
    expect(addresses(data, 'x', 6)).toEqual(['fd00::1', 'fd00::2', 'fd00::3']);
  });

  it('reads 0.0.0.0/32 as DHCP', () => {
    expect(poolFor(parsePools({ 'cidr-global': '0.0.0.0/32' }), 'x')).toMatchObject({ dhcp: true });
  });

  it('tells a bad line and goes on with the others', () => {
    const config = parsePools({
      'range-a': '10.0.0.9-10.0.0.1',
      'cidr-b': '10.0.0/24',
      'range-c': '10.0.0.1-10.0.0.2',
      typo: 'x',
      'allow-share-a': 'maybe',
    });
    expect(config.problems.map(({ key }) => key).sort()).toEqual(['allow-share-a', 'cidr-b', 'range-a', 'typo']);
    expect([...config.pools.keys()]).toEqual(['range-c']);
  });

  it('never walks through a /64 to its end', () => {
    expect(addresses({ 'cidr-global': 'fd00::/64' }, 'x', 6).length).toBeLessThanOrEqual(65_536);
  });
});

describe('addresses in use', () => {
  it('counts what is assigned, asked for and shown in status, whoever wrote it', () => {
    const uses = addressesInUse([
      service('a', { spec: { loadBalancerIP: '10.0.0.1' } }),
      service('b', { metadata: { annotations: { [KEY.loadBalancerIPs]: '10.0.0.2, fd00::1' } } }),
      {
        ...service('c', { spec: { loadBalancerClass: 'other' } }),
        status: { loadBalancer: { ingress: [{ ip: '10.0.0.3' }] } },
      },
      service('d', { metadata: { annotations: { [KEY.loadBalancerIPs]: '0.0.0.0' } } }),
      service('e', { metadata: { annotations: { [KEY.loadBalancerIPs]: 'name.example' } } }),
      service('f', { spec: { type: 'ClusterIP', loadBalancerIP: '10.0.0.4' } }),
    ]);
    expect([...uses.keys()].sort()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1']);
  });

  it('lets Services share only with different port numbers on both sides', () => {
    const user = { service: 'a/b', ports: [80] } as const;
    expect(canShare([443], [user])).toBe(true);
    expect(canShare([80], [user])).toBe(false);
    expect(canShare([], [user])).toBe(false);
    expect(canShare([443], [{ ...user, ports: [] }])).toBe(false);
  });
});
