/** Where a join code comes from: an argument, a file, standard input, or a person. */
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import type { Asking } from './prompts.ts';

export interface CodeSource {
  /** `-`: standard input. */
  readonly argument: string | undefined;
  /** `-`: standard input. */
  readonly file: string | undefined;
  readonly asking: Asking;
  /** What a person is told before the question. */
  readonly introduce: () => Promise<string>;
}

/** A code is longer than a line of a terminal, and shorter than this by far. */
const LONGEST = 4096;

/** @throws KubevipError NO_JOIN_CODE, BAD_CODE_FILE (exit 2) */
export async function readCode({ argument, file, asking, introduce }: CodeSource): Promise<string> {
  if (argument !== undefined && argument !== '-') return argument;
  if (argument === '-' || file === '-') return await readStream(process.stdin);
  if (file !== undefined) return await readCodeFile(file);
  if (!asking.interactive) throw noCode();
  process.stderr.write(await introduce());
  const { createTerminalAsker } = await import('./wizard/ask.ts');
  return await createTerminalAsker().secret('Join code:');
}

async function readStream(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString();
    if (text.length > LONGEST) break;
  }
  if (text.trim() === '') throw noCode();
  return text;
}

async function readCodeFile(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return (await readFile(path, 'utf8')).slice(0, LONGEST);
  } catch (cause) {
    throw new KubevipError(`the join code cannot be read: ${messageOf(cause)}`, {
      code: 'BAD_CODE_FILE',
      exit: EXIT.usage,
      cause,
    });
  }
}

function noCode(): KubevipError {
  return new KubevipError('a join code is needed', {
    code: 'NO_JOIN_CODE',
    exit: EXIT.usage,
    hints: [
      'On a control plane of the cluster: `kubevip join-code create`',
      'Then here: kubevip join CODE, or --code-file FILE, or - to read it from standard input',
    ],
  });
}
