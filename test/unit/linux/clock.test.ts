import { describe, expect, it } from 'vitest';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { run } from '../../../src/linux/run.ts';

describe('system clock', () => {
  it('never runs backwards and never calls back too early', async () => {
    const clock = createSystemClock();
    for (const delay of [0, 0.4, 3, 7.7]) {
      const start = clock.now();
      await new Promise<void>((resolve) => {
        const hold = setTimeout(() => undefined, 10_000);
        clock.after(delay, () => {
          clearTimeout(hold);
          resolve();
        });
      });
      expect(clock.now() - start).toBeGreaterThanOrEqual(delay);
    }
  });

  it('does not call back what was cancelled', async () => {
    const clock = createSystemClock();
    let called = false;
    clock.after(1, () => (called = true)).cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(called).toBe(false);
  });

  it('does not keep the process alive, however far away the timer', async () => {
    const script = `import { createSystemClock } from '${new URL('../../../src/linux/clock.ts', import.meta.url).href}';
      createSystemClock().after(2 ** 40, () => console.log('called'));`;
    const result = await run(process.execPath, ['--input-type=module', '--eval', script], { timeoutMs: 15_000 });
    expect(result).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('system entropy', () => {
  it('gives what is asked for', () => {
    expect(systemEntropy.bytes(16)).toHaveLength(16);
    expect(systemEntropy.bytes(16)).not.toEqual(systemEntropy.bytes(16));
    const fractions = Array.from({ length: 1000 }, () => systemEntropy.fraction());
    expect(Math.min(...fractions)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...fractions)).toBeLessThan(1);
    expect(new Set(fractions).size).toBeGreaterThan(990);
  });
});
