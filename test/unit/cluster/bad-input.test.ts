/** What people get wrong at `init` and `join`: a clear error with its exit code, nothing done, and no secret told. */
import { beforeEach, describe, expect, it } from 'vitest';
import { shownError } from '../../../src/cli/errors.ts';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { encodeJoinCode, type JoinCode } from '../../../src/cluster/join-code.ts';
import { publicKeyHash } from '../../../src/cluster/kubeconfig.ts';
import { runPreflight } from '../../../src/cluster/preflight/run.ts';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';
import type { Machine } from '../../../src/workflows/bootstrap/machine.ts';
import { planInit, runInit } from '../../../src/workflows/bootstrap/init.ts';
import { planJoin, runJoin } from '../../../src/workflows/bootstrap/join.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { bootstrapMachine, Disk } from '../../support/bootstrap-machine.ts';
import { createFakeMachine, LAPTOP_MAC, VIP, type FakeMachine } from '../../support/fake-machine.ts';

const signal = new AbortController().signal;
const TOKEN = 'abcdef.0123456789abcdef';
const KEY = 'cd'.repeat(32);
const CA = (await servingCertificate(undefined, ['10.0.0.1'], new Date())).ca;

let disk: Disk;
let fake: FakeMachine;
/** All that was told on the way. */
let told: Step[];
beforeEach(() => {
  [disk, fake, told] = [new Disk(), createFakeMachine(), []];
  for (const line of ['kubeadm version -o short', 'kubelet --version', 'kubectl version --client']) {
    fake.commands.set(line, { stdout: `Client Version: v1.36.0\n` });
  }
});

function machineOf(): Machine {
  const base = bootstrapMachine(disk, { preflight: async (request) => runPreflight(fake.parts, request) });
  return { ...base, parts: { ...base.parts, kernel: { ...base.parts.kernel, links: () => fake.links } } };
}

async function failureOf(work: () => Promise<AsyncGenerator<Step, unknown>>): Promise<unknown> {
  try {
    const steps = await work();
    for (let next = await steps.next(); next.done !== true; next = await steps.next()) told.push(next.value);
  } catch (error) {
    return error;
  }
  throw new Error('it went well');
}

async function init(vip: string = VIP): Promise<unknown> {
  const machine = machineOf();
  const config = parseBootstrapConfig({ controlPlane: { vip } }, 'init', { name: 'the test' });
  const options = { signal, withCode: true, ignore: [] };
  return failureOf(async () => runInit(await planInit(machine, config), machine, options));
}

function codeWith(more: Partial<JoinCode> = {}): string {
  return encodeJoinCode({
    role: 'control-plane',
    endpoint: '192.168.1.40:6443',
    token: TOKEN,
    caHash: publicKeyHash(CA),
    certificateKey: KEY,
    families: [4],
    expires: new Date('2099-01-01'),
    ...more,
  });
}

/** With a cluster that answers and knows the token. */
async function join(code: string, stop: AbortSignal = signal): Promise<unknown> {
  disk.others.push('n1');
  const authority = Buffer.from(CA).toString('base64');
  const kubeconfig = `clusters: [{ name: a, cluster: { certificate-authority-data: ${authority} } }]`;
  disk.objects.set('ConfigMap/kube-public/cluster-info', {
    metadata: { name: 'cluster-info' },
    data: { kubeconfig, 'jws-kubeconfig-abcdef': 'signed' },
  } as never);
  const machine = machineOf();
  const input = { role: undefined, config: {}, source: { name: 'the flags' }, code: () => Promise.resolve(code) };
  return failureOf(async () => runJoin(await planJoin(machine, input), machine, { signal: stop, ignore: [] }));
}

/** Words, code and exit code; and that nothing was done or given away. */
function expectRefusal(failure: unknown, expected: { code: string; exit: number; words: RegExp }): void {
  const shown = shownError(failure);
  expect(shown).toMatchObject({ code: expected.code, exit: expected.exit });
  expect(`${shown?.message ?? ''}\n${shown?.hints.join('\n') ?? ''}`).toMatch(expected.words);
  expect(shown?.hints.length).toBeGreaterThan(0);
  expect([...disk.files.keys()]).toEqual([]);
  expect(disk.calls.filter((call) => !call.startsWith('version'))).toEqual([]);
  const all = JSON.stringify([shown, told, disk.argv]);
  for (const secret of [TOKEN, TOKEN.slice(7), KEY]) expect(all).not.toContain(secret);
}

