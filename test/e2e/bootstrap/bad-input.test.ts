/** What people get wrong: one clear error, the exit code for it, and nothing that a re-run or reset does not mend. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeJoinCode, encodeJoinCode, type JoinCode } from '../../../src/cluster/join-code.ts';
import { EXIT } from '../../../src/model/errors.ts';
import { kubevip, startKubevip } from '../../support/kubeadm/kubevip.ts';
import type { Node } from '../../support/kubeadm/machine.ts';
import { createWorld, type World } from '../../support/kubeadm/world.ts';
import { eventually } from '../../support/netns.ts';

const VIP = '10.77.0.100';
const ADMIN = '/etc/kubernetes/admin.conf';

let world: World<'n1' | 'n2' | 'n3'>;
let blank: string[] = [];
let code = '';

beforeAll(async () => {
  world = await createWorld({ nodes: ['n1', 'n2', 'n3'] });
  blank = await world.nodes.n2.snapshot();
});
afterAll(async () => await world[Symbol.asyncDispose]());

/** What a refused command leaves: nothing but perhaps its own notes, which a reset takes away. */
async function expectBlank(node: Node, was: readonly string[]): Promise<void> {
  await kubevip(node, ['reset', '--yes']);
  const after = await node.snapshot();
  expect(after.filter((line) => !was.includes(line))).toEqual([]);
}

/** The stable name of an error. */
function codeIn(stderr: string): string | undefined {
  return /^Code: (\w+)$/m.exec(stderr)?.[1];
}

describe('init refuses', () => {
  it.each<[string, string[], number, string, RegExp]>([
    [
      'a VIP that a machine has',
      ['--vip', '10.77.0.200'],
      EXIT.preflight,
      'PREFLIGHT',
      /^Error: .*10\.77\.0\.200.*(in use|answers|taken)/im,
    ],
    [
      'a VIP outside of every subnet',
      ['--vip', '192.168.9.9'],
      EXIT.preflight,
      'PREFLIGHT',
      /^Error: .*192\.168\.9\.9/m,
    ],
    ['a VIP that is no address', ['--vip', '10.77.0.999'], EXIT.usage, 'BAD_BOOTSTRAP_CONFIG', /10\.77\.0\.999/],
    ['no VIP at all', [], EXIT.usage, 'BAD_BOOTSTRAP_CONFIG', /--vip: is needed/],
    ['a pool that is none', ['--vip', VIP, '--pool', 'many'], EXIT.usage, 'BAD_BOOTSTRAP_CONFIG', /--pool: "many"/],
    [
      'a version newer than kubeadm',
      ['--vip', VIP, '--kubernetes-version', 'v1.99.0'],
      EXIT.preflight,
      'PREFLIGHT',
      /^Error: .*kubeadm is v1\.36\.2, the cluster shall be v1\.99\.0/m,
    ],
    [
      'a configuration file that is not there',
      ['--config', '/root/nowhere.yaml'],
      EXIT.usage,
      'BAD_CONFIG_FILE',
      /nowhere\.yaml/,
    ],
    [
      'a runtime that is not there',
      ['--vip', VIP, '--cri-socket', '/run/nothing.sock'],
      EXIT.preflight,
      'PREFLIGHT',
      /^Error: .*nothing\.sock/m,
    ],
  ])('%s', async (_what, args, exit, name, message) => {
    const { n2 } = world.nodes;
    const { code: ended, stdout, stderr } = await kubevip(n2, ['init', '--yes', ...args]);
    expect([ended, stdout, codeIn(stderr)], stderr).toEqual([exit, '', name]);
    expect(stderr).toMatch(message);
    await expectBlank(n2, blank);
  });

  it('a container runtime that does not run', async () => {
    const { n2 } = world.nodes;
    await n2.must(['systemctl', 'stop', 'containerd']);
    const { code: ended, stderr } = await kubevip(n2, ['init', '--yes', '--vip', VIP]);
    await n2.must(['systemctl', 'start', 'containerd']);
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.preflight, 'PREFLIGHT']);
    expect(stderr).toMatch(/^Error: .*(containerd|container runtime)/m);
  });

  it('a folder that cannot be written', async () => {
    const { n2 } = world.nodes;
    await n2.must(['sh', '-c', 'mkdir -p /var/lib/kubevip && mount -t tmpfs -o ro tmpfs /var/lib/kubevip']);
    const { code: ended, stderr } = await kubevip(n2, ['init', '--yes', '--vip', VIP]);
    await n2.must(['umount', '/var/lib/kubevip']);
    await n2.must(['rmdir', '/var/lib/kubevip']);
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.preflight, 'PREFLIGHT']);
    expect(stderr).toContain('/var/lib/kubevip is on a read-only file system');
  });

  it('to go on after Ctrl-C, and goes on when asked again', async () => {
    const { n1 } = world.nodes;
    const running = startKubevip(n1, ['init', '--yes', '--vip', VIP]);
    await eventually(
      'kubeadm runs',
      () => n1.trace().some(({ event, name }) => event === 'phase' && name === 'control-plane'),
      60_000,
    );
    await n1.must(['pkill', '-INT', '-f', 'bin/dev.js init']);
    const { code: ended, stderr } = await running.done;
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.interrupted, 'INTERRUPTED']);
    const again = await kubevip(n1, ['init', '--yes', '--vip', VIP]);
    expect(again.code, again.stderr).toBe(0);
    code = /kubevip1\.\S+/.exec(again.stdout)?.[0] ?? '';
  }, 180_000);

  it('a second init of another cluster on a machine that has one', async () => {
    const { n1 } = world.nodes;
    const { code: ended, stderr } = await kubevip(n1, ['init', '--yes', '--vip', '10.77.0.101']);
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.usage, 'CONFIG_CHANGED']);
    expect((await n1.ask(ADMIN, 'GET', '/api/v1/nodes')).code).toBe(200);
  });
});

