/** How much patience a node asks for that comes late with its beats. */
import { describe, expect, it } from 'vitest';
import { Leniency } from '../../../../src/exposure/ownership/heartbeat/leniency.ts';
import { PROFILES, type HeartbeatProfile } from '../../../../src/exposure/ownership/heartbeat/profile.ts';

/** Sends beats with these gaps. @returns what each of them asked for */
function asked(gaps: readonly number[], profile: HeartbeatProfile = PROFILES.lan): number[] {
  const leniency = new Leniency(profile);
  let now = 0;
  return gaps.map((gap) => {
    now += gap;
    leniency.sent(gap, now);
    return leniency.missed;
  });
}

describe('the patience that a node asks for', () => {
  it('is the profile’s for one that is on time, or a little late', () => {
    expect(asked([50, 50, 70, 99, 50])).toEqual([3, 3, 3, 3, 3]);
  });

  it('is twice the longest silence, within reason, from the next beat on', () => {
    expect(asked([50, 120, 50, 260, 50])).toEqual([3, 5, 5, 11, 11]);
    expect(asked([1900])).toEqual([12]);
  });

  it('is the profile’s again after half a minute on time', () => {
    const gaps = [200, ...Array.from({ length: 620 }, () => 50)];
    const all = asked(gaps);
    expect(all[590]).toBe(8);
    expect(all[610]).toBe(3);
  });

  it('goes by the profile’s beat', () => {
    expect(asked([300], PROFILES.wifi)).toEqual([4]);
    expect(asked([500], PROFILES.wifi)).toEqual([5]);
  });
});
