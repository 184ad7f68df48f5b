import { expect, it } from 'vitest';
import { atOnce, inPortions, type Steps } from '../../../src/model/portions.ts';

it('a long computation lets others have their turn, and comes to the same', async () => {
  const log: string[] = [];
  function* steps(): Steps<number> {
    for (let i = 1; i <= 5; i++) {
      log.push(`${i}`);
      yield;
    }
    return 42;
  }
  const pause = (): Promise<void> => {
    log.push('pause');
    return Promise.resolve();
  };
  expect(await inPortions(steps(), 2, pause)).toBe(42);
  expect(log.join(' ')).toBe('1 2 pause 3 4 pause 5');
  expect(atOnce(steps())).toBe(42);
});
