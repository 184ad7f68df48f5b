/** Files of this machine. Those below /proc/sys/net are of a network namespace. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { withNetns } from '../netns.ts';

const MOST = 1 << 20;

/** `path` below another root; what the kernel itself shows stays where it is. */
export function below(root: string | undefined, path: string): string {
  return root === undefined || /^\/(proc|sys)\//.test(path) ? path : join(root, path);
}

/** At most 1 MiB. Undefined: not there, not a file, or not for this user. */
export function readWhole(path: string, netns?: string): string | undefined {
  try {
    return withNetns(netns, () => {
      const fd = openSync(path, 'r');
      try {
        // Files in /proc have no size to go by.
        const chunks: Buffer[] = [];
        for (let size = 0; size < MOST;) {
          const chunk = Buffer.alloc(Math.min(1 << 16, MOST - size));
          const length = readSync(fd, chunk);
          if (length === 0) break;
          size += length;
          chunks.push(chunk.subarray(0, length));
        }
        return Buffer.concat(chunks).toString('utf8');
      } finally {
        closeSync(fd);
      }
    });
  } catch {
    return undefined;
  }
}
