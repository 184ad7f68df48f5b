import { describe, expect, it } from 'vitest';
import { labPaths, nodeAddresses, podAddress6 } from '../../../src/lab/layout.ts';
import { labOptions } from '../../../src/lab/options.ts';

describe('lab options', () => {
  it('have defaults for everything', () => {
    expect(labOptions()).toMatchObject({
      nodes: 3,
      wan: 'public',
      dhcp: { enabled: true, pingCheck: true },
      upnp: { secureMode: true },
    });
    expect(labOptions({ dhcp: { pingCheck: false } }).dhcp).toEqual({
      enabled: true,
      pingCheck: false,
      leaseTime: '1h',
    });
  });

  it('name what is wrong', () => {
    expect(() => labOptions({ nodes: 0 })).toThrow(/nodes/);
    expect(() => labOptions({ dhcp: { leaseTime: '2 minutes' } })).toThrow(/dhcp\.leaseTime/);
    expect(() => labOptions(JSON.parse('{"nodez": 2}') as object)).toThrow(/nodez/);
  });
});

describe('lab ids', () => {
  it('cannot reach out of their place or be taken for each other', () => {
    for (const bad of ['', 'a-b', '../x', 'A', 'a b', 'x'.repeat(25)]) {
      expect(() => labPaths(bad)).toThrow(/lab id/);
    }
    expect(labPaths('a').netnsPrefix.startsWith(labPaths('ab').netnsPrefix)).toBe(false);
    expect(labPaths('ab').netnsPrefix.startsWith(labPaths('a').netnsPrefix)).toBe(false);
  });

  it('give nodes addresses of their own', () => {
    expect(nodeAddresses('n2')).toEqual({
      lan: '10.77.0.12',
      lan6: '2001:db8:77::12',
      management: '172.31.0.12',
      mac: '02:77:00:00:00:0c',
      pods: '10.88.12.0/24',
      pods6: 'fd88:0:0:12::/64',
    });
    expect(podAddress6('10.88.12.7')).toBe('fd88:0:0:12::7');
  });
});
