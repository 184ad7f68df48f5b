import { describe, expect, it } from 'vitest';
import { VerifiedAddresses } from '../../../src/exposure/address/verified.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { MAC } from '../../support/exposure.ts';

const VIP = ip('10.77.0.200');

function world() {
  const clock = createFakeClock();
  const holders = new Map<Ip, Mac>();
  const asked: number[] = [];
  const changes: Ip[] = [];
  const prober = {
    probe: (address: Ip): Promise<Mac | undefined> => {
      asked.push(clock.now());
      return Promise.resolve(holders.get(address));
    },
  };
  const verified = new VerifiedAddresses(prober, clock, (address) => changes.push(address));
  return { clock, holders, asked, changes, verified };
}

describe('an address that a Service has just given back', () => {
  it('is not a stranger’s while its last owner lets it go, and free as soon as that is done', async () => {
    const { clock, holders, verified, changes } = world();
    holders.set(VIP, MAC);
    verified.freed(VIP);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'unprobed' });
    await clock.advanceAsync(1000);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'unprobed' });
    // Told once: others are to be had sooner.
    expect([verified.isBeingLetGo(VIP), changes]).toEqual([true, [VIP]]);
    holders.delete(VIP);
    await clock.advanceAsync(300);
    expect([verified.isBeingLetGo(VIP), changes]).toEqual([false, [VIP, VIP]]);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'free' });
  });

  it('is a stranger’s when somebody still answers after five seconds, and that is believed for half a minute', async () => {
    const { clock, holders, verified, asked } = world();
    holders.set(VIP, MAC);
    verified.freed(VIP);
    verified.look(VIP, 'eth0');
    await clock.advanceAsync(6000);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'taken', mac: MAC });
    asked.length = 0;
    await clock.advanceAsync(20_000);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'taken', mac: MAC });
    expect(asked).toEqual([]);
    await clock.advanceAsync(11_000);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'unprobed' });
  });

  it('is asked about anew, whatever was known of it', async () => {
    const { clock, verified, asked } = world();
    verified.look(VIP, 'eth0');
    await clock.advanceAsync(0);
    expect(verified.look(VIP, 'eth0')).toEqual({ state: 'free' });
    verified.freed(VIP);
    verified.look(VIP, 'eth0');
    expect(asked).toHaveLength(2);
  });
});
