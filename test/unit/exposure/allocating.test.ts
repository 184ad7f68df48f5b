/** Which address of a pool is given out, while the LAN is being asked about others. */
import { describe, expect, it } from 'vitest';
import { Allocator } from '../../../src/exposure/address/allocator.ts';
import { parsePools } from '../../../src/exposure/address/pools.ts';
import { DEFAULT_CLASS_RULES, readIntent } from '../../../src/exposure/intent/intent.ts';
import type { Intent } from '../../../src/exposure/intent/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { LINK, MAC, NO_LEASES, service } from '../../support/exposure.ts';

function world(range = '10.77.0.200-10.77.0.220') {
  const clock = createFakeClock();
  /** Addresses that somebody answers for. */
  const holders = new Map<Ip, Mac>();
  /** Who was called to look again. */
  const told: string[] = [];
  const allocator = new Allocator({
    network: { links: () => [LINK] },
    prober: { probe: (address) => Promise.resolve(holders.get(address)) },
    leases: { 4: NO_LEASES, 6: NO_LEASES },
    lookUp: () => Promise.resolve([]),
    clock,
    services: () => [],
    pools: () => parsePools({ 'range-global': range }),
    defaultLink: () => undefined,
    changed: (keys) => void told.push(...(keys ?? ['all'])),
  });
  const given = (name: string): Ip | undefined => {
    const decision = allocator.allocate(intentOf(name));
    return decision.state === 'ready' ? decision.value.ips[0] : undefined;
  };
  return { clock, holders, allocator, given, told };
}

function intentOf(name: string): Intent {
  const intent = readIntent(service(name), DEFAULT_CLASS_RULES);
  if (intent.state !== 'ready') throw new Error(intent.message);
  return intent.value;
}

describe('an address of a pool', () => {
  it('that its last owner is just letting go of does not hold up the next Service', async () => {
    const { clock, holders, allocator, given } = world();
    allocator.keepWarm();
    await clock.advanceAsync(0);
    holders.set(ip('10.77.0.200'), MAC);
    allocator.freed([ip('10.77.0.200')]);
    // The first of the pool, if it can be had after one question.
    expect(given('one')).toBeUndefined();
    await clock.advanceAsync(0);
    expect(given('one')).toBe('10.77.0.201');
    expect(given('two')).toBe('10.77.0.202');
    holders.clear();
    await clock.advanceAsync(500);
    expect(given('three')).toBe('10.77.0.200');
  });

  it('that everybody waits for calls all of them when its last owner is done', async () => {
    const { clock, holders, allocator, given, told } = world('10.77.0.200-10.77.0.200');
    holders.set(ip('10.77.0.200'), MAC);
    allocator.freed([ip('10.77.0.200')]);
    given('one');
    await clock.advanceAsync(0);
    expect(['one', 'two', 'three'].map(given)).toEqual([undefined, undefined, undefined]);
    told.length = 0;
    holders.clear();
    await clock.advanceAsync(500);
    expect(told.sort()).toEqual(['default/one', 'default/three', 'default/two']);
  });

  it('of which nothing is known is asked about together with the next ones, for all who wait', async () => {
    const { clock, given } = world();
    expect(['one', 'two', 'three'].map(given)).toEqual([undefined, undefined, undefined]);
    await clock.advanceAsync(0);
    expect(['one', 'two', 'three'].map(given)).toEqual(['10.77.0.200', '10.77.0.201', '10.77.0.202']);
  });
});
