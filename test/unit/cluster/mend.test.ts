import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { isMade, type Change } from '../../../src/cluster/preflight/change.ts';
import { error, fine, warn, type Finding } from '../../../src/cluster/preflight/finding.ts';
import type { Machine } from '../../../src/workflows/bootstrap/machine.ts';
import { planInit, runInit, type PlannedInit } from '../../../src/workflows/bootstrap/init.ts';
import { planReset, runReset } from '../../../src/workflows/bootstrap/reset.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { bootstrapMachine, Disk } from '../../support/bootstrap-machine.ts';
import { Power, PowerLoss } from '../../support/crash-world.ts';

const CONFIG = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100' } }, 'init', { name: 'the test' });
const OPTIONS = { signal: new AbortController().signal, withCode: false, ignore: [] };
const text = { why: 'It matters.', remedy: 'type it' };

const MODULE: readonly Change[] = [
  { kind: 'module', name: 'br_netfilter' },
  { kind: 'line', path: '/etc/modules-load.d/kubevip.conf', line: 'br_netfilter' },
];
const FORWARD: readonly Change[] = [
  { kind: 'sysctl', key: 'net/ipv4/ip_forward', value: '1' },
  { kind: 'line', path: '/etc/sysctl.d/99-kubevip.conf', line: 'net.ipv4.ip_forward = 1' },
];
const SWAP: readonly Change[] = [
  { kind: 'command', argv: ['swapoff', '-a'], undo: ['swapon', '-a'] },
  { kind: 'comment-out', path: '/etc/fstab', match: '^\\S+\\s+\\S+\\s+swap\\s.*$' },
];
const NAME: readonly Change[] = [{ kind: 'line', path: '/etc/hosts', line: '10.0.0.11 n1' }];
/** What a mount needs is nobody's business. */
const FSTAB = 'UUID=2 none swap sw 0 0\n//nas/x /x cifs password=hunter2 0 0';

function brokenDisk(): Disk {
  const disk = new Disk();
  disk.files.set('/proc/modules', 'overlay 1 0\n');
  disk.files.set('/proc/sys/net/ipv4/ip_forward', '0\n');
  disk.files.set('/etc/fstab', FSTAB);
  disk.files.set('/etc/hosts', '127.0.0.1 localhost');
  disk.files.set('/etc/sysctl.d/99-kubevip.conf', '# mine\n');
  return disk;
}

/** Finds each fault while it is there. */
function machineOn(disk: Disk, more: readonly Finding[] = []): Machine {
  const base = bootstrapMachine(disk);
  const finding = async (id: string, changes: readonly Change[], level = error): Promise<Finding> => {
    const made = await Promise.all(changes.map(async (change) => isMade(change, base.parts.hands)));
    return made.includes(false) ? level(id, { what: `${id} is wrong`, ...text, fix: { changes } }) : fine(id, id);
  };
  return {
    ...base,
    preflight: async () => {
      const findings = [
        await finding('module', MODULE),
        await finding('forward', FORWARD),
        await finding('swap', SWAP),
        await finding('name', NAME, warn),
        ...more,
      ];
      return { ok: findings.every(({ level }) => level !== 'error'), findings };
    },
  };
}

async function end<R>(steps: AsyncGenerator<Step, R>): Promise<R> {
  for (;;) {
    const next = await steps.next();
    if (next.done === true) return next.value;
  }
}

async function init(machine: Machine, fix: boolean): Promise<readonly string[]> {
  const planned: PlannedInit = await planInit(machine, CONFIG, { fix });
  return (await end(runInit(planned, machine, OPTIONS))).result.ran;
}

async function reset(machine: Machine): Promise<void> {
  await end(runReset(await planReset(machine), machine, OPTIONS.signal));
}

function isPowerLoss(error: unknown): boolean {
  if (error instanceof PowerLoss) return true;
  return error instanceof Error && (error.message.includes('power lost') || isPowerLoss(error.cause));
}

async function killedAfter(disk: Disk, happenings: number, work: () => Promise<unknown>): Promise<boolean> {
  disk.power = new Power(happenings);
  try {
    await work();
    return false;
  } catch (cause) {
    if (isPowerLoss(cause)) return true;
    throw cause;
  } finally {
    disk.power = new Power(Number.POSITIVE_INFINITY);
  }
}

/** /run lives in memory. */
const left = (disk: Disk): Map<string, string> =>
  new Map([...disk.files].filter(([path]) => !path.startsWith('/run/')).toSorted());

