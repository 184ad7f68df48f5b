/** What fixes do to this machine. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { MachineHands } from '../../cluster/ports/preflight.ts';
import { withNetns } from '../netns.ts';
import { run } from '../run.ts';
import type { MachineOptions } from './probe.ts';
import { below, readWhole } from './read.ts';

export function createMachineHands(options: MachineOptions = {}): MachineHands {
  const { netns } = options;
  const at = (path: string): string => below(options.root, path);
  return {
    read: (path) => Promise.resolve(readWhole(at(path), netns)),
    write: (path, text) => {
      try {
        if (path.startsWith('/proc/')) withNetns(netns, () => writeFileSync(at(path), text));
        else replace(at(path), text);
        return Promise.resolve();
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    },
    remove: (path) => {
      rmSync(at(path), { force: true });
      return Promise.resolve();
    },
    run: async (command, args) => {
      const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
      return await run(command, args, { timeoutMs: 60_000, env, ...(netns === undefined ? {} : { netns }) });
    },
  };
}

/** Under another name first: a machine that loses its power has the old text or the new one. The mode stays. */
function replace(name: string, text: string): void {
  mkdirSync(dirname(name), { recursive: true });
  const path = targetOf(name);
  const aside = `${path}.kubevip-new`;
  const fd = openSync(aside, 'w', 0o644);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  chmodSync(aside, modeOf(path) ?? 0o644);
  try {
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    // A file that is mounted by itself, as /etc/hosts in a container, can only be written to.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
    writeFileSync(path, text);
  }
}

/** A symbolic link stays one. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o7777;
  } catch {
    return undefined;
  }
}
