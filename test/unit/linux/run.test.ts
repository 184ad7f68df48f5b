import { describe, expect, it } from 'vitest';
import { run } from '../../../src/linux/run.ts';

describe('running a program', () => {
  it('gives code, output and errors, and passes input', async () => {
    const result = await run('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'in' });
    expect(result).toEqual({ code: 3, stdout: 'in', stderr: 'oops\n' });
  });

  it('never lets a shell see the arguments', async () => {
    const text = '$(id) `id`; id & | > "\'';
    expect((await run('printf', ['%s', text])).stdout).toBe(text);
  });

  it('does not mind input that nobody reads', async () => {
    expect((await run('true', [], { input: 'x'.repeat(1 << 20) })).code).toBe(0);
  });

  it('cuts off output beyond the limit', async () => {
    const result = await run('head', ['-c', '100000', '/dev/zero'], { maxBytes: 1000 });
    expect(result.stdout).toHaveLength(1000);
  });

  it('says what went wrong', async () => {
    await expect(run('no-such-program-here', [])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await expect(run('sleep', ['20'], { timeoutMs: 20 })).rejects.toMatchObject({ code: 'RUN_TIMEOUT' });
    await expect(run('sh', ['-c', 'kill -9 $$'])).rejects.toMatchObject({ code: 'RUN_KILLED' });
    const controller = new AbortController();
    const running = run('sleep', ['20'], { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'RUN_ABORTED' });
    await expect(run('true', [], { signal: controller.signal })).rejects.toMatchObject({ code: 'RUN_ABORTED' });
  });
});
