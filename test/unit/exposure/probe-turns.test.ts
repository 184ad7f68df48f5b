/** Many Services that come at once wait for about one question to the LAN, not for one after the other. */
import { describe, expect, it } from 'vitest';
import { Allocator } from '../../../src/exposure/address/allocator.ts';
import { parsePools } from '../../../src/exposure/address/pools.ts';
import type { LeasesByFamily } from '../../../src/exposure/address/port.ts';
import { DEFAULT_CLASS_RULES, readIntent } from '../../../src/exposure/intent/intent.ts';
import type { Intent } from '../../../src/exposure/intent/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Service, ServiceKey } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const PROBE_MS = 200;
const STRANGER = parseMac('02:00:00:00:00:99')!;

function burst(count: number, pool: string, strangers: readonly Ip[] = []) {
  const clock = createFakeClock();
  let asking = 0;
  let most = 0;
  const waiting = new Map<ServiceKey, Intent>();
  const given = new Map<ServiceKey, Ip>();
  const failures: string[] = [];
  const look = (key: ServiceKey): void => {
    const intent = waiting.get(key);
    const decision = intent && allocator.allocate(intent);
    if (decision?.state === 'failed') failures.push(decision.reason);
    if (decision?.state !== 'ready') return;
    waiting.delete(key);
    given.set(key, decision.value.ips[0]!);
  };
  const allocator = new Allocator({
    network: {
      links: () => [
        {
          name: 'eth0',
          index: 2,
          mac: parseMac('02:00:00:00:00:01')!,
          mtu: 1500,
          up: true,
          addresses: [{ ip: ip('10.0.0.1'), prefixLength: 16 }],
          gateway: {},
        },
      ],
    },
    prober: {
      probe: async (address) => {
        most = Math.max(most, ++asking);
        await new Promise<void>((resolve) => clock.after(PROBE_MS, resolve));
        asking--;
        return strangers.includes(address) ? STRANGER : undefined;
      },
    },
    leases: {} as LeasesByFamily,
    lookUp: () => Promise.resolve([]),
    clock,
    services: () => [],
    pools: () => config,
    defaultLink: () => undefined,
    changed: (keys) => [...(keys ?? waiting.keys())].forEach(look),
  });
  const config = parsePools({ 'range-global': pool });
  for (let i = 0; i < count; i++) {
    const service: Service = {
      metadata: { name: `s${i}`, namespace: 'default', uid: `uid-${i}` },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    };
    const intent = readIntent(service, DEFAULT_CLASS_RULES);
    if (intent.state !== 'ready') throw new Error(intent.message);
    waiting.set(intent.value.service, intent.value);
  }
  for (const key of [...waiting.keys()]) look(key);
  return { clock, given, failures, most: () => most };
}

describe('Services that come at once', () => {
  it('all have an address after one question', async () => {
    const { clock, given } = burst(60, '10.0.1.1-10.0.1.100');
    await clock.advanceAsync(PROBE_MS);
    expect(new Set(given.values()).size).toBe(60);
  });

  it('do not have the LAN asked about more than 64 addresses at a time, and some that are kept ready', async () => {
    const { clock, given, most } = burst(1000, '10.0.1.1-10.0.8.254');
    await clock.advanceAsync(20 * PROBE_MS);
    expect(new Set(given.values()).size).toBe(1000);
    expect(most()).toBeLessThanOrEqual(64 + 4);
  });

  it('go on to other addresses where strangers answer', async () => {
    const strangers = [ip('10.0.1.1'), ip('10.0.1.7')];
    const { clock, given } = burst(20, '10.0.1.1-10.0.1.22', strangers);
    await clock.advanceAsync(3 * PROBE_MS);
    expect(new Set(given.values()).size).toBe(20);
    for (const stranger of strangers) expect([...given.values()]).not.toContain(stranger);
  });

  it('are told that the pool is exhausted only when it is', async () => {
    const { clock, given, failures } = burst(5, '10.0.1.1-10.0.1.3');
    await clock.advanceAsync(PROBE_MS - 1);
    expect(failures).toEqual([]);
    await clock.advanceAsync(2 * PROBE_MS);
    expect(given.size).toBe(3);
    expect(failures).toEqual(['PoolExhausted', 'PoolExhausted']);
  });
});
