import { describe, expect, it } from 'vitest';
import { watchLinks } from '../../../src/agent/link-watch.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import type { Link } from '../../../src/model/wire.ts';

const ETH0: Link = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01' as Mac,
  up: true,
  addresses: [{ ip: ip('10.77.0.11'), prefixLength: 24 }],
  gateway: {},
};

describe('the watch over links', () => {
  it('tells what changes where addresses can be, and nothing of addresses that are refreshed', () => {
    let links: readonly Link[] = [ETH0];
    let poke = (): void => undefined;
    let told = 0;
    const network = {
      links: () => links,
      onChange: (callback: () => void) => {
        poke = callback;
        return () => undefined;
      },
    };
    watchLinks(network, () => told++);
    const become = (...now: Link[]): number => {
      links = now;
      poke();
      return told;
    };
    const vip = { ip: ip('10.77.0.200'), prefixLength: 32 };
    expect(become({ ...ETH0, addresses: [...ETH0.addresses, vip] })).toBe(0);
    expect(become({ ...ETH0, up: false })).toBe(1);
    expect(become({ ...ETH0, up: false })).toBe(1);
    expect(become({ ...ETH0, name: 'lan0' })).toBe(2);
    expect(become({ ...ETH0, addresses: [{ ip: ip('fd77::11'), prefixLength: 64 }] })).toBe(3);
    expect(become()).toBe(4);
  });
});
