/** Routers that have their own mind about how long a mapping lasts. */
import { describe, expect, it } from 'vitest';
import { createStage, recordsOf, request, type Stage } from './harness.ts';

const HOUR = 3_600_000;
const UPNP1 = { pcp: false, natPmp: false, igd: 1 } as const;
const open = ({ router }: Stage): string[] => [...router.table().keys()];

async function mapped(switches: object, lifetime = HOUR): Promise<Stage> {
  const stage = await createStage();
  Object.assign(stage.router.set, switches);
  recordsOf(await stage.settle(request({ lifetime })));
  return stage;
}

describe('lease times', () => {
  it('of a router that makes mappings without end only (725) are taken as they are, and undone with the Service', async () => {
    const stage = await mapped({ ...UPNP1, permanentOnly: true });
    const previous = recordsOf(stage.mappings.ensure(request()));
    expect(previous).toMatchObject([{ lifetime: 0 }]);
    await stage.clock.advanceAsync(48 * HOUR);
    expect(open(stage)).toEqual(['TCP 8080']);
    expect(await stage.withdraw(request({ previous }))).toMatchObject({ reason: 'RouterUnmapped' });
    expect(open(stage)).toEqual([]);
  });

  it('of a router that makes no mapping without end are the longest there are, and refreshed', async () => {
    const stage = await mapped({ ...UPNP1, finiteOnly: true, maxLease: 604_800 }, 0);
    await stage.clock.advanceAsync(301_000);
    const [record] = recordsOf(stage.mappings.ensure(request({ lifetime: 0 })));
    expect(record?.lifetime).toBeGreaterThan(600_000_000);
    for (let days = 0; days < 21; days++) {
      await stage.clock.advanceAsync(24 * HOUR);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
  });

  it.each([
    ['PCP', {}],
    ['NAT-PMP', { pcp: false }],
    ['UPnP', UPNP1],
  ])('that %s shortens to two minutes are kept up', async (_, switches) => {
    const stage = await mapped({ ...switches, maxLease: 120 });
    for (let minutes = 0; minutes < 60; minutes++) {
      await stage.clock.advanceAsync(60_000);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
  });

  it('of a router that calls every mapping endless, and forgets it all the same, are kept up', async () => {
    const stage = await mapped({ ...UPNP1, hidesLease: true });
    expect(recordsOf(stage.mappings.ensure(request()))).toMatchObject([{ lifetime: 0 }]);
    // The first was asked for ten minutes only.
    await stage.clock.advanceAsync(11 * 60_000);
    expect(open(stage)).toEqual(['TCP 8080']);
    for (let hours = 0; hours < 24; hours++) {
      await stage.clock.advanceAsync(HOUR);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
  });

  it('of a router that forgets mappings before their time are noticed by UPnP within the minute', async () => {
    const stage = await mapped(UPNP1);
    for (let times = 0; times < 5; times++) {
      await stage.clock.advanceAsync(7 * 60_000);
      stage.router.clear();
      await stage.clock.advanceAsync(61_000);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
  });

  it.each([
    ['PCP', { natPmp: false, igd: undefined }],
    ['NAT-PMP', { pcp: false, igd: undefined }],
  ])('of nothing, granted by %s, are no grant', async (_, switches) => {
    const stage = await createStage();
    Object.assign(stage.router.set, { ...switches, maxLease: 0 });
    const decision = await stage.settle(request());
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(decision.message).toContain('it says yes, but for no time at all');
  });
});
