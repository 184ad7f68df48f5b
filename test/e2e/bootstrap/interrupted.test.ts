/** kill -9 at every boundary of init, join and reset, and in the middle of kubeadm: the same command goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journalLines, killedAtEveryEntry, kubevip, startKubevip } from '../../support/kubeadm/kubevip.ts';
import type { Node } from '../../support/kubeadm/machine.ts';
import { createWorld, type World } from '../../support/kubeadm/world.ts';
import { eventually } from '../../support/netns.ts';

const VIP = '10.77.0.100';
const INIT = ['init', '--vip', VIP, '--pool', '10.77.0.120-10.77.0.129', '--yes'];
const ADMIN = '/etc/kubernetes/admin.conf';

let world: World<'n1' | 'n2' | 'w1'>;
const before = new Map<Node, string[]>();
let code = '';

beforeAll(async () => {
  world = await createWorld({ nodes: ['n1', 'n2', 'w1'] });
  for (const node of Object.values<Node>(world.nodes)) before.set(node, await node.snapshot());
});
afterAll(async () => await world[Symbol.asyncDispose]());

/**
 * Every step is done, and nothing that was done was done again unless it had been taken back in between: by its own
 * undoing, or by that of kubeadm, which is `kubeadm reset` and takes the work of earlier steps along.
 */
function expectDoneOnce(node: Node): void {
  const lines = journalLines(node);
  const [done, twice]: [Set<string>, string[]] = [new Set(), []];
  for (const line of lines) {
    const [event, step = ''] = line.split(' ');
    if (event === 'undone' && step.startsWith('kubeadm')) done.clear();
    else if (event === 'undone') done.delete(step);
    else if (event === 'done' && done.has(step)) twice.push(step);
    else if (event === 'done') done.add(step);
  }
  expect(twice).toEqual([]);
  const last = new Map(lines.map((line) => [line.split(' ')[1], line.split(' ')[0]]));
  expect([...last].filter(([, event]) => event !== 'done')).toEqual([]);
}

/** How often kubeadm came so far as to change the cluster. */
function finished(node: Node, phase: string): number {
  return node.trace().filter(({ event, name }) => event === 'phase' && name === phase).length;
}

describe('killed at every entry of the journal', () => {
  it('init converges, and its side effects happen once', async () => {
    const { n1 } = world.nodes;
    const { after, last } = await killedAtEveryEntry(n1, INIT);
    expect(last.code, last.stderr).toBe(0);
    expect(after.length).toBeGreaterThan(10);
    expectDoneOnce(n1);
    // A run that was killed right after it had announced kubeadm may have begun it; only one has come to the end.
    expect(finished(n1, 'bootstrap-token')).toBe(1);
    const again = await kubevip(n1, INIT);
    expect(again.code, again.stderr).toBe(0);
    const made = await kubevip(n1, ['join-code', 'create']);
    expect(made.code, made.stderr).toBe(0);
    code = made.stdout.trim();
  }, 240_000);

  it.each([
    ['n2', ['join', '-', '--yes'], 'control-plane-join'],
    ['w1', ['join', '-', '--worker', '--yes'], 'kubelet-wait-bootstrap'],
  ] as const)(
    'join of %s converges, and its side effects happen once',
    async (name, args, phase) => {
      const node = world.nodes[name];
      const { last } = await killedAtEveryEntry(node, args, { input: code });
      expect(last.code, last.stderr).toBe(0);
      expectDoneOnce(node);
      expect(finished(node, phase)).toBe(1);
      const { code: found } = await world.nodes.n1.ask(ADMIN, 'GET', `/api/v1/nodes/${name}`);
      expect(found).toBe(200);
    },
    240_000,
  );

  it.each(['w1', 'n2', 'n1'] as const)(
    'reset of %s converges, and leaves nothing',
    async (name) => {
      const node = world.nodes[name];
      const { last } = await killedAtEveryEntry(node, ['reset', '--yes']);
      expect(last.code, last.stderr).toBe(0);
      const after = await node.snapshot();
      const was = before.get(node) ?? [];
      expect([after.filter((line) => !was.includes(line)), was.filter((line) => !after.includes(line))]).toEqual([
        [],
        [],
      ]);
    },
    240_000,
  );
});

describe('killed inside of kubeadm init', () => {
  it.each([
    ['alone, while kubeadm writes certificates', 'kubeconfig', false],
    ['with kubeadm, while it waits for the control plane', 'wait-control-plane', true],
    ['with kubeadm, near its end', 'bootstrap-token', true],
  ] as const)(
    '%s, it converges',
    async (_what, phase, everything) => {
      const { n1 } = world.nodes;
      const seen = finished(n1, phase);
      const running = startKubevip(n1, INIT);
      await eventually(`kubeadm is at ${phase}`, () => finished(n1, phase) > seen, 60_000);
      if (everything) running.killAll();
      else running.kill();
      await running.done;
      const { code: exit, stderr } = await kubevip(n1, INIT);
      expect(exit, stderr).toBe(0);
      await eventually('the API answers at the VIP', async () =>
        (await world.laptop.run(['curl', '-sk', '--max-time', '1', `https://${VIP}:6443/version`])).stdout.includes(
          'v1.36.2',
        ),
      );
      expectDoneOnce(n1);
      const reset = await kubevip(n1, ['reset', '--yes']);
      expect(reset.code, reset.stderr).toBe(0);
    },
    180_000,
  );

  it('power lost in the middle, it converges', async () => {
    const { n1 } = world.nodes;
    const seen = finished(n1, 'upload-config');
    const running = startKubevip(n1, INIT);
    await eventually('kubeadm uploads', () => finished(n1, 'upload-config') > seen, 60_000);
    await n1.powerOff();
    await running.done;
    await n1.powerOn();
    const { code: exit, stderr } = await kubevip(n1, INIT);
    expect(exit, stderr).toBe(0);
    expectDoneOnce(n1);
    const reset = await kubevip(n1, ['reset', '--yes']);
    expect(reset.code, reset.stderr).toBe(0);
  }, 180_000);
});
