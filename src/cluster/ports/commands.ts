/** Programs of the machine. Never through a shell, and never with a secret among the arguments. */
import type { Milliseconds } from '../../model/time.ts';

export interface CommandRequest {
  readonly program: string;
  readonly args: readonly string[];
  /** Written to standard input. */
  readonly input?: string;
  /** Default 10 s. */
  readonly timeoutMs?: Milliseconds;
  /** Output beyond this many bytes (each stream) is cut off. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Ends the program. */
  readonly signal?: AbortSignal;
  /** Each line as it comes, of either stream. */
  readonly onLine?: (line: string) => void;
}

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Commands {
  /**
   * Whatever the exit code is. The program ends when we do, also when we are killed: nobody else would know of it.
   * @throws KubevipError RUN_NOT_FOUND, RUN_TIMEOUT, RUN_ABORTED, RUN_KILLED
   */
  run(request: CommandRequest): Promise<CommandOutcome>;
}
