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

describe('init refuses', () => {
  it.each<[string, string[], number, RegExp]>([
    ['a VIP that a machine has', ['--vip', '10.77.0.200'], EXIT.preflight, /10\.77\.0\.200.*(in use|answers|taken)/i],
    ['a VIP outside of every subnet', ['--vip', '192.168.9.9'], EXIT.preflight, /192\.168\.9\.9/],
    ['a VIP that is no address', ['--vip', '10.77.0.999'], EXIT.usage, /10\.77\.0\.999/],
    ['no VIP at all', [], EXIT.usage, /vip/i],
    ['a pool that is none', ['--vip', VIP, '--pool', 'many'], EXIT.usage, /many/],
    ['a version newer than kubeadm', ['--vip', VIP, '--kubernetes-version', 'v1.99.0'], EXIT.preflight, /1\.99/],
    ['a configuration file that is not there', ['--config', '/root/nowhere.yaml'], EXIT.usage, /nowhere\.yaml/],
    [
      'a runtime that is not there',
      ['--vip', VIP, '--cri-socket', '/run/nothing.sock'],
      EXIT.preflight,
      /nothing\.sock/,
    ],
  ])('%s', async (_what, args, exit, message) => {
    const { n2 } = world.nodes;
    const { code: ended, stdout, stderr } = await kubevip(n2, ['init', '--yes', ...args]);
    expect([ended, stdout], stderr).toEqual([exit, '']);
    expect(stderr).toMatch(message);
    await expectBlank(n2, blank);
  });

  it('a container runtime that does not run', async () => {
    const { n2 } = world.nodes;
    await n2.must(['systemctl', 'stop', 'containerd']);
    const { code: ended, stderr } = await kubevip(n2, ['init', '--yes', '--vip', VIP]);
    expect([ended, stderr]).toEqual([EXIT.preflight, expect.stringMatching(/containerd|container runtime/i)]);
    await n2.must(['systemctl', 'start', 'containerd']);
  });

  it('a folder that cannot be written', async () => {
    const { n2 } = world.nodes;
    await n2.must(['sh', '-c', 'mkdir -p /var/lib/kubevip && mount -t tmpfs -o ro tmpfs /var/lib/kubevip']);
    const { code: ended, stderr } = await kubevip(n2, ['init', '--yes', '--vip', VIP]);
    await n2.must(['umount', '/var/lib/kubevip']);
    await n2.must(['rmdir', '/var/lib/kubevip']);
    expect(ended, stderr).toBeGreaterThan(0);
    expect(ended, stderr).toBeLessThan(EXIT.bug);
    expect(stderr).toContain('/var/lib/kubevip');
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
    expect(ended, stderr).toBe(EXIT.interrupted);
    const again = await kubevip(n1, ['init', '--yes', '--vip', VIP]);
    expect(again.code, again.stderr).toBe(0);
    code = /kubevip1\.\S+/.exec(again.stdout)?.[0] ?? '';
  }, 180_000);

  it('a second init of another cluster on a machine that has one', async () => {
    const { n1 } = world.nodes;
    const { code: ended, stderr } = await kubevip(n1, ['init', '--yes', '--vip', '10.77.0.101']);
    expect(ended, stderr).toBeGreaterThan(0);
    expect(ended, stderr).toBeLessThan(EXIT.bug);
    expect((await n1.ask(ADMIN, 'GET', '/api/v1/nodes')).code).toBe(200);
  });
});

describe('join refuses', () => {
  const altered = (text: string, at: number): string => {
    const other = text[at] === 'A' ? 'B' : 'A';
    return `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
  };
  it.each<[string, () => string, RegExp]>([
    ['what is no code', () => 'hello', /code/i],
    ['a code cut off', () => code.slice(0, -9), /not whole/i],
    ['a code with a slip in it', () => altered(code, 30), /mistyped|checksum|wrong/i],
    ['a code of another version', () => code.replace('kubevip1.', 'kubevip9.'), /version/i],
    ['no code at all', () => '', /code/i],
  ])('%s', async (_what, text, message) => {
    const { n2 } = world.nodes;
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: text() });
    expect([ended, stderr]).toEqual([EXIT.usage, expect.stringMatching(message)]);
    await expectBlank(n2, blank);
  });

  const changed = (change: Partial<JoinCode>): string => {
    const decoded = decodeJoinCode(code);
    if ('fault' in decoded) throw new Error(decoded.fault);
    return encodeJoinCode({ ...decoded, ...change });
  };
  it.each<[string, Partial<JoinCode>, number, RegExp]>([
    ['a code of another cluster', { caHash: '0'.repeat(64) }, EXIT.failed, /CA|authority|cluster|certificate/i],
    ['a code with another secret', { token: 'abcdef.0123456789abcdef' }, EXIT.failed, /code|token/i],
    ['a code that has expired', { expires: new Date(Date.now() - 1000) }, EXIT.usage, /expired/i],
  ])(
    '%s',
    async (_what, change, exit, message) => {
      const { n2 } = world.nodes;
      const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: changed(change) });
      expect([ended, stderr]).toEqual([exit, expect.stringMatching(message)]);
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
    expect(ended, stderr).toBeGreaterThan(0);
    expect(ended, stderr).toBeLessThan(EXIT.bug);
    expect(stderr).toMatch(/space|full/i);
    await n3.must(['umount', '/var/lib/kubevip']);
    const again = await kubevip(n3, ['join', '-', '--yes'], { input: made.stdout });
    expect(again.code, again.stderr).toBe(0);
    await expectBlank(n3, was);
  }, 180_000);

  it('a code that has been revoked', async () => {
    const { n1, n2 } = world.nodes;
    const tokens = (await n1.must(['kubeadm', 'token', 'list'])).match(/^[a-z0-9]{6}\.[a-z0-9]{16}/gm) ?? [];
    for (const token of tokens) await n1.must(['kubeadm', 'token', 'delete', token]);
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: code });
    expect(ended, stderr).toBeGreaterThan(0);
    expect(ended, stderr).toBeLessThan(EXIT.bug);
    expect(stderr).toMatch(/code|token/i);
    await expectBlank(n2, blank);
  }, 180_000);

  it('when nobody answers at the virtual IP', async () => {
    const { n1, n2 } = world.nodes;
    const made = await kubevip(n1, ['join-code', 'create']);
    await n1.setCable(false);
    const { code: ended, stderr } = await kubevip(n2, ['join', '-', '--yes'], { input: made.stdout });
    await n1.setCable(true);
    expect([EXIT.preflight, EXIT.unreachable, EXIT.timeout, EXIT.failed]).toContain(ended);
    expect(stderr).toContain(VIP);
    await expectBlank(n2, blank);
  }, 180_000);
});
