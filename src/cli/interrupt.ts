/** Ctrl-C: the first one asks the command to end well, the second one ends it. */
import { EXIT } from '../model/errors.ts';

export interface Interrupt {
  /** Aborted at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Takes the handlers away again. */
  dispose(): void;
}

/** For commands that have something to say or to undo; the others just end (see {@link exitOnInterrupt}). */
export function interruptible(): Interrupt {
  const controller = new AbortController();
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  // Whatever was listening would exit before the command could speak.
  const before = SIGNALS.map((name) => [name, process.listeners(name)] as const);
  for (const name of SIGNALS) {
    process.removeAllListeners(name);
    process.on(name, handler);
  }
  return {
    signal: controller.signal,
    dispose: () => {
      for (const [name, listeners] of before) {
        process.off(name, handler);
        for (const listener of listeners) process.on(name, listener);
      }
    },
  };
}

/** Makes Ctrl-C an exit code that can be told apart, rather than a death by signal. */
export function exitOnInterrupt(): void {
  for (const name of SIGNALS) process.on(name, () => process.exit(EXIT.interrupted));
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
