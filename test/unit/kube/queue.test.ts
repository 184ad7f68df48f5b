import { describe, expect, it } from 'vitest';
import { WorkQueue, type Job } from '../../../src/kube/queue.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { fixedEntropy } from '../../support/real-time.ts';

type Work = (key: string, job: Job) => number | undefined | Promise<number | undefined>;

function setup(work: Work, concurrency = 2, holdUp = (): boolean => false) {
  const clock = createFakeClock();
  const errors: [string, number][] = [];
  const queue = new WorkQueue<string>({
    clock,
    entropy: fixedEntropy(1),
    concurrency,
    holdUp,
    work: async (key, job) => Promise.resolve(work(key, job)),
    onError: (key, _, failures) => errors.push([key, failures]),
  });
  return { clock, queue, errors };
}

describe('the work queue', () => {
  it('folds a burst of adds into one piece of work', async () => {
    const worked: string[] = [];
    const { queue } = setup((key) => void worked.push(key));
    for (let i = 0; i < 100; i++) queue.add('a');
    queue.add('b');
    await queue.drain();
    expect(worked).toEqual(['a', 'b']);
    expect(queue.size).toBe(0);
  });

  it('works again on a key added while it was worked on, and says that the first time is out of date', async () => {
    let runs = 0;
    let superseded: boolean | undefined;
    const { queue } = setup((key, job) => {
      if (++runs > 1) return undefined;
      queue.add(key);
      superseded = job.superseded.aborted;
      return undefined;
    });
    queue.add('a');
    await queue.drain();
    expect([runs, superseded]).toEqual([2, true]);
  });

  it('lets no key wait for another that is slow', async () => {
    const done: string[] = [];
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { queue, clock } = setup(async (key) => {
      if (key === 'slow') await promise;
      done.push(key);
      return undefined;
    });
    for (const key of ['slow', 'x', 'y', 'z']) queue.add(key);
    await clock.advanceAsync(0);
    expect(done).toEqual(['x', 'y', 'z']);
    resolve(undefined);
    await queue.drain();
    expect(done.at(-1)).toBe('slow');
  });

  it('lets timers have their turn while very many keys are worked on', async () => {
    const done: string[] = [];
    const { queue, clock } = setup((key) => {
      clock.stall(1);
      done.push(key);
      return undefined;
    });
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    for (const key of keys) queue.add(key);
    clock.after(0, () => done.push('timer'));
    await clock.advanceAsync(1000);
    expect(done.filter((name) => name !== 'timer')).toEqual(keys);
    expect(done.indexOf('timer')).toBeLessThan(10);
  });

  it('lets a burst wait for what cannot, and nothing else', async () => {
    const done: string[] = [];
    let busy = true;
    const { queue, clock } = setup(
      (key) => void done.push(key),
      2,
      () => busy,
    );
    queue.add('alone');
    await clock.advanceAsync(0);
    expect(done).toEqual(['alone']);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await clock.advanceAsync(100);
    expect(done).toEqual(['alone']);
    busy = false;
    await clock.advanceAsync(100);
    expect(done).toEqual(['alone', 'a', 'b', 'c', 'd']);
  });

  it('brings a failing key back after a growing pause, and forgets the pause after a success', async () => {
    const at: number[] = [];
    const { queue, clock, errors } = setup(() => {
      at.push(clock.now());
      if (at.length < 4) throw new Error('no');
      return undefined;
    });
    queue.add('a');
    await clock.advanceAsync(10_000);
    expect(at).toEqual([0, 100, 300, 700]);
    expect(errors.map(([, failures]) => failures)).toEqual([1, 2, 3]);
    expect(queue.size).toBe(0);
  });

  it('works at once on a waiting key that is added', async () => {
    const at: number[] = [];
    const { queue, clock } = setup(() => void at.push(clock.now()));
    queue.addAfter('a', 5000);
    queue.addAfter('a', 1000);
    queue.addAfter('a', 3000);
    await clock.advanceAsync(1000);
    expect(at).toEqual([1000]);
    queue.addAfter('b', 5000);
    queue.add('b');
    await clock.advanceAsync(10_000);
    expect(at).toEqual([1000, 1000]);
  });

  it('comes again by itself when the work asks for it', async () => {
    const at: number[] = [];
    const { queue, clock } = setup(() => {
      at.push(clock.now());
      return at.length < 3 ? 200 : undefined;
    });
    queue.add('a');
    await clock.advanceAsync(1000);
    expect(at).toEqual([0, 200, 400]);
  });

  it('aborts what is under way when stopped, and takes nothing more', async () => {
    let aborted = false;
    const { queue, clock } = setup(
      async (_, { stopped }) =>
        new Promise((resolve) => {
          stopped.addEventListener('abort', () => {
            aborted = true;
            resolve(undefined);
          });
        }),
    );
    queue.add('a');
    queue.addAfter('later', 10);
    await clock.advanceAsync(0);
    await queue.stop();
    queue.add('b');
    await clock.advanceAsync(1000);
    expect([aborted, queue.size, clock.pending()]).toEqual([true, 0, 0]);
  });
});
