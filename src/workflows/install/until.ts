/** Looks again and again. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import { pause, type Clock, type Milliseconds } from '../../model/time.ts';

export interface UntilOptions {
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

const EVERY: Milliseconds = 500;

/** False: not within the time. @throws KubevipError INTERRUPTED (130); whatever `holds` throws. */
export async function until(holds: () => Promise<boolean>, options: UntilOptions): Promise<boolean> {
  const { clock, timeout, signal } = options;
  const deadline = clock.now() + timeout;
  while (!(await holds())) {
    if (signal?.aborted === true) {
      throw new KubevipError('interrupted half-way', {
        code: 'INTERRUPTED',
        exit: EXIT.interrupted,
        hints: ['The same command goes on from here.'],
      });
    }
    if (clock.now() >= deadline) return false;
    await pause(clock, EVERY, signal);
  }
  return true;
}
