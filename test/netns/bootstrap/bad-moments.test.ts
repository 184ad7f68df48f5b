/**
 * `kubevip init` as a process on a machine of its own making (mount and network namespace) and with a kubeadm that does
 * as little as it can: Ctrl-C in the middle of a step, a disk that is full or read-only, and where secrets are not.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';
import { ROOT, type CliResult } from '../../support/cli.ts';
import { eventually } from '../../support/netns.ts';

const JOURNAL = '/var/lib/kubevip/journal.jsonl';
/** /etc with all that programs need of it, no swap, and nothing of what is below is left on the real machine. */
const SETUP = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$0/etc" && cp -a /etc/. "$0/etc/" && rm -rf "$0/etc/kubernetes" && mount --bind "$0/etc" /etc
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
printf 'Filename\\t\\t\\t\\tType\\t\\tSize\\t\\tUsed\\t\\tPriority\\n' > "$0/swaps" && mount --bind "$0/swaps" /proc/swaps
ip link set lo up
ip link add eth0 type veth peer name cable && ip link set cable up && ip addr add 192.0.2.1/24 dev eth0 && ip link set eth0 up
echo ready
exec sleep 600`;

/** Keeps what it is given; hangs in the call that the file \`hang\` names. */
const KUBEADM = (dir: string): string => `#!/bin/sh
[ "$1" = version ] && { echo v1.36.0; exit; }
for word; do [ "$before" = --config ] && cat "$word" >> ${dir}/given; before=$word; done
hang=$(cat ${dir}/hang 2>/dev/null)
case "$*" in
  "$hang"*) [ -n "$hang" ] && { touch ${dir}/hanging; exec sleep 600; } ;;
esac
case "$*" in
  "init phase certs ca"*) mkdir -p /etc/kubernetes/pki; cp ${dir}/ca.crt /etc/kubernetes/pki; echo key > /etc/kubernetes/pki/ca.key ;;
  "kubeconfig user"*) cat ${dir}/agent.conf ;;
  reset*) rm -rf /etc/kubernetes/pki /etc/kubernetes/manifests ;;
  *) echo "error: no" >&2; exit 1 ;;
esac
`;

let dir: string;
let machine: ChildProcess;
let ignored: string[] = [];

function start(argv: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<CliResult> } {
  const child = spawn('nsenter', ['-t', String(machine.pid), '-m', '-n', '--', ...argv], {
    env: { PATH: `${dir}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

const cli = (...args: string[]): ReturnType<typeof start> =>
  start([process.execPath, join(ROOT, 'bin', 'dev.js'), ...args]);
const INIT = ['init', '--vip', '192.0.2.40', '--user-kubeconfig', '', '--yes'];
const init = (...args: string[]): ReturnType<typeof start> =>
  cli(...INIT, ...ignored.flatMap((id) => ['--ignore', id]), ...args);
const sh = async (command: string): Promise<string> => (await start(['sh', '-c', command]).ended).stdout;

interface Found {
  readonly code: string;
  readonly exit: number;
  readonly hints: readonly string[];
  readonly result: {
    readonly findings: readonly { readonly id: string; readonly level: string; readonly fix?: unknown }[];
  };
}
async function findings(): Promise<Found> {
  const { code, stdout } = await cli(...INIT, '--json').ended;
  expect(code, stdout).toBe(3);
  return (JSON.parse(stdout) as { error: Found }).error;
}
const errorsOf = ({ result }: Found): string[] =>
  result.findings.flatMap(({ id, level }) => (level === 'error' ? [id] : []));

/** As somebody who has not been told, or has not listened. */
async function unwarned(): Promise<ReturnType<typeof start>> {
  return init(...errorsOf(await findings()).flatMap((id) => ['--ignore', id]));
}

/** Ctrl-C while kubeadm is busy with that. */
async function interruptedAt(
  call: string,
  meanwhile: () => Promise<void> | void = () => undefined,
  ...args: string[]
): Promise<CliResult> {
  writeFileSync(join(dir, 'hang'), call);
  const { child, ended } = init(...args);
  await Promise.race([
    eventually(`kubeadm ${call}`, () => existsSync(join(dir, 'hanging')), 60_000),
    ended.then(({ stderr }) => {
      if (!existsSync(join(dir, 'hanging'))) throw new Error(stderr);
    }),
  ]);
  await meanwhile();
  child.kill('SIGINT');
  const result = await ended;
  for (const name of ['hang', 'hanging']) rmSync(join(dir, name), { force: true });
  return result;
}

