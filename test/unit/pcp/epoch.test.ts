import { describe, expect, it } from 'vitest';
import { isPcpEpochValid } from '../../../src/protocols/pcp/epoch.ts';
import { pcpResultText, pcpRetryAfter } from '../../../src/protocols/pcp/result.ts';

const at = (seconds: number, epoch: number) => ({ at: seconds * 1000, epoch });

describe('PCP epoch', () => {
  it.each([
    ['a clock that runs like ours', at(0, 100), at(60, 160), true],
    ['an answer that overtook another', at(0, 100), at(0, 99), true],
    ['a restart', at(0, 100), at(60, 3), false],
    ['a restart within the second', at(0, 2), at(1, 0), false],
    ['a server 6 % slow', at(0, 0), at(3200, 3001), true],
    ['a server 7 % slow', at(0, 0), at(3200, 2976), false],
    ['a server 6 % fast', at(0, 0), at(3000, 3190), true],
    ['a server that jumped ahead', at(0, 100), at(10, 200), false],
    ['a clock that stands still for a while', at(0, 100), at(60, 100), false],
  ])('%s', (_, previous, next, valid) => {
    expect(isPcpEpochValid(previous, next)).toBe(valid);
  });
});

describe('PCP results', () => {
  it('names what it knows and counts what it does not', () => {
    expect(pcpResultText(2).name).toBe('NOT_AUTHORIZED');
    expect(pcpResultText(99).name).toBe('result 99');
  });

  it('keeps the wait after an error within reason', () => {
    expect([0, 60, 4_000_000_000].map(pcpRetryAfter)).toEqual([30, 60, 1800]);
  });
});
