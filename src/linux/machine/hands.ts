/** What fixes do to this machine. */
import { rmSync, writeFileSync } from 'node:fs';
import type { WriteOptions } from '../../cluster/ports/files.ts';
import type { MachineHands } from '../../cluster/ports/preflight.ts';
import { notWritten } from '../file-error.ts';
import { withNetns } from '../netns.ts';
import { programEnv } from '../programs.ts';
import { run } from '../run.ts';
import { writeWhole } from '../whole-file.ts';
import type { MachineOptions } from './probe.ts';
import { below, readWhole } from './read.ts';

/** Of new files and folders: services of the system read what is configured there. */
const PUBLIC: WriteOptions = { newMode: 0o644, directoryMode: 0o755 };

export function createMachineHands(options: MachineOptions = {}): MachineHands {
  const { netns } = options;
  const at = (path: string): string => below(options.root, path);
  return {
    read: (path) => Promise.resolve(readWhole(at(path), netns)),
    write: async (path, text) => {
      if (path.startsWith('/proc/')) overwrite(at(path), text, netns);
      else await writeWhole(at(path), text, PUBLIC);
    },
    remove: (path) => {
      rmSync(at(path), { force: true });
      return Promise.resolve();
    },
    run: async (command, args) => {
      const env = programEnv();
      return await run(command, args, { timeoutMs: 60_000, env, ...(netns === undefined ? {} : { netns }) });
    },
  };
}

/** Settings of the kernel are no files that could be replaced. */
function overwrite(path: string, text: string, netns: string | undefined): void {
  try {
    withNetns(netns, () => writeFileSync(path, text));
  } catch (cause) {
    throw notWritten(path, cause);
  }
}
