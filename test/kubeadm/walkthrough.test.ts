/**
 * The demonstration on the real thing, row by row, each with what was run and what was seen: a control plane from blank
 * machines that survives its owner (A), and addresses, leases, router ports and names for Services (B). `npm run
 * demo:kubeadm` shows it, `npm run test:kubeadm` holds us to it.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeJoinCode, type JoinCode } from '../../src/cluster/join-code.ts';
import { readLeases } from '../../src/lab/router/dnsmasq.ts';
import { WAN } from '../../src/lab/layout.ts';
import { eventually } from '../support/netns.ts';
import { clusterConfig, FIRST, VIP, VIP6 } from '../support/real-cluster/config.ts';
import { ECHO_IMAGE } from '../support/real-cluster/images.ts';
import { RunningCluster } from '../support/real-cluster/cluster.ts';
import { connectPods, disconnectPods } from '../support/real-cluster/network.ts';
import { measureOutage } from '../support/real-cluster/outage.ts';
import { apiAt, curl, narrate, show } from '../support/real-cluster/show.ts';
import { realSnapshot } from '../support/real-cluster/snapshot.ts';
import { binaries, createRealWorld, type RealWorld } from '../support/real-cluster/world.ts';
import { failoverRows } from './failover-rows.ts';

const lab = binaries();
if (lab === undefined) console.warn('SKIPPED, not passed: KUBE_LAB_DIR names no folder with kubeadm and the rest');

const CONFIG = '/root/cluster.yaml';

describe.skipIf(lab === undefined)('the demonstration, on real parts', () => {
  let world: RealWorld;
  let cluster: RunningCluster;
  let code = '';
  let before: string[] = [];

  const { kubevip, kubectl, from } = narrate(() => ({ world, cluster }));
  const addressOf = async (service: string): Promise<string> =>
    eventually(
      `${service} has an address`,
      async () => {
        const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
        return (await cluster.admin.run(['kubectl', 'get', 'service', service, '-o', path])).stdout || undefined;
      },
      60_000,
    ) as Promise<string>;
  /** What a web page says. kube-proxy and the router take a moment of their own after an address is there. */
  const page = async (host: 'laptop' | 'internet', url: string): Promise<string> => {
    const started = performance.now();
    const said = await eventually(
      `${url} answers`,
      async () => (await world.on(host, ...curl(url))).stdout || undefined,
      30_000,
    );
    show(
      `${host}# curl ${url}`,
      `${said ?? ''}(${((performance.now() - started) / 1000).toFixed(1)} s after it was first asked)`,
    );
    return said ?? '';
  };
  beforeAll(async () => {
    world = await createRealWorld(lab ?? '');
    for (const name of ['n1', 'n2', 'n3', 'w1'] as const) {
      const node = await world.prepare(name);
      await node.must(['tee', CONFIG], { input: clusterConfig() });
    }
    cluster = new RunningCluster(world, world.nodes.n1);
  }, 400_000);
  afterAll(async () => await world[Symbol.asyncDispose](), 120_000);

  it('A1  blank machines: a container runtime and kubeadm, and nothing else', async () => {
    const { stdout } = await world.nodes.n1.run(['ps', '-eo', 'args=']);
    show('n1# ps -eo args=', stdout);
    expect(stdout).not.toMatch(/keepalived|haproxy|kubelet |etcd/);
    before = await realSnapshot(world.nodes.n3);
  });

  it('A2–A4  one command makes the control plane; the VIP answers while it runs; no secret is seen', async () => {
    const seen: string[] = [];
    const started = performance.now();
    const [since, answered] = [(): number => (performance.now() - started) / 1000, { at: 0 }];
    const running = { yes: true };
    const lines: string[] = [];
    const init = cluster.admin
      .kubevip(['init', '-f', CONFIG, '--yes'], { onLine: (line) => lines.push(`${since().toFixed(1)} s  ${line}`) })
      .finally(() => (running.yes = false));
    const watch = async (): Promise<void> => {
      while (running.yes) {
        const all = await cluster.admin.run(['sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "']);
        seen.push(all.stdout);
        if (answered.at === 0 && (await world.on('laptop', ...curl(apiAt(VIP)))).stdout.includes('gitVersion')) {
          answered.at = since();
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    };
    const [{ code: exit, stdout, stderr }] = await Promise.all([init, watch()]);
    const took = since();
    show(`n1# kubevip init -f ${CONFIG} --yes`, lines.join('\n'));
    expect(exit, stderr).toBe(0);
    console.log(
      `   init took ${took.toFixed(1)} s; the laptop reached the API at ${VIP} after ${answered.at.toFixed(1)} s`,
    );
    expect(answered.at).toBeGreaterThan(0);
    expect(answered.at).toBeLessThan(took);
    code = /kubevip1\.\S+/.exec(stdout)?.[0] ?? '';
    expect(lines.join('\n')).toContain('the API server answers; the agent may take the virtual IP');
    await connectPods(cluster.admin, cluster.members, `${world.paths.netnsPrefix}router`);

    const { token, certificateKey } = decodeJoinCode(code) as JoinCode;
    const secrets = [token.split('.')[1] ?? '', certificateKey ?? '', code];
    const logs = await cluster.admin.must([
      'sh',
      '-c',
      'find /var/log/kubelet.log /var/lib/kubevip /etc/kubernetes/kubevip/config.yaml -type f -exec cat {} +',
    ]);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(10);
      expect(`${stderr}${logs}${seen.join()}`.includes(secret)).toBe(false);
    }
    console.log(
      `   no secret in ${seen.length} looks at the process list, in the journal, the configuration or kubelet’s log`,
    );
  }, 300_000);

  it('init run again changes nothing, and is quick', async () => {
    const started = performance.now();
    const said = await kubevip(cluster.admin, 'init', '-f', CONFIG, '--yes');
    const took = performance.now() - started;
    console.log(`   took ${(took / 1000).toFixed(1)} s`);
    expect(said).toContain('Nothing to do');
    expect(took).toBeLessThan(10_000);
  });

  it('A5  the others join with the code; the agent comes after kubeadm, by itself', async () => {
    const { n2, n3, w1 } = world.nodes;
    for (const node of [n2, n3]) {
      const started = performance.now();
      const { code: exit, stdout, stderr } = await node.kubevip(['join', '-', '-f', CONFIG, '--yes'], { input: code });
      show(`${node.name}# kubevip join - -f ${CONFIG} --yes`, `${stderr}${stdout}`);
      console.log(`   took ${((performance.now() - started) / 1000).toFixed(1)} s`);
      expect(exit, stderr).toBe(0);
      const journal = await node.must(['cat', '/var/lib/kubevip/journal.jsonl']);
      const at = (step: string, state: string): number =>
        journal.split('\n').findIndex((line) => line.includes(`"${step}"`) && line.includes(`"${state}"`));
      expect(at('kubeadm-join', 'done')).not.toBe(-1);
      expect(at('virtual-ip', 'started')).toBeGreaterThan(at('kubeadm-join', 'done'));
      cluster.members.push(node);
      await connectPods(cluster.admin, cluster.members, `${world.paths.netnsPrefix}router`);
    }
    const { stdout: made } = await cluster.admin.kubevip(['join-code', 'create', '--worker']);
    const worker = /kubevip1\.\S+/.exec(made)?.[0] ?? '';
    const joined = await w1.kubevip(['join', '-', '--worker', '-f', CONFIG, '--yes'], { input: worker });
    show(`w1# kubevip join - --worker -f ${CONFIG} --yes`, `${joined.stderr}${joined.stdout}`);
    expect(joined.code, joined.stderr).toBe(0);
    cluster.members.push(w1);
    await connectPods(cluster.admin, cluster.members, `${world.paths.netnsPrefix}router`);
    await cluster.ready(4);
  }, 400_000);

  it('A6  who holds the VIP, and since when', async () => {
    await kubectl('-n', 'kube-system', 'get', 'pods', '-o', 'wide');
    // etcd has just taken in a member, and may be busy with that.
    await page('laptop', `https://${VIP}:6443/readyz`);
    const status = await kubevip(cluster.admin, 'status');
    expect(status).toMatch(new RegExp(`^${VIP.replaceAll('.', '\\.')},\\S+ +n[123] +live +\\d`, 'm'));
    expect(status.match(/^10\.77\.0\.1[123]:6443 +n\d +ready/gm)).toHaveLength(3);
  });

  it('A7  the owner loses its power: the API is back on another node', async () => {
    const owner = await cluster.ownerOf(VIP);
    const watch = { address: VIP, url: `https://${VIP}:6443/readyz` };
    const outage = await measureOutage(world, watch, async () => cluster.powerOff(owner));
    const next = await cluster.ownerOf(VIP);
    console.log(`   ${owner.name} was cut off: ${outage.text}; ${next.name} has it`);
    expect(next).not.toBe(owner);
    expect(outage.gap).toBeLessThan(10_000);
    await kubevip(cluster.admin, 'status');
    await cluster.restore(owner);
  }, 300_000);

  it('A8  by ARP and by neighbour discovery, and one node only', async () => {
    const owner = await cluster.ownerOf(VIP);
    const arp = await from('laptop', 'arping', '-c', '2', '-I', 'eth0', VIP);
    const macs = new Set([...arp.toLowerCase().matchAll(/(?:[\da-f]{2}:){5}[\da-f]{2}/g)].map(([mac]) => mac));
    expect([...macs]).toEqual([owner.mac]);
    expect(await from('laptop', ...curl(apiAt(VIP6)))).toContain('gitVersion');
    await from('laptop', 'ip', '-6', 'neigh', 'show', VIP6);
  });

  it('B1  one install: as many agents as nodes, none pending', async () => {
    const all = await eventually(
      'all agents are ready',
      async () => {
        const path = 'jsonpath={.status.desiredNumberScheduled} {.status.numberReady}';
        const { stdout } = await cluster.admin.run([
          'kubectl',
          '-n',
          'kube-system',
          'get',
          'daemonset',
          'kubevip',
          '-o',
          path,
        ]);
        return stdout === '4 4' ? stdout : undefined;
      },
      90_000,
    );
    show('kubectl -n kube-system get daemonset kubevip', `desired and ready: ${all ?? ''}`);
  }, 100_000);

  it('B2, B3  kubectl as shown: the first free address of the range, balanced over the pods', async () => {
    await kubectl('create', 'deployment', 'web', `--image=${ECHO_IMAGE}`, '--replicas=3');
    await kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s');
    await kubectl(
      'expose',
      'deployment',
      'web',
      '--name=plain',
      '--port=80',
      '--target-port=8080',
      '--type=LoadBalancer',
    );
    expect(await addressOf('plain')).toBe(FIRST);
    await page('laptop', `http://${FIRST}/`);
    const answers = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const { stdout } = await world.on('laptop', ...curl(`http://${FIRST}/`));
      answers.add(stdout.split(' ', 1)[0] ?? '');
    }
    show(`laptop# 12 × curl http://${FIRST}/`, [...answers].join('\n'));
    expect([...answers].every((name) => name.startsWith('web-'))).toBe(true);
    expect(answers.size).toBeGreaterThan(1);

    await kubectl('create', 'namespace', 'finance');
    await kubectl('-n', 'finance', 'create', 'service', 'loadbalancer', 'books', '--tcp=80:8080');
    const finance = await eventually(
      'finance has an address of its own range',
      async () => {
        const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
        const args = ['kubectl', '-n', 'finance', 'get', 'service', 'books', '-o', path];
        return (await cluster.admin.run(args)).stdout || undefined;
      },
      60_000,
    );
    show('kubectl -n finance get service books', finance ?? '');
    expect(finance).toMatch(/^10\.77\.0\.23\d$/);
    await kubectl(
      '-n',
      'kube-system',
      'patch',
      'configmap',
      'kubevip',
      '--type=merge',
      '-p',
      '{"data":{"range-development":"10.77.0.x"}}',
    );
    const said = await eventually(
      'a wrong line is said',
      async () => {
        const { stdout } = await cluster.admin.kubevip(['status']);
        return stdout.includes('range-development') ? stdout : undefined;
      },
      30_000,
    );
    show('kubevip status', said ?? '');
    await kubectl(
      '-n',
      'kube-system',
      'patch',
      'configmap',
      'kubevip',
      '--type=merge',
      '-p',
      '{"data":{"range-development":null}}',
    );
  }, 200_000);

  it('B4, B7, B8  one command: an address by DHCP, a port on the router, a name', async () => {
    await kubevip(
      cluster.admin,
      'expose',
      'deployment/web',
      '--name',
      'home',
      '--port',
      '80',
      '--target-port',
      '8080',
      '--dhcp',
      '--router',
      '8080',
      '--mdns',
      'web',
    );
    const address = await addressOf('home');
    show('router# cat dnsmasq.leases', readFileSync(world.paths.leases, 'utf8'));
    expect(readLeases(world.paths).map(({ ip }) => ip)).toContain(address);
    expect(await page('laptop', 'http://web.local/')).toMatch(/^web-/);
    expect(await from('laptop', 'avahi-browse', '-rpt', '_http._tcp')).toMatch(/;web\.local;/);
    expect(await page('internet', `http://${WAN.public.router}:8080/`)).toMatch(/^web-/);
  }, 120_000);

  it('B4  as shown on stage: kubectl expose --load-balancer-ip 0.0.0.0', async () => {
    await kubectl(
      'expose',
      'deployment',
      'web',
      '--name=stage',
      '--port=80',
      '--target-port=8080',
      '--type=LoadBalancer',
      '--load-balancer-ip=0.0.0.0',
    );
    const address = await addressOf('stage');
    expect(readLeases(world.paths).map(({ ip }) => ip)).toContain(address);
    expect(await page('laptop', `http://${address}/`)).toMatch(/^web-/);
    await kubectl('delete', 'service', 'stage');
  }, 90_000);

  it('B5  no extra interface, and the lease stays when the node dies', async () => {
    const address = await addressOf('home');
    const owner = await cluster.ownerOf(address);
    const links = await owner.must(['ip', '-brief', 'link']);
    show(`${owner.name}# ip -brief link`, links);
    expect(links).not.toMatch(/macvtap|macvlan|ipvlan/);
    const lease = readLeases(world.paths).find(({ ip }) => ip === address);
    expect(lease).toBeDefined();
    // The address itself: requests are led past pods of the dead node as well, which failover-rows.ts shows.
    const outage = await measureOutage(world, { address }, async () => cluster.powerOff(owner));
    const next = await cluster.ownerOf(address);
    console.log(`   ${owner.name} was cut off: ${outage.text}; ${next.name} has the address`);
    const after = readLeases(world.paths).find(({ ip }) => ip === address);
    expect([after?.mac, after?.clientId]).toEqual([lease?.mac, lease?.clientId]);
    await cluster.restore(owner);
  }, 200_000);

  it('B6  dual stack', async () => {
    const ports = [{ port: 80, targetPort: 8080 }];
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'dual' },
      spec: { type: 'LoadBalancer', ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports },
    };
    await cluster.admin.must(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(service) });
    const both = await eventually(
      'it has an address of each family',
      async () => {
        const { stdout } = await cluster.admin.run([
          'kubectl',
          'get',
          'service',
          'dual',
          '-o',
          'jsonpath={.status.loadBalancer.ingress[*].ip}',
        ]);
        const ips = stdout.split(' ');
        return ips.length === 2 ? ips : undefined;
      },
      60_000,
    );
    for (const ip of both ?? []) {
      expect(await page('laptop', `http://${ip.includes(':') ? `[${ip}]` : ip}/`)).toMatch(/^web-/);
    }
  }, 90_000);

  it('B9  status shows lease and router; discover finds the cluster and its services', async () => {
    const status = await kubevip(cluster.admin, 'status');
    expect(status).toMatch(/home +10\.77\.0\.1\d\d/);
    expect(status).toContain('8080');
    const found = await kubevip(world.nodes.w1, 'discover');
    expect(found).toMatch(/web/);
    expect(found).toContain(VIP);
  }, 60_000);

  failoverRows(() => cluster);

  it('reset leaves nothing on the machine', async () => {
    const { n3 } = world.nodes;
    cluster.members.splice(cluster.members.indexOf(n3), 1);
    await kubevip(n3, 'reset', '--yes');
    await disconnectPods(n3);
    const [after, was] = [await realSnapshot(n3), new Set(before)];
    const now = new Set(after);
    const difference = [
      ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
      ...before.filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ];
    show('snapshot of n3, before join and after reset', difference.join('\n') || 'no difference');
    expect(difference).toEqual([]);
    const nodes = await kubectl('get', 'nodes');
    expect(nodes).not.toContain('n3');
  }, 120_000);
});
