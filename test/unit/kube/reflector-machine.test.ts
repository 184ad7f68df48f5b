import { describe, expect, it } from 'vitest';
import { ReflectorMachine, type ReflectorOutput } from '../../../src/kube/watcher/machine.ts';
import { fixedEntropy } from '../../support/real-time.ts';

const attemptOf = (outputs: readonly ReflectorOutput[]): number => {
  const output = outputs.find((one) => one.type !== 'cancel');
  if (!output) throw new Error('nothing was begun');
  return output.attempt;
};

/** A machine that has listed version 10 and watches, at time 0. */
function watching(fraction = 0.5): { machine: ReflectorMachine; attempt: number } {
  const machine = new ReflectorMachine(fixedEntropy(fraction));
  const listing = attemptOf(machine.handle({ type: 'start' }, 0));
  const attempt = attemptOf(machine.handle({ type: 'listed', attempt: listing, resourceVersion: '10' }, 0));
  return { machine, attempt };
}

describe('the reflector machine', () => {
  it('lists, then watches from the version of the list, for 270 to 330 seconds', () => {
    const machine = new ReflectorMachine(fixedEntropy(0));
    const attempt = attemptOf(machine.handle({ type: 'start' }, 0));
    expect(machine.state).toBe('listing');
    expect(machine.handle({ type: 'listed', attempt, resourceVersion: '10' }, 5)).toEqual([
      { type: 'watch', attempt: attempt + 1, resourceVersion: '10', timeoutSeconds: 270 },
    ]);
    const late = watching(0.999);
    expect(late.machine.state).toBe('watching');
  });

  it('goes on from the last version seen when the server ends the watch', () => {
    const { machine, attempt } = watching();
    machine.handle({ type: 'contact', attempt, resourceVersion: '17' }, 1000);
    expect(machine.handle({ type: 'ended', attempt }, 300_000)).toMatchObject([
      { type: 'watch', resourceVersion: '17' },
    ]);
  });

  it('does not loop when the server ends every watch at once', () => {
    const { machine, attempt } = watching();
    expect(machine.handle({ type: 'ended', attempt }, 10)).toEqual([]);
    expect(machine.state).toBe('backing-off');
    expect(machine.deadline()).toBe(10 + 400);
  });

  it('backs off with full jitter, doubling from 0.8 s to 5 s', () => {
    const { machine, attempt: first } = watching();
    let attempt = first;
    let now = 0;
    const delays: number[] = [];
    for (let round = 0; round < 8; round++) {
      machine.handle({ type: 'failed', attempt, cause: 'other' }, now);
      const retryAt = machine.deadline() ?? 0;
      delays.push(retryAt - now);
      now = retryAt;
      attempt = attemptOf(machine.handle({ type: 'tick' }, now));
    }
    expect(delays).toEqual([400, 800, 1600, 2500, 2500, 2500, 2500, 2500]);
  });

  it('starts the back-off anew after a minute of health', () => {
    const { machine, attempt } = watching();
    machine.handle({ type: 'failed', attempt, cause: 'other' }, 0);
    const again = attemptOf(machine.handle({ type: 'tick' }, 400));
    machine.handle({ type: 'failed', attempt: again, cause: 'other' }, 400 + 60_000);
    expect(machine.deadline()).toBe(400 + 60_000 + 400);
  });

  it('lists again when its version is too old', () => {
    const { machine, attempt } = watching();
    expect(machine.handle({ type: 'failed', attempt, cause: 'gone' }, 5000)).toMatchObject([{ type: 'list' }]);
  });

  it('pauses when even a fresh list is too old', () => {
    const { machine, attempt } = watching();
    expect(machine.handle({ type: 'failed', attempt, cause: 'gone' }, 10)).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 410)).toMatchObject([{ type: 'list' }]);
  });

  it('gives a silent watch up after 90 s, and lists every ten minutes', () => {
    const { machine, attempt } = watching();
    expect(machine.deadline()).toBe(90_000);
    machine.handle({ type: 'contact', attempt }, 60_000);
    expect(machine.deadline()).toBe(150_000);
    expect(machine.handle({ type: 'tick' }, 149_999)).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 150_000)).toEqual([{ type: 'cancel' }]);
    expect(machine.state).toBe('backing-off');

    const busy = watching();
    for (let now = 0; now < 600_000; now += 30_000)
      busy.machine.handle({ type: 'contact', attempt: busy.attempt }, now);
    expect(busy.machine.handle({ type: 'tick' }, 600_000)).toMatchObject([{ type: 'cancel' }, { type: 'list' }]);
  });

  it('asks slowly while it is not allowed to, and waits as long as the server says', () => {
    const { machine, attempt } = watching();
    machine.handle({ type: 'failed', attempt, cause: 'denied' }, 0);
    expect(machine.deadline()).toBe(10_000);
    const second = watching();
    second.machine.handle({ type: 'failed', attempt: second.attempt, cause: 'other', retryAfter: 7000 }, 0);
    expect(second.machine.deadline()).toBe(7000);
  });

  it('ignores what an earlier attempt still reports', () => {
    const { machine, attempt } = watching();
    machine.handle({ type: 'nudge' }, 100);
    expect(machine.handle({ type: 'failed', attempt, cause: 'other' }, 101)).toEqual([]);
    expect(machine.state).toBe('watching');
  });

  it('is quiet for good once stopped', () => {
    const { machine, attempt } = watching();
    expect(machine.handle({ type: 'stop' }, 1)).toEqual([{ type: 'cancel' }]);
    for (const input of [
      { type: 'ended', attempt } as const,
      { type: 'start' } as const,
      { type: 'nudge' } as const,
      { type: 'tick' } as const,
    ]) {
      expect(machine.handle(input, 1_000_000)).toEqual([]);
    }
    expect(machine.deadline()).toBeUndefined();
  });
});
