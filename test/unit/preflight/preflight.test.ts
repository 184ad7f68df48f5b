import { describe, expect, it } from 'vitest';
import { undoChange, wayBack, type Undo } from '../../../src/cluster/preflight/change.ts';
import { CHECKS } from '../../../src/cluster/preflight/checks.ts';
import {
  fixable,
  fixAll,
  preflightFailure,
  problems,
  runPreflight,
  type PreflightReport,
} from '../../../src/cluster/preflight/run.ts';
import type { MachineHands } from '../../../src/cluster/ports/preflight.ts';
import { EXIT } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { changeLink, createFakeMachine, INIT, LAPTOP_MAC, VIP } from '../../support/fake-machine.ts';

async function waysBack(report: PreflightReport, hands: MachineHands): Promise<Undo[]> {
  const changes = fixable(report).flatMap(({ fix }) => fix?.changes ?? []);
  return (await Promise.all(changes.map(async (change) => wayBack(change, hands)))).filter((one) => one !== undefined);
}

describe('preflight', () => {
  it.each(['init', 'control-plane', 'worker'] as const)(
    'finds nothing wrong with a machine in order: %s',
    async (role) => {
      const cluster = role === 'init' ? {} : { cluster: { host: VIP, port: 6443 } };
      const report = await runPreflight(createFakeMachine().parts, { ...INIT, role, ...cluster });
      expect(problems(report)).toEqual([]);
      expect(report.ok).toBe(true);
      expect(preflightFailure(report)).toBeUndefined();
    },
  );

  it('sends one DISCOVER, at init only', async () => {
    const fake = createFakeMachine();
    await runPreflight(fake.parts, INIT);
    expect(fake.discovers).toBe(1);
    await runPreflight(fake.parts, { ...INIT, role: 'control-plane' });
    await runPreflight(fake.parts, { ...INIT, resuming: true });
    expect(fake.discovers).toBe(1);
  });

  it('asks a worker for less', async () => {
    const fake = createFakeMachine();
    fake.facts = { ...fake.facts, cpus: 1, memoryBytes: 2 ** 29 };
    fake.listeners = [{ port: 6443 }];
    const report = await runPreflight(fake.parts, { role: 'worker' });
    expect(problems(report)).toEqual([]);
  });

  it('takes what an interrupted run has left for its own', async () => {
    const fake = createFakeMachine();
    fake.files.set('/etc/kubernetes/kubelet.conf', '');
    fake.files.set('/var/lib/etcd/member', '');
    fake.listeners = [{ port: 6443, program: 'kube-apiserver', pid: 7 }];
    fake.users.set(VIP, LAPTOP_MAC);
    fake.traces = [`address ${VIP} on eth0`];
    expect(problems(await runPreflight(fake.parts, { ...INIT, resuming: true }))).toEqual([]);
  });

  it('lets those who know better overrule an error', async () => {
    const fake = createFakeMachine();
    fake.facts = { ...fake.facts, cpus: 1 };
    const report = await runPreflight(fake.parts, { ...INIT, ignore: ['cpus'] });
    expect(report.ok).toBe(true);
    expect(problems(report)).toMatchObject([{ id: 'cpus', level: 'warn' }]);
  });

  it('goes on when a check cannot look', async () => {
    const fake = createFakeMachine();
    const machine = { ...fake.parts.machine, listeners: () => Promise.reject(new Error('no ss')) };
    const report = await runPreflight({ ...fake.parts, machine }, INIT);
    expect(problems(report)).toMatchObject([{ id: 'ports', level: 'warn', what: 'could not be looked at: no ss' }]);
  });

  it('ends with exit code 3 and every remedy', async () => {
    const fake = createFakeMachine();
    fake.files.set('/proc/sys/net/ipv4/ip_forward', '0\n');
    fake.users.set(VIP, LAPTOP_MAC);
    const error = preflightFailure(await runPreflight(fake.parts, INIT));
    expect(error).toMatchObject({ code: 'PREFLIGHT', exit: EXIT.preflight });
    expect(error?.message).toContain('2 things stand in the way');
    expect(error?.hints.join('\n')).toContain('sysctl -w net.ipv4.ip_forward=1');
    expect(error?.hints.join('\n')).toContain('kubevip doctor --fix');
    expect(error?.result.findings.length).toBeGreaterThan(20);
  });

  it('has a name of its own for every check', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
  });
});

describe('fixes', () => {
  function broken() {
    const fake = createFakeMachine();
    fake.files.set('/proc/sys/net/ipv4/ip_forward', '0\n');
    fake.files.set('/proc/swaps', 'Filename\tType\n/dev/sda2 partition 100 0 -2\n');
    fake.names.clear();
    return fake;
  }

  it('mend what is safe, and can be taken back to the byte', async () => {
    const fake = broken();
    const before = new Map(fake.files);
    const report = await runPreflight(fake.parts, INIT);
    const undo = await waysBack(report, fake.hands);
    const fixed = await fixAll(report, fake.hands);
    expect(fixed.map(({ finding }) => finding.id)).toEqual(['ip-forward', 'swap', 'node-name-resolves']);
    expect(fixed.every(({ failure }) => failure === undefined)).toBe(true);
    expect(fake.files.get('/proc/sys/net/ipv4/ip_forward')).toBe('1\n');
    expect(fake.files.get('/etc/sysctl.d/90-kubevip.conf')).toBe('net.ipv4.ip_forward = 1\n');
    expect(fake.files.get('/etc/fstab')).toContain('\n# by kubevip: UUID=2 none swap sw 0 0\n');
    expect(fake.files.get('/etc/fstab')).toContain('UUID=1 / ext4');
    expect(fake.files.get('/etc/hosts')).toBe('127.0.0.1 localhost\n192.168.1.11 node-1\n');
    expect(fake.done).toEqual(['swapoff -a']);

    // As a journal gives it back.
    for (const one of (JSON.parse(JSON.stringify(undo)) as typeof undo).toReversed()) await undoChange(one, fake.hands);
    expect(fake.files).toEqual(before);
    expect(fake.done).toEqual(['swapoff -a', 'swapon -a']);
  });

  it('name no address that is the same on every link', async () => {
    const fake = broken();
    const addresses = [
      { ip: ip('fe80::1'), prefixLength: 64 },
      { ip: ip('169.254.3.4'), prefixLength: 16 },
      { ip: ip('192.168.1.11'), prefixLength: 24 },
    ];
    changeLink(fake, { addresses });
    await fixAll(await runPreflight(fake.parts, INIT), fake.hands);
    expect(fake.files.get('/etc/hosts')).toBe('127.0.0.1 localhost\n192.168.1.11 node-1\n');
  });

  it('change nothing the second time', async () => {
    const fake = broken();
    const report = await runPreflight(fake.parts, INIT);
    await fixAll(report, fake.hands);
    const after = new Map(fake.files);
    const again = await fixAll(report, fake.hands);
    expect(fake.files).toEqual(after);
    expect(again.every(({ failure }) => failure === undefined)).toBe(true);
  });

  it('go on when one fails, and say why', async () => {
    const fake = broken();
    fake.unwritable.set('/etc/sysctl.d', 'read-only');
    const fixed = await fixAll(await runPreflight(fake.parts, INIT), fake.hands);
    expect(fixed[0]?.failure).toContain('/etc/sysctl.d/90-kubevip.conf');
    expect(fixed.slice(1).every(({ failure }) => failure === undefined)).toBe(true);
    expect(fixed.map(({ finding }) => finding.id)).toEqual(['ip-forward', 'swap', 'node-name-resolves']);
  });
});