describe('join refuses', () => {
  const altered = (text: string, at: number): string => {
    const other = text[at] === 'A' ? 'B' : 'A';
    return `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
  };
  it.each<[string, () => string, string, RegExp]>([
    ['what is no code', () => 'hello', 'BAD_JOIN_CODE', /is not a join code/],
    ['a code cut off', () => code.slice(0, -9), 'BAD_JOIN_CODE', /not whole/i],
    ['a code with a slip in it', () => altered(code, 30), 'BAD_JOIN_CODE', /mistyped|checksum|wrong/i],
    ['a code of another version', () => code.replace('kubevip1.', 'kubevip9.'), 'BAD_JOIN_CODE', /version/i],
    ['no code at all', () => '', 'NO_JOIN_CODE', /standard input/i],
  ])('%s', async (_what, text, name, message) => {
    const { n2 } = world.nodes;
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: text() });
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.usage, name]);
    expect(stderr).toMatch(message);
    await expectBlank(n2, blank);
  });

  const changed = (change: Partial<JoinCode>): string => {
    const decoded = decodeJoinCode(code);
    if ('fault' in decoded) throw new Error(decoded.fault);
    return encodeJoinCode({ ...decoded, ...change });
  };
  it.each<[string, Partial<JoinCode>, number, string]>([
    ['a code of another cluster', { caHash: '0'.repeat(64) }, EXIT.failed, 'WRONG_CLUSTER'],
    ['a code with another secret', { token: 'abcdef.0123456789abcdef' }, EXIT.failed, 'JOIN_CODE_REVOKED'],
    ['a code that has expired', { expires: new Date(Date.now() - 1000) }, EXIT.usage, 'JOIN_CODE_EXPIRED'],
  ])(
    '%s',
    async (_what, change, exit, name) => {
      const { n2 } = world.nodes;
      const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: changed(change) });
      expect([ended, codeIn(stderr)], stderr).toEqual([exit, name]);
      await expectBlank(n2, blank);
    },
    120_000,
  );

  it('a machine whose disk is full, and goes on when there is space again', async () => {
    const { n1, n3 } = world.nodes;
    const was = await n3.snapshot();
    const made = await kubevip(n1, ['join-code', 'create']);
    await n3.must([
      'sh',
      '-c',
      'mkdir -p /var/lib/kubevip && mount -t tmpfs -o size=4k tmpfs /var/lib/kubevip && cat /dev/zero >/var/lib/kubevip/full || true',
    ]);
    const { code: ended, stderr } = await kubevip(n3, ['join', '-', '--yes'], { input: made.stdout });
    await n3.must(['umount', '/var/lib/kubevip']);
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.failed, 'FILE_NOT_WRITTEN']);
    expect(stderr).toContain('no space left on the disk');
    const again = await kubevip(n3, ['join', '-', '--yes'], { input: made.stdout });
    expect(again.code, again.stderr).toBe(0);
    await expectBlank(n3, was);
  }, 180_000);

  it('a code that has been revoked', async () => {
    const { n1, n2 } = world.nodes;
    const tokens = (await n1.must(['kubeadm', 'token', 'list'])).match(/^[a-z0-9]{6}\.[a-z0-9]{16}/gm) ?? [];
    for (const token of tokens) await n1.must(['kubeadm', 'token', 'delete', token]);
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: code });
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.failed, 'JOIN_CODE_REVOKED']);
    await expectBlank(n2, blank);
  }, 180_000);

  it('when nobody answers at the virtual IP', async () => {
    const { n1, n2 } = world.nodes;
    const made = await kubevip(n1, ['join-code', 'create']);
    await n1.setCable(false);
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: made.stdout });
    await n1.setCable(true);
    expect([ended, codeIn(stderr)], stderr).toEqual([EXIT.unreachable, 'CLUSTER_UNREACHABLE']);
    expect(stderr).toContain(VIP);
    await expectBlank(n2, blank);
  }, 180_000);
});
