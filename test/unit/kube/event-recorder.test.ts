import { describe, expect, it } from 'vitest';
import { ApiError, type ApiErrorCode } from '../../../src/kube/errors.ts';
import { createEventRecorder } from '../../../src/kube/event-recorder.ts';
import type { KubeEvent, Service } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const serviceOf = (uid: string): Service => ({
  metadata: { name: 'web', namespace: 'shop', uid, resourceVersion: '7' },
  spec: {},
});
const service = serviceOf('u1');

function setup() {
  const clock = createFakeClock();
  const created: KubeEvent[] = [];
  const patched: unknown[] = [];
  const failures: ApiErrorCode[] = [];
  const errors: unknown[] = [];
  let serial = 0;
  const answer = async <T>(act: () => T): Promise<T> => {
    const code = failures.shift();
    return code === undefined ? Promise.resolve(act()) : Promise.reject(new ApiError(code, { code }));
  };
  const recorder = createEventRecorder({
    clock,
    entropy: { bytes: (length) => new Uint8Array(length).fill(++serial), fraction: () => 0.5 },
    instance: 'n1',
    onError: (error) => errors.push(error),
    events: {
      create: async (event) => answer(() => (created.push(event), event)),
      patch: async (_, body) => answer(() => (patched.push(body), created[0] as KubeEvent)),
    },
  });
  return { clock, created, patched, failures, errors, recorder };
}

describe('the recorder of Events', () => {
  it('writes what the API demands of an Event', async () => {
    const { clock, created, recorder } = setup();
    recorder.record(service, 'Warning', 'AddressConflict', 'somebody else has 10.0.0.5');
    await clock.advanceAsync(0);
    expect(created).toEqual([
      {
        metadata: { name: 'web.0101010101010101', namespace: 'shop' },
        eventTime: '2026-01-01T00:00:00.000000Z',
        type: 'Warning',
        reason: 'AddressConflict',
        note: 'somebody else has 10.0.0.5',
        action: 'Expose',
        regarding: {
          apiVersion: 'v1',
          kind: 'Service',
          namespace: 'shop',
          name: 'web',
          uid: 'u1',
          resourceVersion: '7',
        },
        reportingController: 'kubevip-agent',
        reportingInstance: 'n1',
      },
    ]);
  });

  it('counts repeats in one series, written every 30 s at most', async () => {
    const { clock, created, patched, recorder } = setup();
    for (let second = 0; second < 60; second++) {
      recorder.record(service, 'Normal', 'R', 'n');
      await clock.advanceAsync(1000);
    }
    await clock.advanceAsync(60_000);
    expect(created).toHaveLength(1);
    expect(patched).toEqual([
      { series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } },
      { series: { count: 31, lastObservedTime: '2026-01-01T00:00:30.000000Z' } },
      { series: { count: 60, lastObservedTime: '2026-01-01T00:00:59.000000Z' } },
    ]);
  });

  it('begins a new Event when the last repeat is long ago', async () => {
    const { clock, created, recorder } = setup();
    recorder.record(service, 'Normal', 'R', 'n');
    await clock.advanceAsync(7 * 60_000);
    recorder.record(service, 'Normal', 'R', 'n');
    await clock.advanceAsync(0);
    expect(created).toHaveLength(2);
  });

  it('holds a Service that never rests to its share, and others to theirs', async () => {
    const { clock, created, recorder } = setup();
    for (let i = 0; i < 100; i++) recorder.record(service, 'Normal', 'R', `note ${i}`);
    recorder.record(serviceOf('u2'), 'Normal', 'R', 'n');
    await clock.advanceAsync(0);
    expect(created).toHaveLength(21);
    await clock.advanceAsync(30_000);
    recorder.record(service, 'Normal', 'R', 'later');
    await clock.advanceAsync(0);
    expect(created).toHaveLength(22);
  });

  it('tries again while the API is away, gives up what it refuses, and never throws', async () => {
    const { clock, created, failures, errors, recorder } = setup();
    failures.push('API_UNREACHABLE', 'API_UNREACHABLE');
    recorder.record(service, 'Normal', 'R', 'kept');
    await clock.advanceAsync(10_000);
    expect(created.map(({ note }) => note)).toEqual(['kept']);
    failures.push('FORBIDDEN');
    recorder.record(service, 'Normal', 'R', 'refused');
    await clock.advanceAsync(100_000);
    expect([created.length, errors.length]).toEqual([1, 1]);
  });

  it('cuts notes to what the API takes, between characters', async () => {
    const { clock, created, recorder } = setup();
    recorder.record(service, 'Normal', 'R', 'ä€😀'.repeat(400));
    await clock.advanceAsync(0);
    const note = created[0]?.note ?? '';
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(Buffer.byteLength(note)).toBeGreaterThan(1010);
    expect(note.isWellFormed()).toBe(true);
  });

  it('writes what waits before it stops, but not for ever', async () => {
    const { clock, created, failures, recorder } = setup();
    recorder.record(service, 'Normal', 'R', 'last words');
    await recorder.stop(1000);
    expect(created).toHaveLength(1);
    failures.push('API_UNREACHABLE');
    recorder.record(service, 'Normal', 'R', 'too late');
    await clock.advanceAsync(10_000);
    expect([created.length, clock.pending()]).toEqual([1, 0]);
  });
});
