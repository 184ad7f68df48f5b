/** How kubeadm ends: in words on standard error, and with exit code 1 (util/errors/errors.go, handleError). */

export class Failure extends Error {}

/** Errors inside of a phase carry its name: cmd/phases/workflow/runner.go. */
export async function phase<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`error execution phase ${name}: ${error.message}`);
  }
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Polls until `ask` gives something; the last error is the message when the time is over. */
export async function poll<T>(
  intervalMs: number,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
  late = 'timed out waiting for the condition',
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = new Failure(late);
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      if (error instanceof Final) throw new Failure(error.message);
      last = error;
    }
    if (performance.now() >= deadline) throw new Failure(last instanceof Error ? last.message : String(last));
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

/** Ends a {@link poll} at once. */
export class Final extends Error {}
