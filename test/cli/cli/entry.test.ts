/** The way in: version, help, names, and a Node that is too old. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT, runCli } from '../../support/cli.ts';

const run = join(ROOT, 'bin', 'run.js');
const dir = mkdtempSync(join(tmpdir(), 'kubevip-entry-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A system Node that is too old for us, as Debian 12 has it. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && majorOf(path) < 22);

function majorOf(node: string): number {
  return Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1]);
}

describe('version', () => {
  it.each([['--version'], ['-v'], ['version']])('%s', async (word) => {
    const { code, stdout, stderr } = await runCli([word], { program: run });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^kubevip\/\d+\.\d+\.\d+ linux-(x64|arm64) node-v\d+\.\d+\.\d+\n$/);
  });
});

describe('help', () => {
  it('lists the commands in the order in which people need them', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
    const known = ['expose', 'unexpose', 'status', 'discover', 'agent'];
    expect(listed.filter((name) => known.includes(name ?? ''))).toEqual(known);
    expect(listed.at(-1)).toBe('agent');
  });

  it.each([['expose'], ['unexpose'], ['status'], ['discover'], ['agent']])(
    'of %s has a summary and its flags',
    async (command) => {
      const { code, stdout } = await runCli([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain('USAGE\n  $ kubevip ');
      expect(stdout).toContain('--json');
      if (command !== 'agent' && command !== 'discover') expect(stdout).toContain('--kubeconfig=FILE');
    },
  );

  it.skipIf(!existsSync(join(ROOT, 'dist', 'help')))(
    'is the same before and after the build, but for its width',
    async () => {
      const squeeze = (text: string): string => text.replace(/\s+/g, ' ').trim();
      const [built, live] = await Promise.all([
        runCli(['status', '--help'], { program: run }),
        runCli(['status', '--help']),
      ]);
      expect(squeeze(built.stdout)).toBe(squeeze(live.stdout));
    },
  );
});

it('speaks of itself as kubectl’s plugin when called as one', async () => {
  const plugin = join(dir, 'kubectl-kubevip');
  symlinkSync(run, plugin);
  const { stdout } = await runCli(['status', '--help'], { program: plugin });
  expect(stdout).toContain('$ kubectl kubevip status');
});

describe.skipIf(oldNode === undefined)('a Node that is too old', () => {
  it('goes on with the one that npm brought', async () => {
    const { code, stdout } = await runCli(['--version'], { program: run, node: oldNode ?? '' });
    expect([code, stdout]).toEqual([0, expect.stringContaining(`node-${process.version}`)]);
  });

  it('keeps exit codes', async () => {
    expect((await runCli(['frobnicate'], { program: run, node: oldNode ?? '' })).code).toBe(2);
  });

  it('says in one line what is missing where there is none', async () => {
    for (const file of ['bin', 'package.json']) symlinkSync(join(ROOT, file), join(dir, file));
    // By its own path: the link would be followed to where the right Node is.
    const program = join(dir, 'lone', 'bin', 'run.js');
    execFileSync('cp', ['-rL', join(ROOT, 'bin'), join(dir, 'lone-bin')]);
    execFileSync('mkdir', ['-p', join(dir, 'lone')]);
    execFileSync('mv', [join(dir, 'lone-bin'), join(dir, 'lone', 'bin')]);
    const { code, stderr } = await runCli(['status'], { program, node: oldNode ?? '' });
    expect(code).toBe(3);
    expect(stderr.split('\n')[0]).toMatch(/^Error: kubevip needs Node 22\.22 or later .*, and this is v\d+/);
  });
});
