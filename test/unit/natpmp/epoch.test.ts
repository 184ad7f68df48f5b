import { describe, expect, it } from 'vitest';
import { isNatPmpEpochValid } from '../../../src/protocols/natpmp/epoch.ts';
import { natPmpResultText } from '../../../src/protocols/natpmp/result.ts';
import { natPmpSchedule } from '../../../src/protocols/natpmp/schedule.ts';

const at = (seconds: number, epoch: number) => ({ at: seconds * 1000, epoch });

describe('NAT-PMP epoch', () => {
  it.each([
    ['a clock that runs like ours', at(0, 100), at(60, 160), true],
    ['a clock an eighth slow', at(0, 100), at(800, 800), true],
    ['a clock slower than that', at(0, 100), at(800, 797), false],
    ['two seconds lost to rounding', at(0, 100), at(0, 98), true],
    ['a restart', at(0, 100), at(60, 0), false],
    ['a gateway ahead of us', at(0, 100), at(1, 5000), true],
  ])('%s', (_, previous, next, valid) => {
    expect(isNatPmpEpochValid(previous, next)).toBe(valid);
  });
});

describe('NAT-PMP schedule', () => {
  it('doubles from 250 ms and ends after nine', () => {
    expect(natPmpSchedule(3)).toEqual([250, 500, 1000]);
    expect(natPmpSchedule()).toHaveLength(9);
    expect(natPmpSchedule().at(-1)).toBe(64_000);
  });
});

describe('NAT-PMP results', () => {
  it('names what it knows and counts what it does not', () => {
    expect(natPmpResultText(2).name).toBe('Not Authorized/Refused');
    expect(natPmpResultText(9).name).toBe('result 9');
  });
});
