/** Failed system calls as errors that say what was tried, where, and what to do. */
import { KubevipError } from '../model/errors.ts';
import type { Libc } from './libc.ts';

const HINTS: Readonly<Record<string, readonly string[]>> = {
  EPERM: ['run as root, or give the process the capabilities NET_ADMIN and NET_RAW'],
  EACCES: ['run as root, or give the process the capabilities NET_ADMIN and NET_RAW'],
  EADDRINUSE: ['another program has this port: `ss -ulpn` shows which'],
};

/** Code `OS_` and the name of the error: `OS_EADDRINUSE`. */
export class OsError extends KubevipError {
  /** `EADDRINUSE` */
  readonly errno: string;

  /** @param what the attempt, for people: `bind UDP port 5353`. */
  constructor(what: string, errno: string) {
    super(`cannot ${what}: ${errno}`, { code: `OS_${errno}`, hints: HINTS[errno] ?? [] });
    this.errno = errno;
  }
}

/** Gives back the result of a system call. @throws OsError when it is negative. */
export function check(libc: Libc, result: number, what: string): number {
  if (result < 0) throw new OsError(what, libc.errno());
  return result;
}
