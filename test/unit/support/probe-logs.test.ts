import { describe, expect, it } from 'vitest';
import { failedFor, failures, reasons, type ConnectLog } from '../../../bench/failover/probe/connect-log.ts';
import { coarsest, longestGap, lost, type EchoLog } from '../../../bench/failover/probe/echo-log.ts';

/** Requests every 2 ms from 1000 on; those between `from` and `until` are lost. */
const outage = (from: number, until: number, end = 1100): EchoLog => {
  const sent = Array.from({ length: (end - 1000) / 2 }, (_, i) => 1000 + 2 * i);
  return { sent, answered: sent.map((at) => (at > from && at < until ? 0 : at + 0.5)) };
};

describe('a log of echo requests', () => {
  it('has its longest gap between the answers around an outage', () => {
    expect(longestGap(outage(1020, 1060))).toEqual({ gap: 40, start: 1020.5, end: 1060.5 });
    expect(lost(outage(1020, 1060))).toBe(19);
  });

  it('counts the gap that a fault begins, though its first answer was before, and none that ended earlier', () => {
    expect(longestGap(outage(1020, 1060), 1021).gap).toBe(40);
    expect(longestGap(outage(1020, 1060), 1062).gap).toBe(2);
    expect(lost(outage(1020, 1060), 1050)).toBe(5);
  });

  it('orders answers by when they came', () => {
    expect(longestGap({ sent: [1000, 1002, 1004], answered: [1010, 1003, 1005] }).gap).toBe(5);
  });

  it('refuses to tell a gap that nothing ends', () => {
    expect(() => longestGap(outage(1020, 2000), 1030)).toThrow(RangeError);
    expect(() => longestGap({ sent: [1000], answered: [0] })).toThrow(RangeError);
  });

  it('tells how far apart its requests were at most', () => {
    expect(coarsest({ sent: [1000, 1002, 1009, 1011], answered: [] })).toBe(7);
  });
});

describe('a log of connections', () => {
  const log: ConnectLog = {
    started: [1000, 1010, 1020, 1030],
    failed: [
      { started: 1010, why: 'timeout' },
      { started: 1030, why: 'ECONNREFUSED' },
    ],
  };

  it('tells how long and how many failed, and why', () => {
    expect(failedFor(log, 1005)).toBe(25);
    expect(failedFor(log, 1040)).toBe(0);
    expect(failures(log, 1010)).toBe(2);
    expect(failures(log, 1011)).toBe(1);
    expect(failures(log, 1010, 1030)).toBe(1);
    expect(reasons(log)).toBe('timeout 1, ECONNREFUSED 1');
  });
});
