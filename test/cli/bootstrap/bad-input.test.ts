/** `init`, `join`, `reset` and `join-code` with wrong input, as processes of their own; nothing here changes the machine. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeJoinCode } from '../../../src/cluster/join-code.ts';
import { runCli, ROOT, type CliResult } from '../../support/cli.ts';

let dir: string;
/** A PATH on which kubeadm only knows its version. */
let path: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-cli-'));
  writeFileSync(join(dir, 'kubeadm'), '#!/bin/sh\n[ "$1" = version ] && echo v1.36.0\n');
  chmodSync(join(dir, 'kubeadm'), 0o755);
  path = `${dir}:${process.env['PATH'] ?? ''}`;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const code = (expires: Date): string =>
  encodeJoinCode({
    role: 'worker',
    endpoint: '192.0.2.1:6443',
    token: 'abcdef.0123456789abcdef',
    caHash: 'ab'.repeat(32),
    families: [4],
    expires,
  });
const GOOD = code(new Date('2099-01-01'));

function expectRefusal(result: CliResult, exit: number, name: string): void {
  expect(result.stderr).toContain(`Code: ${name}\n`);
  expect(result.code).toBe(exit);
  expect(result.stdout).toBe('');
  // Whatever is wrong, the secret is not told again.
  expect(result.stderr).not.toContain(GOOD.slice(9));
  expect(result.stderr).not.toContain('abcdef.0123456789abcdef');
}

describe('wrong input of init', () => {
  it.each<[string, string[], number, string]>([
    ['no VIP', ['--dry-run'], 2, 'BAD_BOOTSTRAP_CONFIG'],
    ['a mistyped VIP', ['--dry-run', '--vip', '192.168.1.400'], 2, 'BAD_BOOTSTRAP_CONFIG'],
    ['a pool that is none', ['--dry-run', '--vip', '192.0.2.9', '--pool', 'ten'], 2, 'BAD_BOOTSTRAP_CONFIG'],
    ['no such file', ['--dry-run', '-f', '/nonexistent.yaml'], 2, 'BAD_CONFIG_FILE'],
  ])('%s', async (_what, args, exit, name) => {
    expectRefusal(await runCli(['init', ...args], { env: { PATH: path } }), exit, name);
  });

  it('is told in words of the command line where that is where it came from', async () => {
    const { stderr } = await runCli(['init', '--pool', 'shop=10.0.0.9-10.0.0.1'], { env: { PATH: path } });
    expect(stderr).toContain('--pool: "10.0.0.9-10.0.0.1"');
    expect((await runCli(['init', '--port', '1'], { env: { PATH: path } })).stderr).toContain('--vip: is needed');
  });

  it('a file that is no YAML, and one with a wrong key', async () => {
    const file = join(dir, 'bad.yaml');
    writeFileSync(file, 'a: [1');
    expectRefusal(await runCli(['init', '--dry-run', '-f', file]), 2, 'BAD_CONFIG_FILE');
    writeFileSync(file, 'controlPlane: { vip: 192.0.2.9, prot: 1 }');
    const wrongKey = await runCli(['init', '--dry-run', '-f', file]);
    expectRefusal(wrongKey, 2, 'BAD_BOOTSTRAP_CONFIG');
    expect(wrongKey.stderr).toContain('prot');
  });

  it('without kubeadm it says what to install', async () => {
    const env = { PATH: '/nonexistent' };
    const result = await runCli(['init', '--dry-run', '--vip', '192.0.2.9', '--node-ip', '192.0.2.1'], { env });
    expectRefusal(result, 3, 'NO_KUBEADM');
  });

  it('without root nothing is touched', async () => {
    // Another user: what this test may do itself proves nothing. One who may read, since a clone may lie where nobody can.
    const wrapper = join(dir, 'nobody.cjs');
    const setpriv = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const reading = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];
    const node = [process.execPath, join(ROOT, 'bin', 'dev.js')];
    const [program = '', ...command] = process.getuid?.() === 0 ? ['setpriv', ...setpriv, ...reading, ...node] : node;
    writeFileSync(
      wrapper,
      `const { spawnSync } = require('node:child_process');
const { status } = spawnSync(${JSON.stringify(program)}, [...${JSON.stringify(command)}, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 99);
`,
    );
    chmodSync(dir, 0o755);
    for (const args of [
      ['init', '--vip', '192.0.2.9'],
      ['join', GOOD],
      ['reset', '--yes'],
      ['join-code', 'create'],
    ]) {
      expectRefusal(await runCli(args, { program: wrapper, env: { PATH: path } }), 3, 'NOT_ROOT');
    }
  });
});

