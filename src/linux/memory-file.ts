/** A file that is nowhere but in memory, for secrets that a program wants to read from a file (memfd_create(2)). */
import { closeSync, writeSync } from 'node:fs';
import { loadLibc } from './libc.ts';
import { check } from './os-error.ts';

const MFD_CLOEXEC = 1;

/** @param work is given the open file; it is gone afterwards, unless another process has it then. @throws OsError */
export function withMemoryFile<T>(text: string, work: (fd: number) => T): T {
  const libc = loadLibc();
  const fd = check(libc, libc.memfd_create('kubevip', MFD_CLOEXEC), 'make a file in memory');
  try {
    writeSync(fd, text);
    return work(fd);
  } finally {
    closeSync(fd);
  }
}
