/** Real-time priority for what must not be late on a busy machine. */
import { spawnSync } from 'node:child_process';

/** Above everything that is measured; between the requests they sleep. */
const PRIORITY = ['chrt', '--rr', '40'];

let may: boolean | undefined;

/** Goes before the command line of a program; nothing where the machine does not allow it, which is said once. */
export function ahead(): readonly string[] {
  const [program = '', ...args] = PRIORITY;
  if (may === undefined) {
    may = spawnSync(program, [...args, 'true']).status === 0;
    if (!may) console.error('no real-time priority here: on a busy machine the prober itself may be late');
  }
  return may ? PRIORITY : [];
}
