import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { errnoName } from '../../../src/linux/libc.ts';

describe('names of errors', () => {
  it('are the usual ones where a number has two', () => {
    const { EAGAIN, EOPNOTSUPP, EDEADLK, EADDRINUSE, ENODEV } = constants.errno;
    expect([EAGAIN, EOPNOTSUPP, EDEADLK, EADDRINUSE, ENODEV].map(errnoName)).toEqual([
      'EAGAIN',
      'EOPNOTSUPP',
      'EDEADLK',
      'EADDRINUSE',
      'ENODEV',
    ]);
  });

  it('are numbers where there is none', () => {
    expect(errnoName(4711)).toBe('E4711');
  });
});