/** Of every process there is. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
      } catch {
        return ''; // gone by now
      }
    })
    .join('\n');
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubevip-moments-'));
  chmodSync(dir, 0o755);
  const { ca } = await servingCertificate(undefined, ['192.0.2.40'], new Date());
  writeFileSync(join(dir, 'ca.crt'), ca);
  const cluster = `{ server: https://192.0.2.40:6443, certificate-authority-data: ${Buffer.from(ca).toString('base64')} }`;
  writeFileSync(
    join(dir, 'agent.conf'),
    `apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{ name: a, cluster: ${cluster} }]\n` +
      'users: [{ name: a, user: {} }]\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\n',
  );
  writeFileSync(join(dir, 'kubeadm'), KUBEADM(dir), { mode: 0o755 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

beforeEach(async () => {
  mkdirSync(join(dir, 'etc'), { recursive: true });
  rmSync(join(dir, 'given'), { force: true });
  machine = spawn('unshare', ['--mount', '--net', 'sh', '-c', SETUP, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (machine.stdout === null) throw new TypeError('no stdout');
  await once(machine.stdout, 'data');
  // Whatever else this machine lacks is not what is looked at here.
  if (ignored.length === 0) ignored = errorsOf(await findings());
});
afterEach(async () => {
  machine.kill('SIGKILL');
  await once(machine, 'close');
});

describe('Ctrl-C in the middle of a step', { timeout: 180_000 }, () => {
  it('ends with 130, the next run goes on from there, and a reset leaves nothing', async () => {
    const first = await interruptedAt('init phase certs');
    expect(first.code, first.stderr).toBe(130);
    expect(first.stderr).toContain('Code: INTERRUPTED\n');
    expect(first.stderr).toContain('the same command again goes on from here');
    expect((await sh(`tail -n1 ${JOURNAL}`)).trim()).toMatch(/"event":"started","step":"certificates"/);

    let seen = '';
    const second = await interruptedAt('init --upload-certs', () => void (seen = commandLines()));
    expect(second.code, second.stderr).toBe(130);
    const given = readFileSync(join(dir, 'given'), 'utf8');
    const secrets = [/token: "?([a-z0-9]{6}\.[a-z0-9]{16})/, /certificateKey: "?([0-9a-f]{64})/].map(
      (pattern) => pattern.exec(given)?.[1] ?? '',
    );
    const journal = await sh(`cat ${JOURNAL}`);
    // What was done before was not done again.
    expect(journal.match(/"event":"done","step":"config"/g)).toHaveLength(1);
    const kept = await sh('find /etc/kubernetes /var/lib/kubevip /run -type f | xargs cat');
    for (const secret of secrets) {
      expect(secret).not.toBe('');
      for (const text of [seen, journal, kept, first.stderr, second.stderr, first.stdout, second.stdout])
        expect(text).not.toContain(secret);
    }

    const reset = await cli('reset', '--yes').ended;
    expect(reset.code, reset.stderr).toBe(0);
    expect(await sh('find /etc/kubernetes /var/lib/kubevip /run -type f 2>/dev/null')).toBe('');
  });
});

describe('init --fix', { timeout: 180_000 }, () => {
  it('on a real kernel is taken back by a reset', async ({ skip }) => {
    const { result } = await findings();
    const mendable = result.findings.flatMap(({ id, fix }) => (fix === undefined ? [] : [id]));
    // Modules are those of the machine that the test runs on.
    skip(
      mendable.some((id) => !id.endsWith('-forward') && id !== 'node-name-resolves'),
      'more is to be mended here',
    );
    const look = async (): Promise<string> =>
      sh(
        'sysctl net.ipv4.ip_forward; find /etc/sysctl.d /etc/modules-load.d /etc/hosts -ls; cat /etc/sysctl.d/* /etc/hosts',
      );
    const facts = (text: string): string => text.replaceAll(/^\s*\d+\s+\d+ |\w{3} +\d+ +[\d:]+ /gm, '');
    const before = await look();
    expect(before).toContain('ip_forward = 0');
    const plan = await init('--fix', '--dry-run').ended;
    expect(plan.stdout).toContain('mend this machine');
    expect(plan.stdout).toContain('set net.ipv4.ip_forward = 1');
    expect(await look()).toBe(before);
    let during = '';
    const meanwhile = async (): Promise<void> => void (during = await look());
    const stopped = await interruptedAt('init phase certs', meanwhile, '--fix');
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(during).toContain('ip_forward = 1');
    const reset = await cli('reset', '--yes').ended;
    expect(reset.code, reset.stderr).toBe(0);
    expect(facts(await look())).toBe(facts(before));
  });
});

describe('a disk', { timeout: 180_000 }, () => {
  it('that is read-only is found before anything is done', async () => {
    await sh('mount -o remount,ro,bind /etc');
    const found = await findings();
    expect(found).toMatchObject({ code: 'PREFLIGHT', exit: 3 });
    expect(found.hints.join('\n')).toContain('/etc/kubernetes is on a read-only file system');
    expect(await sh('ls /var/lib')).toBe('');
  });

  it.each([
    ['read-only', 'mount -o remount,ro /var/lib/kubevip', 'mount -o remount,rw /var/lib/kubevip', 'read-only'],
    ['full', 'cat /dev/zero > /var/lib/kubevip/f', 'rm /var/lib/kubevip/f', 'no space left on the disk'],
  ])('that is %s by the time the journal is written keeps it from beginning', async (_what, breaks, mends, words) => {
    await sh(`mkdir /var/lib/kubevip && mount -t tmpfs -o size=64k tmpfs /var/lib/kubevip; ${breaks}`);
    const result = await (await unwarned()).ended;
    expect(result.stderr).toContain('Code: FILE_NOT_WRITTEN\n');
    expect(result.stderr).toContain(`${JOURNAL}: `);
    expect(result.stderr).toContain(words);
    expect(result.code).toBe(1);
    expect(await sh('ls /etc/kubernetes 2>/dev/null')).toBe('');
    await sh(mends);
    expect((await interruptedAt('init phase certs')).code).toBe(130);
  });

  it('that is full in the middle of a step leaves what the next run goes on from', async () => {
    await sh('mkdir -p /etc/kubernetes/kubevip && mount -t tmpfs -o size=16k tmpfs /etc/kubernetes/kubevip');
    await sh('cat /dev/zero > /etc/kubernetes/kubevip/f');
    const result = await (await unwarned()).ended;
    expect(result.code, result.stderr).toBe(1);
    expect(result.stderr).toContain('could not keep the configuration');
    expect(result.stderr).toContain('no space left on the disk');
    await sh('rm /etc/kubernetes/kubevip/f');
    expect((await interruptedAt('init --upload-certs')).code).toBe(130);
  });
});
