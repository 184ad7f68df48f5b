/**
 * What the store survives a crash by: an append-only log beside an atomically replaced snapshot.
 *
 * A write is in the kernel's page cache before it is acknowledged, so the death of the process (also kill -9)
 * loses nothing. The log is brought to the disk once a second and at the end, so a power cut may cost the last second.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { KubevipError } from '../../../model/errors.ts';
import { isObject } from '../json.ts';
import type { ApiObject } from '../object.ts';

export interface JournalEntry {
  readonly revision: number;
  readonly resource: string;
  readonly key: string;
  readonly object: ApiObject;
  /** The object went with this revision; `object` is its last state. */
  readonly deleted: boolean;
}

export interface Journal {
  /** What was kept, oldest first. `base`: entries up to this revision carry only the last state of each object. */
  load(): { readonly base: number; readonly entries: JournalEntry[] };
  /** Returns when the entry survives the death of this process. @throws the error of the system when it cannot. */
  append(entry: Omit<JournalEntry, 'object'>, json: string): void;
  /** Bytes appended since the last snapshot. */
  readonly size: number;
  /** Replaces everything appended so far by these entries, which are the state at `revision`. */
  replace(revision: number, entries: Iterable<{ resource: string; key: string; json: string }>): void;
  close(): void;
}

/** A journal that keeps nothing, for tests that need no restart. */
export function memoryJournal(): Journal {
  return {
    load: () => ({ base: 0, entries: [] }),
    append: () => undefined,
    size: 0,
    replace: () => undefined,
    close: () => undefined,
  };
}

const SYNC_INTERVAL_MS = 1000;

/** A journal in `directory` (made if missing, mode 0700, files 0600). */
export function fileJournal(directory: string): Journal {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const snapshotFile = join(directory, 'snapshot.jsonl');
  const logFile = join(directory, 'log.jsonl');
  const log = openSync(logFile, 'a+', 0o600);
  let size = 0;
  let dirty = false;
  const timer = setInterval(() => {
    if (!dirty) return;
    dirty = false;
    fdatasync(log, (error) => {
      // A disk that cannot sync now will be asked again; the data is in the page cache either way.
      if (error) dirty = true;
    });
  }, SYNC_INTERVAL_MS);
  timer.unref();

  return {
    load() {
      const base = existsSync(snapshotFile) ? readSnapshot(snapshotFile) : { revision: 0, entries: [] };
      const { entries, goodBytes } = readLog(logFile);
      ftruncateSync(log, goodBytes);
      size = goodBytes;
      // A crash between the snapshot and the truncation leaves entries that the snapshot has already.
      const later = entries.filter(({ revision }) => revision > base.revision);
      return { base: base.revision, entries: [...base.entries, ...later] };
    },
    append(entry, json) {
      const line = encodeEntry(entry, json);
      try {
        size += writeAll(log, line);
      } catch (error) {
        // Half a line must not stay in front of the next one.
        ftruncateSync(log, size);
        throw error;
      }
      dirty = true;
    },
    get size() {
      return size;
    },
    replace(revision, entries) {
      const temporary = `${snapshotFile}.tmp`;
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeAll(file, `${JSON.stringify({ revision })}\n`);
        for (const { json, ...entry } of entries)
          writeAll(file, encodeEntry({ ...entry, revision, deleted: false }, json));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, snapshotFile);
      syncDirectory(dirname(snapshotFile));
      ftruncateSync(log, 0);
      size = 0;
    },
    close() {
      clearInterval(timer);
      fdatasyncSync(log);
      closeSync(log);
    },
  };
}

function encodeEntry({ revision, resource, key, deleted }: Omit<JournalEntry, 'object'>, json: string): string {
  const head = JSON.stringify({ revision, resource, key, deleted });
  return `${head.slice(0, -1)},"object":${json}}\n`;
}

function decodeEntry(line: string): JournalEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && typeof value['revision'] === 'number' && isObject(value['object'])
      ? (value as unknown as JournalEntry)
      : undefined;
  } catch {
    return undefined;
  }
}

function readSnapshot(file: string): { revision: number; entries: JournalEntry[] } {
  const [head = '', ...lines] = readFileSync(file, 'utf8').split('\n');
  const revision = (JSON.parse(head) as { revision: number }).revision;
  const entries = lines
    .filter((line) => line !== '')
    .map((line, index) => decodeEntry(line) ?? corrupt(file, index + 2));
  return { revision, entries };
}

/** Reads up to the last whole line: what follows was never acknowledged. */
function readLog(file: string): { entries: JournalEntry[]; goodBytes: number } {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  // What stands after the last line feed is the beginning of a write that a crash cut off.
  lines.pop();
  const entries: JournalEntry[] = [];
  let goodBytes = 0;
  for (const [index, line] of lines.entries()) {
    entries.push(decodeEntry(line) ?? corrupt(file, index + 1));
    goodBytes += Buffer.byteLength(line) + 1;
  }
  return { entries, goodBytes };
}

function corrupt(file: string, line: number): never {
  throw new KubevipError(`${file}, line ${line}: not an entry of the log`, {
    code: 'STORE_CORRUPT',
    hints: ['`kubevip lab down` removes the lab with its data; `kubevip lab up` makes a new one'],
  });
}

function writeAll(file: number, text: string): number {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
  return bytes.length;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
