import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/agent/config.ts';
import { createMirror } from '../../../src/exposure/mirror/mirror.ts';
import { parseIp } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Link } from '../../../src/model/wire.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const link = (name: string, index: number, gateway?: string): Link => ({
  name,
  index,
  mac: parseMac('02:00:00:00:00:01')!,
  up: true,
  addresses: [],
  gateway: gateway === undefined ? {} : { v4: parseIp(gateway)! },
});

function setup(to: string | undefined, from?: string) {
  const clock = createFakeClock();
  const world = { links: [link('eth0', 2, '10.0.0.1'), link('eth1', 3), link('mir0', 4), link('eth0.7', 5)] };
  const sets: string[] = [];
  const told: string[] = [];
  const mirror = createMirror({
    clock,
    to,
    from,
    table: {
      set: async (copying) => {
        sets.push(copying ? `${copying.from.name} to ${copying.to.name} ${copying.to.index}` : 'none');
        await Promise.resolve();
      },
    },
    links: () => world.links,
    onError: (error) => told.push(String(error)),
  });
  mirror.start();
  return { clock, world, sets, told, mirror };
}

describe('the mirror', () => {
  it('copies the interface of Services, by default the one with the default route, as long as it runs', async () => {
    const { clock, sets, mirror } = setup('mir0');
    await clock.advanceAsync(11_000);
    expect(sets).toEqual(Array(3).fill('eth0 to mir0 4'));
    await mirror.stop();
    expect(sets.at(-1)).toBe('none');
    const named = setup('mir0', 'eth1');
    await named.clock.advanceAsync(10);
    expect(named.sets).toEqual(['eth1 to mir0 4']);
  });

  it('removes what an earlier run left when it is off, and does nothing more', async () => {
    const { clock, sets, mirror } = setup(undefined);
    await clock.advanceAsync(10);
    for (let i = 0; i < 10; i++) mirror.changed();
    await clock.advanceAsync(30_000);
    expect(sets).toEqual(['none']);
  });

  it('says which interface is missing, and begins when it is there', async () => {
    const { clock, world, sets, told } = setup('mir9');
    await clock.advanceAsync(3000);
    expect([sets, told]).toEqual([[], [expect.stringContaining('this node has no interface mir9')]]);
    world.links.push(link('mir9', 9));
    await clock.advanceAsync(2000);
    expect(sets).toEqual(['eth0 to mir9 9']);
  });

  it.each([
    ['eth0', undefined],
    ['eth0.7', undefined],
    ['eth1', 'eth1'],
  ])('does not copy into itself: to %s', async (to, from) => {
    const { clock, sets, told } = setup(to, from);
    await clock.advanceAsync(3000);
    expect([sets, told]).toEqual([[], [expect.stringContaining('name another one')]]);
  });

  it('takes names of interfaces only', () => {
    expect(readConfig({ mirror_dest_interface: 'mir0' }, 'n').mirrorTo).toBe('mir0');
    expect(readConfig({}, 'n').mirrorTo).toBeUndefined();
    for (const name of ['a b', 'a/b', 'a"; flush ruleset', 'x'.repeat(16)])
      expect(() => readConfig({ mirror_dest_interface: name }, 'n')).toThrow(/mirror_dest_interface: is not the name/);
  });
});