const preflight = (words: RegExp): { code: string; exit: number; words: RegExp } => ({
  code: 'PREFLIGHT',
  exit: 3,
  words,
});

describe('init', () => {
  it.each<[string, () => void, RegExp]>([
    ['a VIP in use', () => fake.users.set(VIP, LAPTOP_MAC), /192\.168\.1\.40 is in use by/],
    ['no runtime', () => fake.runtimes.clear(), /no container runtime is running/],
    ['a read-only path', () => fake.unwritable.set('/etc', 'read-only'), /read-only file system/],
    ['no space', () => fake.free.set('/var/lib', 1 << 20), /\/var\/lib/],
    ['a clock that is years off', () => (fake.now = new Date('2001-01-01')), /the clock says 2001/],
    ['a node of another cluster', () => fake.files.set('/etc/kubernetes/kubelet.conf', ''), /is, or was, a node/],
  ])('refuses %s', async (_what, inject, words) => {
    inject();
    expectRefusal(await init(), preflight(words));
  });

  it('refuses a VIP outside the subnet', async () => {
    expectRefusal(await init('192.168.2.40'), preflight(/192\.168\.2\.40 is in no subnet of/));
  });

  it('refuses a version that is too old', async () => {
    disk.version = 'v1.20.3';
    expectRefusal(await init(), { code: 'KUBEADM_TOO_OLD', exit: 3, words: /v1\.20\.3 is not supported/ });
  });
});

describe('join', () => {
  it.each<[string, string, { code: string; exit: number; words: RegExp }]>([
    ['a truncated code', codeWith().slice(0, -10), { code: 'BAD_JOIN_CODE', exit: 2, words: /not whole/ }],
    [
      'a mistyped code',
      codeWith().replace(/.(?=.{30}$)/, (letter) => (letter === 'A' ? 'B' : 'A')),
      { code: 'BAD_JOIN_CODE', exit: 2, words: /wrong letter/ },
    ],
    [
      'a code that ran out',
      codeWith({ expires: new Date('2020-01-01') }),
      { code: 'JOIN_CODE_EXPIRED', exit: 2, words: /2020/ },
    ],
    [
      'the hash of another authority',
      codeWith({ caHash: 'ab'.repeat(32) }),
      { code: 'WRONG_CLUSTER', exit: 1, words: /certificate authority is another one/ },
    ],
    [
      'a token that was revoked',
      codeWith({ token: 'zzzzzz.0123456789abcdef' }),
      { code: 'JOIN_CODE_REVOKED', exit: 1, words: /join-code create/ },
    ],
  ])('refuses %s', async (_what, code, expected) => {
    expectRefusal(await join(code), expected);
  });

  it('ends at Ctrl-C while the cluster is asked, and is not told as a cluster that is away', async () => {
    const stop = new AbortController();
    const get = disk.objects.get.bind(disk.objects);
    disk.objects.get = (key) => {
      if (key === 'ConfigMap/kube-public/cluster-info') {
        stop.abort();
        throw new Error('called off');
      }
      return get(key);
    };
    expectRefusal(await join(codeWith(), stop.signal), {
      code: 'INTERRUPTED',
      exit: 130,
      words: /Nothing was changed/,
    });
  });

  it.each<[string, () => void, RegExp]>([
    [
      'a clock that is off from the cluster’s',
      () => (fake.remote = { state: 'told', time: new Date('2026-06-01T13:00:00Z') }),
      /the clock is 3600 s behind that of the cluster/,
    ],
    ['no runtime', () => fake.runtimes.clear(), /no container runtime is running/],
    [
      'a kubelet newer than the cluster',
      () =>
        void disk.objects.set('ConfigMap/kube-system/kubeadm-config', {
          metadata: { name: 'kubeadm-config' },
          data: { ClusterConfiguration: 'kubernetesVersion: v1.34.0' },
        } as never),
      /kubelet is v1\.36\.0, the API server is v1\.34\.0/,
    ],
    [
      'a name that is taken',
      () => void disk.objects.set('Node//n1', { kind: 'Node', metadata: { name: 'n1' } }),
      /there is a node n1 in the cluster already/,
    ],
  ])('refuses %s', async (_what, inject, words) => {
    fake.facts = { ...fake.facts, hostname: 'n1' };
    inject();
    expectRefusal(await join(codeWith()), preflight(words));
  });
});
