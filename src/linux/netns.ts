/** Does something inside a network namespace, without the process moving there for good. */
import { CLONE_NEWNET, O } from './constants.ts';
import { loadLibc, type Libc } from './libc.ts';
import { check, OsError } from './os-error.ts';

/**
 * Runs `fn` with the calling thread in the namespace `name` (as in `ip netns`; undefined: where it is). Sockets made
 * and processes started by `fn` stay there. Only for synchronous work: after the first `await` the thread is back.
 * @throws OsError when the namespace does not exist or may not be entered.
 */
export function withNetns<T>(name: string | undefined, fn: () => T, libc: Libc = loadLibc()): T {
  if (name === undefined) return fn();
  // thread-self: namespaces belong to threads, and this may be a worker.
  const home = openNamespace(libc, '/proc/thread-self/ns/net');
  try {
    const target = openNamespace(libc, `/run/netns/${name}`);
    try {
      check(libc, libc.setns(target, CLONE_NEWNET), `enter network namespace ${name}`);
    } finally {
      libc.close(target);
    }
    try {
      return fn();
    } finally {
      check(libc, libc.setns(home, CLONE_NEWNET), `come back from network namespace ${name}`);
    }
  } finally {
    libc.close(home);
  }
}

function openNamespace(libc: Libc, path: string): number {
  const fd = libc.open(path, O.RDONLY | O.CLOEXEC, 0);
  if (fd < 0) throw new OsError(`open network namespace ${path}`, libc.errno());
  return fd;
}
