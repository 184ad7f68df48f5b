/** Errors of files in words for people, with what to do about them. */
import { KubevipError } from '../model/errors.ts';

export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error));
}

/** KubevipError FILE_NOT_WRITTEN */
export function notWritten(path: string, cause: unknown): KubevipError {
  return fileError(`cannot write ${path}`, 'FILE_NOT_WRITTEN', cause);
}

/** KubevipError FILE_UNREADABLE */
export function unreadable(path: string, cause: unknown): KubevipError {
  return fileError(`cannot read ${path}`, 'FILE_UNREADABLE', cause);
}

function fileError(what: string, code: string, cause: unknown): KubevipError {
  const errno = errnoOf(cause);
  const words = WORDS[errno] ?? (cause instanceof Error ? cause.message : String(cause));
  return new KubevipError(`${what}: ${words}`, { code, hints: HINTS[errno] ?? [], cause });
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
  EACCES: ['Run it as root: sudo kubevip …'],
  EPERM: ['Run it as root: sudo kubevip …'],
  EROFS: ['The file system is mounted read-only: `findmnt --target` shows which; dmesg, why.'],
  ENOSPC: ['The disk is full: `df -h` shows which.'],
  EDQUOT: ['The quota is used up.'],
};

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
};
