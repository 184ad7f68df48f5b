import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('fake clock', () => {
  it('calls back in order of time, then in order of setting, each at its own time', () => {
    const clock = createFakeClock();
    const seen: string[] = [];
    const note = (name: string) => (): void => void seen.push(`${name}@${clock.now()}`);
    clock.after(20, note('c'));
    clock.after(10, note('a'));
    clock.after(10, () => clock.after(5, note('b')));
    clock.advance(30);
    expect(seen).toEqual(['a@10', 'b@15', 'c@20']);
    expect(clock.now()).toBe(30);
  });

  it('does not call back what was cancelled or lies ahead', () => {
    const clock = createFakeClock();
    let calls = 0;
    clock.after(1, () => calls++).cancel();
    clock.after(3, () => calls++);
    clock.advance(2);
    expect([calls, clock.next(), clock.pending()]).toEqual([0, 1, 1]);
  });

  it('calls back late what fell due in a stall', () => {
    const clock = createFakeClock();
    const times: number[] = [];
    clock.after(10, () => times.push(clock.now()));
    clock.stall(50);
    expect(times).toEqual([]);
    clock.advance(1);
    expect(times).toEqual([50]);
    expect(clock.now()).toBe(51);
  });

  it('lets promises settle between timers', async () => {
    const clock = createFakeClock();
    const times: number[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
    const work = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        times.push(clock.now());
      }
    })();
    await clock.advanceAsync(100);
    await work;
    expect(times).toEqual([10, 20, 30]);
  });
});
