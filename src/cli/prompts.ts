/** Questions to a person. Every one has a flag that answers it, and none is asked without a terminal. */
import { EXIT, KubevipError } from '../model/errors.ts';

export interface Asking {
  /** Both stdin and stderr are terminals and the output is not JSON. */
  readonly interactive: boolean;
  /** `--yes`. */
  readonly yes: boolean;
}

/**
 * Goes on if the answer is yes. Without a terminal it goes on too: whoever writes a script has decided already.
 * @throws KubevipError DECLINED (exit 130) otherwise.
 */
export async function confirm(question: string, asking: Asking): Promise<void> {
  if (asking.yes || !asking.interactive) return;
  const { createTerminalAsker } = await import('./wizard/ask.ts');
  if (!(await createTerminalAsker().confirm(question, false)))
    throw new KubevipError('nothing was changed', { code: 'DECLINED', exit: EXIT.interrupted });
}
