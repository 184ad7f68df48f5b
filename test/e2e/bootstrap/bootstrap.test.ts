/** From blank machines to a highly available cluster and back, over the stand-in for kubeadm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { kubevip, journalLines } from '../../support/kubeadm/kubevip.ts';
import type { Node } from '../../support/kubeadm/machine.ts';
import { createWorld, type World } from '../../support/kubeadm/world.ts';
import { eventually } from '../../support/netns.ts';
import { callTheRoll, type RollCall } from '../../support/roll-call.ts';

const VIP = '10.77.0.100';
const INIT = ['init', '--vip', VIP, '--pool', '10.77.0.120-10.77.0.129', '--yes'];
const ADMIN = '/etc/kubernetes/admin.conf';
const AGENT = '/etc/kubernetes/kubevip/agent.conf';
const NAMES = ['n1', 'n2', 'n3', 'w1'] as const;

let world: World<(typeof NAMES)[number]>;
let before: Record<string, string[]> = {};
let code = '';

/** What the API says of its version at the VIP, asked from a machine that is no node. */
async function apiAtVip(): Promise<string> {
  const { stdout } = await world.laptop.run(['curl', '-sk', '--max-time', '1', `https://${VIP}:6443/version`]);
  return stdout;
}

/** Whose card has the MAC that answers for the VIP last. */
function ownerIn(roll: RollCall): Node | undefined {
  const mac = roll.answers().findLast((macs) => macs.length > 0)?.[0];
  return Object.values<Node>(world.nodes).find((node) => node.mac === mac);
}

beforeAll(async () => {
  world = await createWorld({ nodes: NAMES });
  const lines = await Promise.all(NAMES.map(async (name) => [name, await world.nodes[name].snapshot()] as const));
  before = Object.fromEntries(lines);
});
afterAll(async () => await world[Symbol.asyncDispose]());

describe('kubevip init', () => {
  it('ends in a control plane whose API answers at the virtual IP', async () => {
    const { n1 } = world.nodes;
    const { code: exit, stdout, stderr } = await kubevip(n1, INIT);
    expect(exit, stderr).toBe(0);
    code = /kubevip1\.\S+/.exec(stdout)?.[0] ?? '';
    expect(code).not.toBe('');
    expect(await eventually('the API answers at the VIP', apiAtVip)).toContain('v1.36.2');
    expect(await n1.must(['cat', '/root/.kube/config'])).toContain(`https://${VIP}:6443`);
  });

  it('has a certificate for the virtual IP and the name on the LAN', async () => {
    const { n1 } = world.nodes;
    const names = await n1.must([
      'openssl',
      'x509',
      '-noout',
      '-ext',
      'subjectAltName',
      '-in',
      '/etc/kubernetes/pki/apiserver.crt',
    ]);
    expect(names).toContain(`IP Address:${VIP}`);
    expect(names).toContain('DNS:kubevip.local');
  });

  it('gives the agent the rights to its Lease and to read Nodes, and no other', async () => {
    const { n1 } = world.nodes;
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/plndr-cp-lock';
    const may = async (path: string): Promise<number> => (await n1.ask(AGENT, 'GET', path)).code;
    // Nodes: where the API servers are that the VIP is spread over.
    expect([await may(lease), await may('/api/v1/nodes')]).toEqual([200, 200]);
    const others = ['/api/v1/pods', '/api/v1/secrets', '/api/v1/namespaces/kube-system/secrets/kubeadm-certs'];
    expect(await Promise.all(others.map(may))).toEqual([403, 403, 403]);
    // What it sees of the node is its own folder, read-only.
    const pid = (await n1.must(['pgrep', '-f', 'agent/main'])).split('\n')[0] ?? '';
    const seen = await n1.must([
      'nsenter',
      '--target',
      pid,
      '--mount',
      'sh',
      '-c',
      'find /etc/kubernetes -type f; touch /etc/kubernetes/kubevip/x 2>&1 || true',
    ]);
    expect(seen).toContain('/etc/kubernetes/kubevip/agent.conf');
    expect(seen).not.toMatch(/admin\.conf|ca\.key/);
    expect(seen).toContain('Read-only file system');
  });

  it('run again changes nothing, and says so quickly', async () => {
    const { n1 } = world.nodes;
    const [journal, calls] = [journalLines(n1), n1.trace().filter(({ event }) => event === 'init').length];
    const begun = performance.now();
    const { code: exit, stderr } = await kubevip(n1, INIT);
    expect(exit, stderr).toBe(0);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(journalLines(n1)).toEqual(journal);
    expect(n1.trace().filter(({ event }) => event === 'init')).toHaveLength(calls);
  });
});

