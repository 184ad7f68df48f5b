import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFlightRecorder } from '../../../src/exposure/failover/recorder.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { readFailovers, writeFailovers, type FailoverRecord } from '../../../src/model/failover-record.ts';
import type { Takeover } from '../../../src/exposure/ownership/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const A = ip('10.0.0.5');
const B = ip('10.0.0.6');

function setup() {
  const clock = createFakeClock(new Date('2026-01-01T00:00:00.000Z'));
  const recorder = createFlightRecorder({ node: 'n2', clock });
  const told: FailoverRecord[] = [];
  recorder.onRecord((record) => told.push(record));
  return { clock, recorder, told };
}

describe('the flight recorder', () => {
  it('tells where the time went, for all addresses of a dead node together', () => {
    const { clock, recorder, told } = setup();
    clock.advance(1000);
    const death = { from: 'n1', cause: 'death', lastHeard: 840, detected: 990 } as const;
    recorder.takeover({ address: A, ...death, decided: 1000 });
    recorder.takeover({ address: B, ...death, decided: 1001 });
    clock.advance(2);
    recorder.placed(A);
    recorder.announced(A);
    clock.advance(3);
    recorder.placed(B);
    recorder.announced(B);
    clock.advance(50);
    recorder.announced(A); // the schedule of announcements goes on
    recorder.placed(A);
    expect(told).toEqual([]);
    clock.advance(1000);
    expect(told).toEqual([
      {
        cause: 'death',
        from: 'n1',
        to: 'n2',
        addresses: 2,
        lastHeard: '2026-01-01T00:00:00.840Z',
        detected: '2026-01-01T00:00:00.990Z',
        decided: '2026-01-01T00:00:01.000Z',
        placed: '2026-01-01T00:00:01.005Z',
        announced: '2026-01-01T00:00:01.002Z',
        seconds: 0.165,
      },
    ]);
    expect(recorder.records()).toEqual(told);
  });

  it('is under way until the LAN was told of all addresses, and for a moment at most', () => {
    const { clock, recorder } = setup();
    const takeover = (address: Ip): Takeover => ({ address, from: 'n1', cause: 'handover', decided: clock.now() });
    expect(recorder.isUnderWay()).toBe(false);
    recorder.takeover(takeover(A));
    recorder.takeover(takeover(B));
    recorder.announced(A);
    recorder.announced(A);
    expect(recorder.isUnderWay()).toBe(true);
    recorder.announced(B);
    expect(recorder.isUnderWay()).toBe(false);
    recorder.takeover(takeover(A));
    expect(recorder.isUnderWay()).toBe(true);
    clock.advance(600);
    expect(recorder.isUnderWay()).toBe(false);
  });

  it('keeps failovers apart by the node and by the cause', () => {
    const { clock, recorder, told } = setup();
    recorder.takeover({ address: A, from: 'n1', cause: 'handover', decided: 0 });
    recorder.takeover({ address: B, from: 'n3', cause: 'leaving', detected: 0, decided: 0 });
    recorder.announced(A);
    recorder.announced(B);
    clock.advance(2000);
    expect(told.map(({ from, cause, addresses }) => [from, cause, addresses]).sort()).toEqual([
      ['n1', 'handover', 1],
      ['n3', 'leaving', 1],
    ]);
    expect(told.every(({ lastHeard }) => lastHeard === undefined)).toBe(true);
  });

  it('says of which addresses the LAN was not told', () => {
    const { clock, recorder, told } = setup();
    recorder.takeover({ address: A, from: 'n1', cause: 'death', lastHeard: 0, detected: 0, decided: 0 });
    recorder.takeover({ address: B, from: 'n1', cause: 'death', lastHeard: 0, detected: 0, decided: 0 });
    clock.advance(10);
    recorder.announced(A);
    clock.advance(4000);
    expect(told).toEqual([]);
    clock.advance(2000);
    expect(told).toMatchObject([{ addresses: 2, missing: 1, seconds: 0.01 }]);
  });

  it('pays no heed to addresses that are announced for other reasons', () => {
    const { clock, recorder, told } = setup();
    recorder.placed(A);
    recorder.announced(A);
    clock.advance(10_000);
    expect([told, recorder.records(), clock.pending()]).toEqual([[], [], 0]);
  });

  it('keeps the last twenty, newest first', () => {
    const { clock, recorder } = setup();
    for (let i = 0; i < 25; i++) {
      recorder.takeover({ address: A, from: `n${i}`, cause: 'death', decided: clock.now() });
      recorder.announced(A);
      clock.advance(1500);
    }
    expect(recorder.records().map(({ from }) => from)).toEqual(Array.from({ length: 20 }, (_, i) => `n${24 - i}`));
  });
});

describe('the annotation', () => {
  const record: FailoverRecord = {
    cause: 'death',
    from: 'n1',
    to: 'n2',
    addresses: 3,
    lastHeard: '2026-01-01T00:00:00.840Z',
    decided: '2026-01-01T00:00:01.000Z',
    seconds: 0.165,
    missing: 1,
  };
  const lease = (text: string) => ({ metadata: { name: 'kubevip-node-n2', annotations: { [KEY.failovers]: text } } });

  it('holds the last five, and leaves alone what is there when there are none', () => {
    const text =
      writeFailovers(Array.from({ length: 9 }, (_, i) => ({ ...record, addresses: i })))[KEY.failovers] ?? '';
    expect(readFailovers(lease(text)).map(({ addresses }) => addresses)).toEqual([0, 1, 2, 3, 4]);
    expect(readFailovers(lease(JSON.stringify([record])))).toEqual([record]);
    expect(writeFailovers([])).toEqual({});
  });

  it('is read whatever anybody makes of it', () => {
    for (const text of ['', '{', 'null', '7', '[null,7,{}]', '[{"cause":"fire"}]'])
      expect(readFailovers(lease(text))).toEqual([]);
    expect(readFailovers(lease(JSON.stringify([{ ...record, detected: 'yesterday', missing: 'x' }])))).toHaveLength(1);
    fc.assert(fc.property(fc.json(), (text) => Array.isArray(readFailovers(lease(text)))));
  });
});