describe('init --fix', () => {
  it('is named where it would help', async () => {
    const disk = brokenDisk();
    const failure: unknown = await init(machineOn(disk), false).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'PREFLIGHT', exit: 3 });
    expect((failure as { hints: string[] }).hints.join('\n')).toContain('The same command with --fix');
    expect(left(disk)).toEqual(left(brokenDisk()));
  });

  it('shows in its plan what it would mend, and changes nothing by that', async () => {
    const disk = brokenDisk();
    const { plan } = await planInit(machineOn(disk), CONFIG, { fix: true });
    expect(plan.steps.map(({ id }) => id).slice(0, 3)).toEqual(['machine', 'mend', 'config']);
    const { explain } = plan.steps[1] ?? { explain: '' };
    for (const words of ['load the kernel module br_netfilter', 'net.ipv4.ip_forward = 1', 'run swapoff -a', 'reset'])
      expect(explain).toContain(words);
    expect(left(disk)).toEqual(left(brokenDisk()));
  });

  it('mends before kubeadm is run, and a reset takes it back to the byte', async () => {
    const disk = brokenDisk();
    expect(await init(machineOn(disk), true)).toContain('mend');
    expect(disk.files.get('/proc/sys/net/ipv4/ip_forward')).toBe('1\n');
    expect(disk.files.get('/etc/fstab')).toMatch(/^# by kubevip: UUID=2/);
    expect(disk.files.get('/etc/hosts')).toBe('127.0.0.1 localhost\n10.0.0.11 n1\n');
    expect(await init(machineOn(disk), true)).toEqual([]);
    expect(disk.files.get('/var/lib/kubevip/journal.jsonl')).not.toContain('hunter2');
    await reset(machineOn(disk));
    expect(left(disk)).toEqual(left(brokenDisk()));
    expect(disk.argv).toContain('swapon -a');
  });

  it('leaves what people have written since', async () => {
    const disk = brokenDisk();
    await init(machineOn(disk), true);
    for (const path of ['/etc/hosts', '/etc/fstab', '/etc/modules-load.d/kubevip.conf'])
      disk.files.set(path, `${disk.files.get(path) ?? ''}# of a person\n`);
    await reset(machineOn(disk));
    expect(disk.files.get('/etc/hosts')).toBe('127.0.0.1 localhost\n# of a person\n');
    expect(disk.files.get('/etc/fstab')).toBe(`${FSTAB}# of a person\n`);
    expect(disk.files.get('/etc/modules-load.d/kubevip.conf')).toBe('# of a person\n');
  });

  it('does not begin where something else stands in the way', async () => {
    const disk = brokenDisk();
    const machine = machineOn(disk, [error('vip', { what: 'the VIP is in use', ...text })]);
    await expect(init(machine, true)).rejects.toMatchObject({ code: 'PREFLIGHT', message: /VIP is in use/ });
    expect(left(disk)).toEqual(left(brokenDisk()));
  });

  it('looks again after mending', async () => {
    const disk = brokenDisk();
    const sound = machineOn(disk);
    let looks = 0;
    const machine: Machine = {
      ...sound,
      preflight: async (request) => {
        const report = await sound.preflight(request);
        if (++looks < 3) return report;
        return { ok: false, findings: [error('runtime', { what: 'containerd has no CRI', ...text })] };
      },
    };
    await expect(init(machine, true)).rejects.toMatchObject({ code: 'PREFLIGHT', exit: 3, message: /no CRI/ });
    expect(disk.calls.some((call) => call.startsWith('init'))).toBe(false);
    await reset(sound);
    expect(left(disk)).toEqual(left(brokenDisk()));
  });

  it('killed at every point goes on, and is taken back to the byte', { timeout: 120_000 }, async () => {
    for (let point = 0; ; point++) {
      const disk = brokenDisk();
      const killed = await killedAfter(disk, point, async () => init(machineOn(disk), true));
      await init(machineOn(disk), true);
      expect(disk.files.get('/etc/fstab')).toMatch(/^# by kubevip: UUID=2/);
      expect(disk.files.get('/var/lib/kubevip/journal.jsonl')).not.toContain('mend-2');
      await killedAfter(disk, point % 13, async () => reset(machineOn(disk)));
      await reset(machineOn(disk));
      expect(left(disk), `killed at ${point}`).toEqual(left(brokenDisk()));
      if (!killed) break;
    }
  });

  it('a later run mends what came up since, and a reset takes back both', async () => {
    const disk = brokenDisk();
    disk.files.set('/etc/hosts', '127.0.0.1 localhost\n10.0.0.11 n1\n');
    disk.files.set('/var/lib/etcd/old', 'leftover');
    await expect(init(machineOn(disk), true)).rejects.toMatchObject({ code: 'KUBEADM_FAILED' });
    disk.files.delete('/var/lib/etcd/old');
    disk.files.set('/etc/hosts', '127.0.0.1 localhost\n');
    expect(await init(machineOn(disk), true)).toContain('mend-2');
    await reset(machineOn(disk));
    const before = brokenDisk();
    before.files.set('/etc/hosts', '127.0.0.1 localhost\n');
    expect(left(disk)).toEqual(left(before));
  });
});