describe('init that only shows', () => {
  it('prints a configuration that it reads again', async () => {
    const printed = await runCli([
      'init',
      '--print-config',
      '--vip',
      '192.0.2.9',
      '--pool',
      'shop=192.0.2.20-192.0.2.30',
    ]);
    expect(printed.code).toBe(0);
    expect(printed.stdout).toContain('# Virtual IP');
    const file = join(dir, 'cluster.yaml');
    writeFileSync(file, printed.stdout);
    const again = await runCli(['init', '--print-config', '-f', file]);
    expect(again.stdout).toBe(printed.stdout);
  });

  it('plans without touching anything, and without a secret', async () => {
    const args = ['init', '--dry-run', '--vip', '192.0.2.9', '--node-ip', '192.0.2.1', '--json'];
    const { code: exit, stdout } = await runCli(args, { env: { PATH: path } });
    expect(exit).toBe(0);
    const { result } = JSON.parse(stdout) as { result: { dryRun: boolean; steps: { id: string }[] } };
    expect(result.dryRun).toBe(true);
    expect(result.steps.map(({ id }) => id)).toEqual([
      'machine',
      'config',
      'certificates',
      'credentials',
      'virtual-ip',
      'kubeadm-init',
      'services',
      'endpoint',
      'kubeconfig',
    ]);
    expect(stdout).not.toMatch(/[a-z0-9]{6}\.[a-z0-9]{16}/);
    expect(existsSync('/var/lib/kubevip')).toBe(false);
  });
});

describe('wrong input of join', () => {
  it.each<[string, string[], number, string]>([
    ['no code and nobody to ask', [], 2, 'NO_JOIN_CODE'],
    ['something else', ['kubeadm'], 2, 'BAD_JOIN_CODE'],
    ['half a code', [GOOD.slice(0, 50)], 2, 'BAD_JOIN_CODE'],
    ['a mistyped code', [`${GOOD.slice(0, 30)}${GOOD[30] === 'A' ? 'B' : 'A'}${GOOD.slice(31)}`], 2, 'BAD_JOIN_CODE'],
    ['a code of another version', [`kubevip9.${GOOD.slice(9)}`], 2, 'BAD_JOIN_CODE'],
    ['a code that ran out', [code(new Date('2020-01-01'))], 2, 'JOIN_CODE_EXPIRED'],
    ['a code for workers as control plane', [GOOD, '--control-plane'], 2, 'WRONG_ROLE'],
    ['both roles', [GOOD, '--control-plane', '--worker'], 2, 'USAGE'],
    ['no such file', ['--code-file', '/nonexistent'], 2, 'BAD_CODE_FILE'],
  ])('%s', async (_what, args, exit, name) => {
    expectRefusal(await runCli(['join', '--dry-run', ...args], { env: { PATH: path } }), exit, name);
  });
});

describe('reset where nothing is', () => {
  it.skipIf(process.getuid?.() !== 0 || existsSync('/etc/kubernetes'))('has nothing to do', async () => {
    const result = await runCli(['reset', '--yes', '--json']);
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ ok: true, result: { undone: [] } });
    expect(existsSync('/run/lock/kubevip')).toBe(false);
  });
});
