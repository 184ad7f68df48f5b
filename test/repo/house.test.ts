/** The rules of the house that a machine can check. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));
const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const code = files.filter((file) => /^(src|test|bench)\/.*\.ts$/.test(file));

describe('the house', () => {
  it('keeps files small: one idea each', () => {
    const large = code.filter((file) => file.startsWith('src/') && text(file).split('\n').length > 400);
    expect(large).toEqual([]);
  });

  it('silences nothing', () => {
    const offenders = code
      .filter((file) => file !== 'test/repo/house.test.ts')
      .filter((file) =>
        /@ts-ignore|@ts-expect-error|\bas any\b(?! \w)|eslint-disable|catch( \(\w+\))? \{\s*\}/.test(text(file)),
      );
    expect(offenders).toEqual([]);
  });

  it('runs every test it has', () => {
    const offenders = code
      .filter((file) => file !== 'test/repo/house.test.ts')
      .filter((file) => /\b(it|test|describe)\.(only|todo|skip)\(/.test(text(file)));
    expect(offenders).toEqual([]);
  });

  it('records no download addresses in the lock', () => {
    expect(text('package-lock.json')).not.toMatch(/"resolved"/);
  });

  it('links only to files that exist', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...text(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => ({
          file,
          target,
        })),
      )
      .filter(({ file, target }) => !existsSync(join(ROOT, dirname(file), target)));
    expect(broken).toEqual([]);
  });

  it('keeps the rooms apart (dependency-cruiser)', { timeout: 120_000 }, () => {
    const run = join(ROOT, 'node_modules/.bin/depcruise');
    expect(
      execFileSync(
        process.execPath,
        [run, 'src', 'bin', '--config', '.dependency-cruiser.cjs', '--output-type', 'err'],
        { cwd: ROOT, encoding: 'utf8' },
      ),
    ).toContain('no dependency violations');
  });
});

describe('the version', () => {
  it('is the same everywhere', async () => {
    const { VERSION } = await import('../../src/model/version.ts');
    const { version } = JSON.parse(text('package.json')) as { version: string };
    expect(VERSION).toBe(version);
  });
});
