import { describe, expect, it } from 'vitest';
import { lookUp } from '../../../src/linux/look-up.ts';

describe('the resolver of this machine', () => {
  it('knows /etc/hosts', async () => {
    expect(await lookUp('localhost')).toContain('127.0.0.1');
  });

  it('says when there is no such name (RFC 6761)', async () => {
    await expect(lookUp('nobody.invalid')).rejects.toThrow();
  });
});
