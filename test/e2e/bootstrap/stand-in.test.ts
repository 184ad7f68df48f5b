/**
 * The rules of kubeadm that `kubevip init`, `join` and `reset` are built around, held by the stand-in that the other
 * tests of this folder use (test/support/kubeadm/cli/rules.ts has the sources).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CERTIFICATE_KEY, initYaml, joinYaml, TOKEN, VIP } from '../../support/kubeadm/configs.ts';
import type { Node } from '../../support/kubeadm/machine.ts';
import { createWorld, type World } from '../../support/kubeadm/world.ts';
import { eventually } from '../../support/netns.ts';

const ADMIN = '/etc/kubernetes/admin.conf';
const SUPER = '/etc/kubernetes/super-admin.conf';
const NODES = '/api/v1/nodes';
const local = ({ ip }: Node): { server: string } => ({ server: `https://${ip}:6443` });

async function kubeadm(node: Node, ...args: string[]): Promise<{ code: number | null; out: string }> {
  const { code, stdout, stderr } = await node.run(['kubeadm', ...args]);
  return { code, out: `${stdout}${stderr}` };
}

describe('kubeadm v1.36.2', () => {
  let world: World<'n1' | 'n2' | 'n3' | 'w1'>;
  let pin = '';
  const join = async (node: Node, input: Partial<Parameters<typeof joinYaml>[0]>): ReturnType<typeof kubeadm> => {
    await node.write('/root/join.yaml', joinYaml({ pin, ...input }));
    return await kubeadm(node, 'join', '--config', '/root/join.yaml');
  };

  beforeAll(async () => {
    world = await createWorld({ nodes: ['n1', 'n2', 'n3', 'w1'] });
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('leaves admin.conf and others powerless until it has bound their group by super-admin.conf', async () => {
    const { n1 } = world.nodes;
    await n1.write('/root/init.yaml', initYaml(n1.ip));
    await n1.must(['ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0']);
    for (const phase of ['certs', 'kubeconfig', 'etcd', 'control-plane', 'kubelet-start']) {
      await n1.must([
        'kubeadm',
        'init',
        'phase',
        phase,
        ...(phase.includes('start') ? [] : ['all']),
        '--config',
        '/root/init.yaml',
      ]);
    }
    const agent = await n1.must([
      'kubeadm',
      'kubeconfig',
      'user',
      '--client-name',
      'a',
      '--org',
      'b',
      '--config',
      '/root/init.yaml',
    ]);
    await n1.write('/root/agent.conf', agent);
    const code = async (conf: string): Promise<number> => (await n1.ask(conf, 'GET', NODES, local(n1))).code;
    await eventually('the API server answers', async () => (await code(SUPER)) === 200);
    expect([await code(ADMIN), await code('/root/agent.conf'), await code(SUPER)]).toEqual([403, 403, 200]);
    // The rest of init finds what is there, and binds.
    const rest = await kubeadm(
      n1,
      'init',
      '--config',
      '/root/init.yaml',
      '--upload-certs',
      '--skip-phases',
      'preflight',
    );
    expect(rest.code, rest.out).toBe(0);
    pin = /sha256:\w+/.exec(rest.out)?.[0] ?? '';
    expect(rest.out).toContain('[kubeconfig] Using existing kubeconfig file: "/etc/kubernetes/admin.conf"');
    expect([await code(ADMIN), await code('/root/agent.conf')]).toEqual([200, 403]);
  });

  it('refuses a second init for each thing that the first has left, in its own words', async () => {
    const { n1 } = world.nodes;
    const { code, out } = await kubeadm(n1, 'init', '--config', '/root/init.yaml');
    expect(code).toBe(1);
    for (const name of [
      'Port-6443',
      'Port-10250',
      'FileAvailable--etc-kubernetes-manifests-etcd.yaml',
      'DirAvailable--var-lib-etcd',
    ]) {
      expect(out).toContain(`[ERROR ${name}]`);
    }
    expect(out).toContain('error: error execution phase preflight: preflight checks failed');
  });

  it('marks a control plane by label, the label against load balancers, and taint', async () => {
    const { n1 } = world.nodes;
    const { body } = await n1.ask(ADMIN, 'GET', `${NODES}/n1`);
    expect(body).toMatchObject({
      metadata: {
        labels: {
          'node-role.kubernetes.io/control-plane': '',
          'node.kubernetes.io/exclude-from-external-load-balancers': '',
        },
      },
      spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] },
    });
  });

  it.each([
    ['a token that is not known', { token: 'ffffff.0123456789abcdef' }, 'could not find a JWS signature'],
    ['a token with a wrong secret', { token: 'abcdef.0000000000000000' }, 'failed to verify JWS signature'],
    ['the hash of another authority', { pin: `sha256:${'0'.repeat(64)}` }, 'is invalid: none of the public keys'],
    [
      'an endpoint where nobody answers',
      { endpoint: '10.77.0.99:6443' },
      "couldn't validate the identity of the API Server",
    ],
    [
      'a wrong certificate key',
      { controlPlane: '10.77.0.12', certificateKey: 'a'.repeat(64) },
      'message authentication failed',
    ],
    [
      'a certificate key of another length',
      { controlPlane: '10.77.0.12', certificateKey: 'abcd' },
      'invalid certificate key size 2',
    ],
  ])(
    'refuses to join with %s',
    async (_what, input, message) => {
      const { n2 } = world.nodes;
      const { code, out } = await join(n2, input);
      expect([code, out]).toEqual([1, expect.stringContaining(message)]);
    },
    120_000,
  );

  it('joins a control plane whose etcd learns before it votes', async () => {
    const { n1, n2 } = world.nodes;
    // The attempt with the wrong key has left nothing that this one would stumble over.
    const before = performance.now();
    const { code, out } = await join(n2, { controlPlane: n2.ip });
    expect(code, out).toBe(0);
    expect(performance.now() - before).toBeLessThan(60_000);
    expect(n2.read(SUPER)).toBeUndefined();
    expect((await n2.ask(ADMIN, 'GET', NODES, local(n2))).code).toBe(200);
    expect((await n1.ask(ADMIN, 'GET', `${NODES}/n2`)).body).toMatchObject({ metadata: { name: 'n2' } });
  });

  it('tolerates a foreign manifest at a join since v1.23, but none of its own', async () => {
    const { n3 } = world.nodes;
    await n3.write(
      '/etc/kubernetes/manifests/other.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: other}\nspec: {containers: [{name: a, image: pause}]}\n',
    );
    await n3.write('/etc/kubernetes/manifests/etcd.yaml', '');
    const refused = await join(n3, { controlPlane: n3.ip });
    expect([refused.code, refused.out]).toEqual([
      1,
      expect.stringContaining('/etc/kubernetes/manifests/etcd.yaml already exists'),
    ]);
    await n3.must(['rm', '/etc/kubernetes/manifests/etcd.yaml']);
    const { code, out } = await join(n3, { controlPlane: n3.ip });
    expect(code, out).toBe(0);
    // kubelet tells the API server of its own pods in its own time.
    const isFromFile = async (): Promise<boolean> => {
      const { body } = await n3.ask(ADMIN, 'GET', '/api/v1/namespaces/default/pods/other-n3');
      return JSON.stringify(body).includes('"kubernetes.io/config.source":"file"');
    };
    await eventually('the foreign pod is listed', isFromFile);
  });

  it('joins a worker, which gets nothing of a control plane', async () => {
    const { w1 } = world.nodes;
    const { code, out } = await join(w1, {});
    expect(code, out).toBe(0);
    expect(await w1.must(['ls', '/etc/kubernetes', '/etc/kubernetes/pki'])).toBe(
      '/etc/kubernetes:\nkubelet.conf\npki\n\n/etc/kubernetes/pki:\nca.crt\n',
    );
  });

  it('makes, lists and deletes tokens', async () => {
    const { n1, w1 } = world.nodes;
    const made = (await n1.must(['kubeadm', 'token', 'create', '--ttl', '1s', '--description', 'short'])).trim();
    expect(made).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
    expect(await n1.must(['kubeadm', 'token', 'list'])).toContain(TOKEN);
    // One that has ended signs nothing and is forgotten.
    await eventually('the token is cleaned', async () => !(await n1.must(['kubeadm', 'token', 'list'])).includes(made));
    expect((await join(w1, { token: made })).code).toBe(1);
    const kept = (await n1.must(['kubeadm', 'token', 'create'])).trim();
    expect(await n1.must(['kubeadm', 'token', 'delete', kept])).toContain(`"${kept.slice(0, 6)}" deleted`);
    expect(await n1.must(['kubeadm', 'token', 'list'])).not.toContain(kept);
  });

  it('keeps the shared certificates as long as their token lives', async () => {
    const { n1 } = world.nodes;
    const secrets = '/api/v1/namespaces/kube-system/secrets';
    const { body } = await n1.ask(ADMIN, 'GET', `${secrets}/kubeadm-certs`);
    const owner = ((body['metadata'] as { ownerReferences: { name: string }[] }).ownerReferences[0]?.name ?? '').slice(
      16,
    );
    expect(JSON.stringify(body)).not.toContain('PRIVATE KEY');
    await n1.must(['kubeadm', 'token', 'delete', owner]);
    await eventually(
      'they are gone',
      async () => (await n1.ask(ADMIN, 'GET', `${secrets}/kubeadm-certs`)).code === 404,
    );
    await n1.must(['kubeadm', 'init', 'phase', 'upload-certs', '--upload-certs', '--certificate-key', CERTIFICATE_KEY]);
    expect((await n1.ask(ADMIN, 'GET', `${secrets}/kubeadm-certs`)).code).toBe(200);
  });

  it('goes on without one of three control planes, not without two, and again with two', async () => {
    const { n1, n2, n3, w1 } = world.nodes;
    const path = '/api/v1/namespaces/default/configmaps';
    const write = async (name: string): Promise<number> =>
      (
        await n1.ask(ADMIN, 'POST', path, {
          ...local(n1),
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
        })
      ).code;
    await n3.powerOff();
    await eventually('two of three are enough', async () => (await write('two')) === 201);
    // A cut cable is no crash, and costs the same.
    await n2.setCable(false);
    await eventually('one of three is not', async () => (await write('one')) === 500);
    expect((await n1.ask(ADMIN, 'GET', '/livez', local(n1))).code).toBe(500);
    await n2.setCable(true);
    await eventually('two again', async () => (await write('again')) === 201);
    await n3.powerOn();
    await eventually('it is back', async () => (await n3.ask(ADMIN, 'GET', NODES, local(n3))).code === 200);
    expect((await n3.ask(ADMIN, 'GET', `${path}/again`, local(n3))).code).toBe(200);
    await eventually('the node is heard of', async () => {
      const { body } = await n1.ask(ADMIN, 'GET', `${NODES}/n3`);
      return JSON.stringify(body).includes('KubeletReady');
    });
    expect((await w1.run(['systemctl', 'is-active', 'kubelet'])).stdout).toBe('active\n');
  });

  it('takes its member out of etcd at a reset, and leaves what is not its own', async () => {
    const { n1, n3 } = world.nodes;
    await n3.must(['kubeadm', 'reset', '--force']);
    expect(n3.read(ADMIN)).toBeUndefined();
    expect((await n3.run(['systemctl', 'is-active', 'kubelet'])).code).toBe(3);
    // With the member still in, n1 and n2 would be two of three; one of two more would be too few.
    const { body } = await n1.ask(ADMIN, 'GET', `${NODES}/n3`);
    expect(body).toMatchObject({ kind: 'Node' });
    // kubeadm leaves the Node, and takes nobody under the name of one that the cluster believes to be ready.
    const taken = await join(n3, { controlPlane: n3.ip, nodeName: 'n2' });
    expect([taken.code, taken.out]).toEqual([1, expect.stringContaining('"n2" and status "Ready" already exists')]);
    await n3.must(['kubeadm', 'reset', '--force']);
    await eventually('the cluster has noticed', async () => {
      const node = await n1.ask(ADMIN, 'GET', `${NODES}/n3`);
      return !JSON.stringify(node.body).includes('KubeletReady');
    });
    const { code, out } = await join(n3, { controlPlane: n3.ip });
    expect(code, out).toBe(0);
  });
});

describe('kubeadm before it asked its own API server (v1.31)', () => {
  let world: World<'n1'>;
  beforeAll(async () => {
    world = await createWorld({ nodes: ['n1'], version: 'v1.31.4', patience: 0.02 });
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('gives up when the endpoint does not answer during init', async () => {
    const { n1 } = world.nodes;
    await n1.write('/root/init.yaml', initYaml(n1.ip, { version: 'v1.31.4' }));
    const { code, out } = await kubeadm(n1, 'init', '--config', '/root/init.yaml');
    expect(code).toBe(1);
    expect(out).toContain(
      'error execution phase wait-control-plane: failed while waiting for the control plane to start',
    );
    // Its own API server has answered all the time, and nobody has been given anything.
    expect((await n1.ask(SUPER, 'GET', NODES, local(n1))).code).toBe(200);
    expect((await n1.ask(ADMIN, 'GET', NODES, local(n1))).code).toBe(403);
    await n1.must(['kubeadm', 'reset', '--force']);
  });

  it('goes on as soon as it does, and only then gives admin.conf its power', async () => {
    const { n1 } = world.nodes;
    const running = n1.start(['kubeadm', 'init', '--config', '/root/init.yaml'], { timeoutMs: 60_000 });
    await eventually('the API server answers', async () => (await n1.ask(SUPER, 'GET', NODES, local(n1))).code === 200);
    expect((await n1.ask(ADMIN, 'GET', NODES, local(n1))).code).toBe(403);
    await n1.must(['ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0']);
    const { code, stderr } = await running.done;
    expect(code, stderr).toBe(0);
    expect((await n1.ask(ADMIN, 'GET', NODES)).code).toBe(200);
  });
});

describe('kubeadm before learners (v1.28)', () => {
  let world: World<'n1' | 'n2'>;
  beforeAll(async () => {
    world = await createWorld({ nodes: ['n1', 'n2'], version: 'v1.28.15' });
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('has no super-admin.conf, and admin.conf is mighty from the start', async () => {
    const { n1 } = world.nodes;
    await n1.write('/root/init.yaml', initYaml(n1.ip, { version: 'v1.28.15', api: 'v1beta3' }));
    await n1.must(['ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0']);
    await n1.write('/root/new.yaml', initYaml(n1.ip));
    const refused = await kubeadm(n1, 'init', '--config', '/root/new.yaml');
    expect([refused.code, refused.out]).toEqual([
      1,
      expect.stringContaining('no kind "InitConfiguration" is registered'),
    ]);
    const { code, out } = await kubeadm(n1, 'init', '--config', '/root/init.yaml');
    expect(code, out).toBe(0);
    expect(n1.read(SUPER)).toBeUndefined();
    expect((await n1.ask(ADMIN, 'GET', NODES)).code).toBe(200);
  });

  it('loses the quorum from the moment a second member is announced until it runs', async () => {
    const { n1 } = world.nodes;
    const script = `curl -s --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt \
      --key /etc/kubernetes/pki/etcd/healthcheck-client.key https://${n1.ip}:2379/members -d "$1"`;
    const add = async (learner: boolean, ip: string): Promise<string> =>
      await n1.must(['sh', '-c', script, 'sh', JSON.stringify({ peerUrl: `https://${ip}:2380`, learner })]);
    await add(true, '10.77.0.50');
    expect((await n1.ask(ADMIN, 'GET', NODES)).code).toBe(200);
    await add(false, '10.77.0.51');
    expect((await n1.ask(ADMIN, 'GET', NODES)).code).toBe(500);
  });
});
