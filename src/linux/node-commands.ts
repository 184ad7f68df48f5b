/** Programs that do not outlive us: one that goes on alone would change a machine that nobody watches any more. */
import type { Commands } from '../cluster/ports/commands.ts';
import { findProgram, programEnv } from './programs.ts';
import { run } from './run.ts';

/** PR_SET_PDEATHSIG: the kernel kills the program when we are gone, whatever has killed us. */
const TIE = ['--pdeathsig', 'KILL', '--'];

export function createNodeCommands(): Commands {
  const env = programEnv();
  const setpriv = findProgram('setpriv');
  let ties: Promise<boolean> | undefined;
  /** That of busybox knows no such option, and neither does one from before util-linux 2.33: found out once. */
  const canTie = async (): Promise<boolean> =>
    setpriv !== undefined &&
    (await (ties ??= run(setpriv, [...TIE, setpriv, '--version'], { env }).then(
      ({ code }) => code === 0,
      () => false,
    )));
  return {
    run: async ({ program, args, ...options }) => {
      // What is not there shall be said in our words and not in those of setpriv.
      const file = findProgram(program);
      if (file === undefined || setpriv === undefined || !(await canTie())) {
        return await run(program, args, { ...options, env });
      }
      return await run(setpriv, [...TIE, file, ...args], { ...options, env });
    },
  };
}
