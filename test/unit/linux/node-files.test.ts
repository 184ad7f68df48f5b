import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJournalFile, createNodeFiles, sweepPrivateFiles } from '../../../src/linux/node-files.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'kubevip-files-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('files of the machine', () => {
  it('are written whole, private by default, with their folders, and leave no temporary ones', async () => {
    const files = createNodeFiles(join(dir, 'run'));
    const path = join(dir, 'a', 'b', 'c.yaml');
    await files.write(path, 'one');
    await files.write(path, 'two');
    expect(await files.read(path)).toBe('two');
    expect([mode(path), mode(join(dir, 'a', 'b'))]).toEqual(['600', '700']);
    expect(readdirSync(join(dir, 'a', 'b'))).toEqual(['c.yaml']);
    expect(await files.read(join(dir, 'nothing'))).toBeUndefined();
    expect(await files.list(join(dir, 'nothing'))).toBeUndefined();
    await files.remove(join(dir, 'nothing'));
  });

  it('stay whose they are, with their permissions, unless others are asked for', async () => {
    const files = createNodeFiles(join(dir, 'run'));
    const path = join(dir, 'config');
    writeFileSync(path, 'old');
    chmodSync(path, 0o640);
    const asRoot = process.getuid?.() === 0;
    if (asRoot) chownSync(path, 1234, 5678);
    const { uid, gid } = statSync(path);
    await files.write(path, 'new');
    expect([mode(path), statSync(path).uid, statSync(path).gid]).toEqual(['640', uid, gid]);
    await files.write(path, 'newer', { mode: 0o600, ...(asRoot ? { owner: { uid: 1, gid: 1 } } : {}) });
    expect([mode(path), statSync(path).uid]).toEqual(['600', asRoot ? 1 : uid]);
  });

  it('are written through symbolic links', async () => {
    const files = createNodeFiles(join(dir, 'run'));
    writeFileSync(join(dir, 'real'), 'old');
    symlinkSync(join(dir, 'real'), join(dir, 'link'));
    await files.write(join(dir, 'link'), 'new');
    expect(readFileSync(join(dir, 'real'), 'utf8')).toBe('new');
  });

  it('say what is wrong with a place that cannot be written to', async () => {
    const files = createNodeFiles(join(dir, 'run'));
    writeFileSync(join(dir, 'file'), '');
    await expect(files.write(join(dir, 'file', 'x'), 'x')).rejects.toMatchObject({
      code: 'FILE_NOT_WRITTEN',
      message: /cannot write .*file\/x/,
    });
  });

  it('with secrets are private, and go with those who made them', async () => {
    const run = join(dir, 'run');
    const files = createNodeFiles(run);
    const secret = await files.privateFile('kubeadm.yaml', 'token');
    expect([mode(secret.path), mode(run)]).toEqual(['600', '700']);
    await secret.remove();
    expect(await files.exists(run)).toBe(false);
    mkdirSync(run);
    writeFileSync(join(run, '999999999-abc-kubeadm.yaml'), 'token of a dead process');
    writeFileSync(join(run, `${process.pid}-abc-kubeadm.yaml`), 'token of this one');
    await sweepPrivateFiles(run);
    expect(readdirSync(run)).toEqual([`${process.pid}-abc-kubeadm.yaml`]);
    rmSync(join(run, `${process.pid}-abc-kubeadm.yaml`));
    await sweepPrivateFiles(run);
    expect(await files.exists(run)).toBe(false);
  });

  it('are removed with their folders only when those are empty', async () => {
    const files = createNodeFiles(join(dir, 'run'));
    await files.write(join(dir, 'x', 'y'), '');
    expect(await files.removeEmptyDirectory(join(dir, 'x'))).toBe(false);
    await files.remove(join(dir, 'x', 'y'));
    expect(await files.removeEmptyDirectory(join(dir, 'x'))).toBe(true);
    expect(await files.removeEmptyDirectory(join(dir, 'x'))).toBe(true);
  });
});

describe('a journal on the disk', () => {
  it('ends a torn line before it adds one', async () => {
    const path = join(dir, 'state', 'journal.jsonl');
    const journal = createJournalFile(path);
    expect(await journal.load()).toBe('');
    await journal.append('{"a":1}\n');
    appendFileSync(path, '{"torn');
    await journal.append('{"b":2}\n');
    expect(await journal.load()).toBe('{"a":1}\n{"torn\n{"b":2}\n');
    expect([mode(path), mode(join(dir, 'state'))]).toEqual(['600', '700']);
    await journal.remove();
    expect(await journal.load()).toBe('');
  });
});
