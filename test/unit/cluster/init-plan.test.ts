import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig, type BootstrapConfig } from '../../../src/cluster/config.ts';
import { decodeJoinCode } from '../../../src/cluster/join-code.ts';
import type { PreflightRequest } from '../../../src/cluster/preflight/request.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { planInit, runInit, type FinishedInit } from '../../../src/workflows/bootstrap/init.ts';
import { planJoin, runJoin, type JoinResult } from '../../../src/workflows/bootstrap/join.ts';
import { newCode } from '../../../src/workflows/bootstrap/codes.ts';
import type { NewCode } from '../../../src/workflows/bootstrap/make-code.ts';
import { planReset, runReset } from '../../../src/workflows/bootstrap/reset.ts';
import { bootstrapMachine, CA, Disk } from '../../support/bootstrap-machine.ts';
import { Power, PowerLoss } from '../../support/crash-world.ts';

const CONFIG = parseBootstrapConfig(
  { controlPlane: { vip: '10.0.0.100' }, services: { pools: { global: '10.0.0.120-10.0.0.130' } } },
  'init',
  { name: 'the test' },
);
const OPTIONS = { signal: new AbortController().signal, withCode: true, ignore: [] };

async function end<R>(steps: AsyncGenerator<Step, R>): Promise<R> {
  for (;;) {
    const next = await steps.next();
    if (next.done === true) return next.value;
  }
}

async function init(disk: Disk, config: BootstrapConfig = CONFIG): Promise<FinishedInit> {
  const machine = bootstrapMachine(disk);
  return await end(runInit(await planInit(machine, config), machine, OPTIONS));
}

async function reset(disk: Disk): Promise<void> {
  const machine = bootstrapMachine(disk);
  await end(runReset(await planReset(machine), machine, OPTIONS.signal));
}

function hasLostPower(error: unknown): boolean {
  if (error instanceof PowerLoss) return true;
  return error instanceof Error && (error.message.includes('power lost') || hasLostPower(error.cause));
}

/** @returns whether it was killed. */
async function killedAfter(disk: Disk, happenings: number, work: () => Promise<unknown>): Promise<boolean> {
  disk.power = new Power(happenings);
  try {
    await work();
    return false;
  } catch (error) {
    if (hasLostPower(error)) return true;
    throw error;
  } finally {
    disk.power = new Power(Number.POSITIVE_INFINITY);
  }
}

const completedInits = (disk: Disk): number => disk.calls.filter((call) => call.startsWith('init --upload')).length;