describe('kubevip join', () => {
  it('adds two control planes and a worker, the static pod after kubeadm', async () => {
    const { n2, n3, w1 } = world.nodes;
    for (const [node, args, input] of [
      [n2, ['join', code, '--yes'], ''],
      [n3, ['join', '-', '--yes'], code],
      [w1, ['join', '-', '--worker', '--yes'], code],
    ] as const) {
      const { code: exit, stderr } = await kubevip(node, args, { input });
      expect(exit, stderr).toBe(0);
      const looked = node.trace().filter(({ event }) => event === 'preflight');
      expect(looked).not.toEqual([]);
      expect(looked.map(({ manifests }) => manifests)).toEqual(looked.map(() => []));
    }
    expect(n2.read('/etc/kubernetes/manifests/kubevip.yaml')).toBeDefined();
    expect(w1.read('/etc/kubernetes/manifests/kubevip.yaml')).toBeUndefined();
    // A worker's kubelet may register its node a moment after `kubeadm join` has ended.
    await eventually('four nodes', async () => {
      const { body } = await n2.ask(ADMIN, 'GET', '/api/v1/nodes');
      return (body['items'] as unknown[]).length === NAMES.length;
    });
  });

  it('has told no secret to logs, journals or process lists', async () => {
    const { n1, n2, n3 } = world.nodes;
    const token = (await n1.must(['kubeadm', 'token', 'list'])).match(/[a-z0-9]{6}\.[a-z0-9]{16}/g) ?? [];
    expect(token).not.toEqual([]);
    for (const node of [n1, n2, n3]) {
      const told = [
        JSON.stringify(node.trace()),
        await node.must([
          'sh',
          '-c',
          'find -L /var/lib/kubevip /var/log/containers /etc/kubernetes/kubevip/config.yaml -type f -exec cat {} +',
        ]),
      ].join('\n');
      for (const looked of ['"event":"call"', '"event":"done"', 'looking after the control-plane VIP']) {
        expect(told).toContain(looked);
      }
      for (const secret of [code, ...token.map((text) => text.slice(7))]) expect(told).not.toContain(secret);
      expect(told).not.toMatch(/PRIVATE KEY|certificateKey/);
    }
  });

  it('brings the services part to every node', async () => {
    const { n1 } = world.nodes;
    await eventually(
      'four agents are ready',
      async () => {
        const { body } = await n1.ask(ADMIN, 'GET', '/apis/apps/v1/namespaces/kube-system/daemonsets/kubevip');
        return (body['status'] as { numberReady?: number }).numberReady === NAMES.length;
      },
      40_000,
    );
  });
});

describe('the control plane', () => {
  it('answers again at the virtual IP when its owner has lost its power, and never twice', async () => {
    const roll = callTheRoll(world.laptop.netns, ip(VIP));
    try {
      const first = (await eventually('the VIP has an owner', () => ownerIn(roll)))!;
      await first.powerOff();
      const asked = roll.answers().length;
      const answeredSince = (): boolean =>
        roll
          .answers()
          .slice(asked)
          .some((macs) => macs.length > 0);
      await eventually('somebody answers', answeredSince, 60_000);
      const second = ownerIn(roll)!;
      expect(second.name).not.toBe(first.name);
      expect(await eventually('the API answers', apiAtVip)).toContain('v1.36.2');
      await eventually('the loss is known', async () => !(await isReady(second, first)));
      await first.powerOn();
      await eventually('it is back', async () => await isReady(second, first), 30_000);
      expect(ownerIn(roll)?.name).toBe(second.name);
      expect(roll.disputed()).toEqual([]);
    } finally {
      roll.stop();
    }
  }, 180_000);
});

async function isReady(asked: Node, { name }: Node): Promise<boolean> {
  const { body } = await asked.ask(ADMIN, 'GET', `/api/v1/nodes/${name}`, { server: `https://${asked.ip}:6443` });
  return JSON.stringify(body).includes('KubeletReady');
}

describe('kubevip reset', () => {
  it('leaves each node as it was before', async () => {
    const nodes = ['w1', 'n3', 'n2', 'n1'] as const;
    for (const name of nodes) {
      const node = world.nodes[name];
      const { code: exit, stderr } = await kubevip(node, ['reset', '--yes']);
      expect(exit, stderr).toBe(0);
      const after = await node.snapshot();
      const was = before[name] ?? [];
      expect({
        node: name,
        more: after.filter((line) => !was.includes(line)),
        less: was.filter((line) => !after.includes(line)),
      }).toEqual({ node: name, more: [], less: [] });
    }
  }, 240_000);
});
