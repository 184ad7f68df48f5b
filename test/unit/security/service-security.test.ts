import { describe, expect, it } from 'vitest';
import { guardedAddresses } from '../../../src/exposure/security/guarded.ts';
import type { GuardedAddress } from '../../../src/exposure/security/port.ts';
import { createServiceSecurity } from '../../../src/exposure/security/service-security.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { servedService } from '../../support/service-world.ts';

const service = (name: string, ips: readonly string[], ports: NonNullable<Service['spec']['ports']>): Service =>
  servedService(name, ips, { ports });
const exempt = (one: Service): Service => ({
  ...one,
  metadata: {
    ...one.metadata,
    annotations: { ...one.metadata.annotations, [KEY.ignoreServiceSecurity]: 'true' },
  },
});

describe('which ports are open', () => {
  it('those of all Services on an address, in both families', () => {
    const web = service('web', ['10.0.0.9', 'fd00::9'], [{ port: 80 }, { port: 53, protocol: 'UDP' }]);
    const ssh = service('ssh', ['10.0.0.9'], [{ port: 22 }, { port: 80 }]);
    const udp53 = { protocol: 'UDP', port: 53 };
    const [tcp22, tcp80] = [22, 80].map((port) => ({ protocol: 'TCP', port }));
    expect(guardedAddresses([ssh, web])).toEqual([
      { address: '10.0.0.9', ports: [tcp22, tcp80, udp53] },
      { address: 'fd00::9', ports: [tcp80, udp53] },
    ]);
    expect(guardedAddresses([web, ssh])).toEqual(guardedAddresses([ssh, web]));
  });

  it('all of an address that a Service wants left alone, and only of that', () => {
    const web = service('web', ['10.0.0.9'], [{ port: 80 }]);
    const open = exempt(service('open', ['10.0.0.9', '10.0.0.10'], [{ port: 22 }]));
    const other = service('other', ['10.0.0.11'], []);
    expect(guardedAddresses([web, open, other])).toEqual([{ address: '10.0.0.11', ports: [] }]);
  });

  it('nothing of Services without an address', () => {
    expect(guardedAddresses([{ metadata: { name: 'x' }, spec: { type: 'LoadBalancer' } }])).toEqual([]);
  });
});

function setup(enabled = true) {
  const clock = createFakeClock();
  const sets: (readonly GuardedAddress[])[] = [];
  const told: string[] = [];
  const world = { services: [] as Service[], refuses: false };
  const security = createServiceSecurity({
    clock,
    enabled,
    filter: {
      set: (addresses) => {
        if (world.refuses) return Promise.reject(new Error('nft is missing'));
        sets.push(addresses);
        return Promise.resolve();
      },
    },
    services: () => world.services,
    onError: (error) => told.push(String(error)),
  });
  return { clock, sets, told, world, security };
}

describe('service security', () => {
  const web = service('web', ['10.0.0.9'], [{ port: 80 }]);

  it('clears what an earlier run left and does nothing more while it is off', async () => {
    const { clock, sets, world, security } = setup(false);
    world.services = [web];
    security.start();
    await clock.advanceAsync(10);
    for (let i = 0; i < 100; i++) security.changed();
    await clock.advanceAsync(60_000);
    expect(sets).toEqual([[]]);
  });

  it('follows the Services, puts back what somebody flushed, and takes all back at the end', async () => {
    const { clock, sets, world, security } = setup();
    security.start();
    await clock.advanceAsync(10);
    world.services = [web];
    security.changed();
    await clock.advanceAsync(10);
    expect(sets.at(-1)).toHaveLength(1);
    const before = sets.length;
    await clock.advanceAsync(20_000);
    expect(sets.length - before).toBeGreaterThanOrEqual(3);
    await security.stop();
    expect(sets.at(-1)).toEqual([]);
    const after = sets.length;
    security.changed();
    await clock.advanceAsync(60_000);
    expect(sets).toHaveLength(after);
  });

  it('is tried again where the kernel refuses, and says so once', async () => {
    const { clock, sets, told, world, security } = setup();
    Object.assign(world, { services: [web], refuses: true });
    security.start();
    await clock.advanceAsync(10_000);
    expect([sets.length, told]).toEqual([0, ['Error: nft is missing']]);
    world.refuses = false;
    await clock.advanceAsync(2000);
    expect(sets.at(-1)).toHaveLength(1);
  });
});