describe('init', () => {
  it('ends in a control plane whose agent has credentials of its own', async () => {
    const disk = new Disk();
    const { result, joinCode } = await init(disk);
    expect(result).toMatchObject({ cluster: 'kubevip', endpoint: 'https://10.0.0.100:6443', node: 'n1' });
    const agent = parse(disk.files.get('/etc/kubernetes/kubevip/agent.conf') ?? '') as {
      clusters: { cluster: Record<string, string> }[];
    };
    expect(agent.clusters[0]?.cluster).toMatchObject({
      server: 'https://127.0.0.1:6443',
      'tls-server-name': 'kubernetes',
    });
    expect(disk.files.get('/etc/kubernetes/manifests/kubevip.yaml')).not.toContain('admin.conf');
    expect(disk.objects.has('DaemonSet/kube-system/kubevip')).toBe(true);
    expect(disk.files.get('/root/.kube/config')).toContain('current-context: kubevip');
    const code = decodeJoinCode(joinCode?.text ?? '');
    expect(code).toMatchObject({ role: 'control-plane', endpoint: '10.0.0.100:6443', families: [4] });
  });

  it('keeps every secret out of arguments, journal, configuration and ConfigMaps', async () => {
    const disk = new Disk();
    const { joinCode } = await init(disk);
    const code = decodeJoinCode(joinCode?.text ?? '');
    if ('fault' in code) throw new Error(code.fault);
    const seen = [
      ...disk.argv,
      ...[...disk.files.values()],
      ...[...disk.objects].map(([key, one]) => (key.startsWith('Secret') ? '' : JSON.stringify(one))),
    ].join('\n');
    expect(seen).not.toContain(code.token);
    expect(seen).not.toContain(code.certificateKey);
    expect(seen).not.toContain(joinCode?.text);
    expect([...disk.files.keys()].filter((path) => path.startsWith('/run/'))).toEqual([]);
  });

  it('run again at its end changes nothing and runs kubeadm for its version only', async () => {
    const disk = new Disk();
    await init(disk);
    const [files, calls] = [new Map(disk.files), disk.calls.length];
    const { result, joinCode } = await init(disk);
    expect(result.ran).toEqual([]);
    expect(joinCode).toBeUndefined();
    expect(disk.files).toEqual(files);
    expect(disk.calls.slice(calls)).toEqual(['version -o short']);
  });

  it('killed at every point converges, and no control plane is made twice', { timeout: 120_000 }, async () => {
    for (let point = 0; ; point++) {
      const disk = new Disk();
      const killed = await killedAfter(disk, point, async () => init(disk));
      const { result } = await init(disk);
      expect(result.node).toBe('n1');
      const resets = disk.calls.filter((call) => call.startsWith('reset')).length;
      expect(completedInits(disk) - resets).toBeLessThanOrEqual(1);
      expect((await init(disk)).result.ran).toEqual([]);
      if (!killed) {
        expect(point).toBeGreaterThan(50);
        break;
      }
    }
  });

  it('is taken back by a reset, from every point and with the reset killed too', { timeout: 120_000 }, async () => {
    for (let point = 0; ; point += 3) {
      const disk = new Disk();
      const killed = await killedAfter(disk, point, async () => init(disk));
      await killedAfter(disk, point % 17, async () => reset(disk));
      await reset(disk);
      const left = [...disk.files.keys()].filter((path) => !path.startsWith('/run/'));
      expect(left, `killed at ${point}`).toEqual([]);
      if (!killed) break;
    }
  });

  it('is taken back with the logs of its pods, and no others', async () => {
    const disk = new Disk();
    disk.files.set('/var/log/pods/old/0.log', 'of an earlier cluster');
    await init(disk);
    expect([...disk.files.keys()].filter((path) => path.startsWith('/var/log/'))).toHaveLength(2);
    await reset(disk);
    expect([...disk.files.keys()].filter((path) => !path.startsWith('/run/'))).toEqual(['/var/log/pods/old/0.log']);
  });

  it('killed inside of kubeadm makes no other authority than the one it was given', { timeout: 120_000 }, async () => {
    const given = { '/etc/kubernetes/pki/ca.crt': CA.ca, '/etc/kubernetes/pki/ca.key': 'the key of the person' };
    const gone: number[] = [];
    for (let point = 0; ; point++) {
      const disk = new Disk();
      for (const [path, text] of Object.entries(given)) disk.files.set(path, text);
      const killed = await killedAfter(disk, point, async () => init(disk));
      try {
        await init(disk);
      } catch (error) {
        expect(error).toMatchObject({ code: 'OWN_CA_GONE' });
        gone.push(point);
        for (const [path, text] of Object.entries(given)) disk.files.set(path, text);
        await init(disk);
      }
      expect(disk.files.get('/etc/kubernetes/pki/ca.key')).toBe('the key of the person');
      if (!killed) break;
    }
    expect(gone).not.toEqual([]);
  });

  it('refuses what cannot be changed any more, and takes what can', async () => {
    const disk = new Disk();
    await init(disk);
    const other = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.101' } }, 'init', { name: 'the test' });
    await expect(init(disk, other)).rejects.toMatchObject({ code: 'CONFIG_CHANGED', exit: 2 });
    const pools = parseBootstrapConfig(
      { controlPlane: { vip: '10.0.0.100' }, services: { pools: { global: '10.0.0.120-10.0.0.140' } } },
      'init',
      { name: 'the test' },
    );
    expect((await init(disk, pools)).result.ran).toEqual(['config', 'services']);
  });

  it('says in its own words what kubeadm failed with, and goes on when that is mended', async () => {
    const disk = new Disk();
    disk.files.set('/var/lib/etcd/old', 'leftover');
    await expect(init(disk)).rejects.toMatchObject({ code: 'KUBEADM_FAILED', message: /DirAvailable/ });
    disk.files.delete('/var/lib/etcd/old');
    expect((await init(disk)).result.ran).toContain('kubeadm-init');
  });

  it('asks for a kubeadm that it knows', async () => {
    const disk = new Disk();
    disk.version = 'v1.21.0';
    await expect(init(disk)).rejects.toMatchObject({ code: 'KUBEADM_TOO_OLD', exit: 3 });
  });

  it('hands no code out that is good for longer than its token', async () => {
    const disk = new Disk();
    const machine = bootstrapMachine(disk);
    const { clock } = machine.parts;
    // Every call of kubeadm takes an hour.
    const at = (calls: number): number => Date.UTC(2026, 0, 1, calls);
    const parts = { ...machine.parts, clock: { ...clock, wall: () => new Date(at(disk.calls.length)) } };
    const slow = { ...machine, parts };
    const { joinCode } = await end(runInit(await planInit(slow, CONFIG), slow, OPTIONS));
    const began = disk.calls.findIndex((call) => call.startsWith('init --upload'));
    expect(joinCode?.expires.getTime()).toBe(at(began) + 2 * 3_600_000);
    const code = decodeJoinCode(joinCode?.text ?? '');
    expect(code).toMatchObject({ expires: joinCode?.expires });
  });

  it('voids no code when it only brings a cluster up to date', async () => {
    const disk = new Disk();
    await init(disk);
    const pools = { ...CONFIG, services: { ...CONFIG.services, pools: { global: '10.0.0.140-10.0.0.150' } } };
    const { result, joinCode } = await init(disk, pools);
    expect(result.ran).toEqual(['config', 'services']);
    expect(joinCode).toBeUndefined();
  });

  it('is begun anew, and not resumed, where nothing of an earlier one stands', async () => {
    const disk = new Disk();
    const lines = [
      { event: 'plan', plan: 'join-worker' },
      ...['started', 'undone'].map((event) => ({ event, step: 'machine', facts: {} })),
    ];
    disk.files.set('/var/lib/kubevip/journal.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect((await planInit(bootstrapMachine(disk), CONFIG)).resuming).toBe(false);
  });

  it('hands a new code out when the process that ran kubeadm is gone', async () => {
    const disk = new Disk();
    for (let point = 30; completedInits(disk) === 0; point++) {
      disk.files.clear();
      disk.objects.clear();
      await killedAfter(disk, point, async () => init(disk));
    }
    const { joinCode } = await init(disk);
    const code = decodeJoinCode(joinCode?.text ?? '');
    if ('fault' in code) throw new Error(code.fault);
    expect(disk.objects.has(`Secret/kube-system/bootstrap-token-${code.token.slice(0, 6)}`)).toBe(true);
    expect(disk.calls.some((call) => call.startsWith('init phase upload-certs'))).toBe(true);
  });
});

describe('a new join code', () => {
  const create = async (disk: Disk, machine = bootstrapMachine(disk)): Promise<NewCode> =>
    await end(newCode(machine, 'control-plane', undefined, OPTIONS.signal));

  it('is made by a control plane that has its authority, and else nothing is touched', async () => {
    const disk = new Disk();
    await init(disk);
    const { role, text } = await create(disk);
    expect([role, text.startsWith('kubevip1.')]).toEqual(['control-plane', true]);
    disk.files.delete('/etc/kubernetes/pki/ca.crt');
    const before = new Set(disk.objects.keys());
    await expect(create(disk)).rejects.toMatchObject({ code: 'NO_AUTHORITY', message: /pki\/ca\.crt/ });
    expect(new Set(disk.objects.keys())).toEqual(before);
  });

  it('leaves no earlier one that looks good, also when it is not made in the end', async () => {
    const disk = new Disk();
    await init(disk);
    const text = (value: string): string => Buffer.from(value).toString('base64');
    disk.objects.set('Secret/kube-system/bootstrap-token-abcdef', {
      type: 'bootstrap.kubernetes.io/token',
      metadata: { name: 'bootstrap-token-abcdef' },
      data: { 'token-id': text('abcdef'), description: text('kubevip join code (control-plane)') },
    } as never);
    disk.refusal = 'error: no space';
    await expect(create(disk)).rejects.toMatchObject({ code: 'KUBEADM_FAILED' });
    expect([...disk.objects.keys()].filter((key) => key.startsWith('Secret/'))).toEqual([]);
  });
});

describe('join', () => {
  async function codeOf(first: Disk): Promise<string> {
    return (await init(first)).joinCode?.text ?? '';
  }

  /** A second machine that sees the cluster of the first. */
  function second(first: Disk): Disk {
    const disk = new Disk();
    for (const [key, one] of first.objects) disk.objects.set(key, one);
    const authority = Buffer.from(first.files.get('/etc/kubernetes/pki/ca.crt') ?? '').toString('base64');
    const info = `clusters:\n  - name: ''\n    cluster: { certificate-authority-data: ${authority} }\n`;
    disk.objects.set('ConfigMap/kube-public/cluster-info', {
      metadata: { name: 'cluster-info' },
      data: new Proxy(
        { kubeconfig: info },
        { get: (data, key) => (key === 'kubeconfig' ? data.kubeconfig : 'signed') },
      ),
    } as never);
    disk.objects.set('Node//n1', {
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/control-plane': '' } },
    });
    disk.others.push('n1');
    return disk;
  }

  async function join(disk: Disk, code: string | undefined, role?: 'control-plane' | 'worker'): Promise<JoinResult> {
    const machine = bootstrapMachine(disk, { hostname: 'n2' });
    const input = {
      role,
      config: {},
      source: { name: 'the flags' },
      code: () => (code === undefined ? Promise.reject(new Error('asked for a code')) : Promise.resolve(code)),
    };
    return await end(runJoin(await planJoin(machine, input), machine, { signal: OPTIONS.signal, ignore: [] }));
  }

  it('puts the static pod in place only after kubeadm was done with the empty folder', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    const disk = second(first);
    expect(await join(disk, code)).toMatchObject({ role: 'control-plane', node: 'n2' });
    expect(disk.files.get('/etc/kubernetes/manifests/kubevip.yaml')).toContain('10.0.0.100');
    expect(disk.argv.join('\n')).not.toContain(code.slice(9, 40));
    // A finished join asks for no code.
    expect((await join(disk, undefined)).ran).toEqual([]);
  });

  it('tells preflight what the cluster says: its version, and that its name is taken', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    const disk = second(first);
    disk.objects.set('ConfigMap/kube-system/kubeadm-config', {
      metadata: { name: 'kubeadm-config' },
      data: { ClusterConfiguration: 'kubernetesVersion: v1.35.0\n' },
    } as never);
    disk.objects.set('Node//n2', { kind: 'Node', metadata: { name: 'n2' } });
    const asked: PreflightRequest[] = [];
    const machine = bootstrapMachine(disk, {
      hostname: 'n2',
      preflight: (request) => {
        asked.push(request);
        return Promise.resolve({ ok: true, findings: [] });
      },
    });
    const input = { role: undefined, config: {}, source: { name: 'the flags' }, code: () => Promise.resolve(code) };
    await end(runJoin(await planJoin(machine, input), machine, { signal: OPTIONS.signal, ignore: [] }));
    expect(asked).toMatchObject([{ kubernetesVersion: 'v1.35.0', takenNames: ['n2'], cluster: { port: 6443 } }]);
  });

  it('killed at every point converges', { timeout: 120_000 }, async () => {
    const first = new Disk();
    const code = await codeOf(first);
    for (const role of ['control-plane', 'worker'] as const) {
      for (let point = 0; ; point++) {
        const disk = second(first);
        const killed = await killedAfter(disk, point, async () => join(disk, code, role));
        await join(disk, code);
        expect(disk.objects.has('Node//n2')).toBe(true);
        expect((await join(disk, undefined)).ran).toEqual([]);
        if (!killed) break;
      }
    }
  });

  it('is taken back with its node object, and leaves nothing', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    const disk = second(first);
    await join(disk, code);
    const machine = bootstrapMachine(disk, { hostname: 'n2' });
    await end(runReset(await planReset(machine), machine, OPTIONS.signal));
    expect([...disk.files.keys()]).toEqual([]);
    expect(disk.objects.has('Node//n2')).toBe(false);
    expect(disk.objects.has('Node//n1')).toBe(true);
  });

  it('tells wrong codes apart before anything is done', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    const disk = second(first);
    await expect(join(disk, code.slice(0, -8))).rejects.toMatchObject({ code: 'BAD_JOIN_CODE', message: /not whole/ });
    await expect(
      join(disk, `${code.slice(0, 40)}${code[40] === 'x' ? 'y' : 'x'}${code.slice(41)}`),
    ).rejects.toMatchObject({ code: 'BAD_JOIN_CODE' });
    const info = disk.objects.get('ConfigMap/kube-public/cluster-info') as unknown as { data: Record<string, string> };
    disk.objects.set('ConfigMap/kube-public/cluster-info', {
      metadata: { name: 'cluster-info' },
      data: { kubeconfig: info.data['kubeconfig'] },
    } as never);
    await expect(join(disk, code)).rejects.toMatchObject({ code: 'JOIN_CODE_REVOKED' });
    expect([...disk.files.keys()]).toEqual([]);
  });

  it('says which name is taken, unless it is its own of an earlier try', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    const disk = second(first);
    disk.refusal = 'error: a Node with name "n2" and status "Ready" already exists in the cluster.';
    await expect(join(disk, code)).rejects.toMatchObject({ code: 'NODE_NAME_TAKEN' });
    setTimeout(() => (disk.refusal = undefined), 30);
    expect((await join(disk, code)).ran).toContain('kubeadm-join');
  });

  it('does not turn a control plane into a worker, nor join twice', async () => {
    const first = new Disk();
    const code = await codeOf(first);
    await expect(join(first, code)).rejects.toMatchObject({ code: 'OTHER_PLAN' });
    const disk = second(first);
    await join(disk, code, 'worker');
    await expect(join(disk, code, 'control-plane')).rejects.toMatchObject({ code: 'OTHER_PLAN' });
    await expect(planInit(bootstrapMachine(disk), CONFIG)).rejects.toMatchObject({ code: 'OTHER_PLAN' });
  });
});
