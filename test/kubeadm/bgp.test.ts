/**
 * The first part of the demonstration as it was shown, by BGP (A7–A10), on the real thing: control planes whose address
 * routers are told of, and Services likewise, seen from the router (FRR) and from beyond it.
 *
 * FAILOVER_RUNS: power-offs with BFD and without, default 1 of each. BFD_MS: its interval, default 300; a node is given up after
 * three of them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseBootstrapConfig } from '../../src/cluster/config.ts';
import { initDocuments, renderDocuments } from '../../src/cluster/kubeadm/documents.ts';
import { failedFor, reasons } from '../../bench/failover/probe/connect-log.ts';
import { startConnecting } from '../../bench/failover/probe/prober.ts';
import { LAN, LAN6 } from '../../src/lab/layout.ts';
import type { KubeadmControlPlanePatch } from '../../src/manifests/kubeadm-control-plane.ts';
import { ip } from '../../src/model/ip.ts';
import { bgpOn, OUR_AS, ROUTER_AS, type BgpLab } from '../support/bgp-lab.ts';
import { eventually } from '../support/netns.ts';
import { RunningCluster } from '../support/real-cluster/cluster.ts';
import { ROUTED, routedConfig } from '../support/real-cluster/config.ts';
import { ECHO_IMAGE } from '../support/real-cluster/images.ts';
import { connectPods, disconnectPods } from '../support/real-cluster/network.ts';
import type { RealNode } from '../support/real-cluster/node.ts';
import { measureOutage, type Outage } from '../support/real-cluster/outage.ts';
import { apiAt, curl, narrate, show } from '../support/real-cluster/show.ts';
import { binaries, createRealWorld, type RealWorld } from '../support/real-cluster/world.ts';

const lab = binaries();
if (lab === undefined) console.warn('SKIPPED, not passed: KUBE_LAB_DIR names no folder with kubeadm and the rest');

const CONFIG = '/root/cluster.yaml';
const BFD_MS = Number(process.env['BFD_MS'] ?? 300);
const BFD_PACE = { intervalMs: BFD_MS, multiplier: 3 } as const;
/** Fields of kube-vip’s `bgp_peers`. */
const PEER = `${LAN.router}:${ROUTER_AS}:::::true;${BFD_MS};${BFD_MS};${BFD_PACE.multiplier}`;
/** What our agent asks for by default. */
const HOLD_SECONDS = 30;
/** A second router, on the LAN. */
const SECOND = { as: 65_002, ip: LAN.laptop, ip6: LAN6.laptop } as const;
const CONTROL_PLANES = ['n1', 'n2', 'n3'] as const;
const NODES = [...CONTROL_PLANES, 'w1'] as const;
/** Power-offs with BFD, and without. */
const RUNS = Number(process.env['FAILOVER_RUNS'] ?? 1);
const CONNECT_EVERY_MS = 20;
/** Another cluster, of one machine. */
const OTHER_VIP = '10.90.0.41';

describe.skipIf(lab === undefined)('the demonstration by BGP, on real parts', () => {
  let world: RealWorld;
  let cluster: RunningCluster;
  let router: BgpLab;
  let second: BgpLab | undefined;
  let code = '';

  const { kubevip, kubectl, from } = narrate(() => ({ world, cluster }));
  const refused = async (node: RealNode, exit: number, ...args: string[]): Promise<string> => {
    const { code: ended, stdout, stderr } = await node.kubevip(args);
    show(`${node.name}# kubevip ${args.join(' ')}`, `${stderr}${stdout}(exit ${ended})`);
    expect(ended).toBe(exit);
    return stderr;
  };
  const via = async (lab: BgpLab, prefix: string, nodes: readonly string[]): Promise<void> => {
    expect(await lab.untilVia(prefix, nodes, 90), prefix).toEqual([...nodes]);
  };
  const page = async (host: 'laptop' | 'internet', url: string): Promise<string> => {
    const said = await eventually(
      `${url} answers`,
      async () => (await world.on(host, ...curl(url))).stdout || undefined,
      60_000,
    );
    show(`${host}# curl ${url}`, said ?? '');
    return said ?? '';
  };
  const addressesOf = async (service: string, count = 1): Promise<readonly string[]> =>
    (await eventually(
      `${service} has ${count} addresses`,
      async () => {
        const path = 'jsonpath={.status.loadBalancer.ingress[*].ip}';
        const { stdout } = await cluster.admin.run(['kubectl', 'get', 'service', service, '-o', path]);
        const ips = stdout.split(' ').filter((one) => one !== '');
        return ips.length === count ? ips : undefined;
      },
      90_000,
    )) ?? [];
  const standsOn = async (node: RealNode, address: string): Promise<string[]> => {
    const { stdout } = await node.run(['ip', '-o', 'addr', 'show']);
    return stdout.split('\n').flatMap((line) => (line.includes(` ${address}/`) ? [line.split(/\s+/)[1] ?? ''] : []));
  };
  /** The node that pings from beyond the router end at: a router that spreads keeps all of one flow on one way. */
  const pinged = async (): Promise<RealNode> => {
    const echoes = async (node: RealNode): Promise<number> => {
      const lines = (await node.must(['cat', '/proc/net/snmp']))
        .split('\n')
        .filter((line) => line.startsWith('Icmp: '));
      const [names = [], values = []] = lines.map((line) => line.split(' '));
      return Number(values[names.indexOf('InEchos')]);
    };
    const before = await Promise.all(cluster.controlPlanes.map(echoes));
    await world.on('internet', 'ping', '-c', '5', '-i', '0.2', ROUTED.vip);
    const after = await Promise.all(cluster.controlPlanes.map(echoes));
    const found = cluster.controlPlanes.find((_, i) => (after[i] ?? 0) - (before[i] ?? 0) >= 3);
    if (found === undefined) throw new Error(`no control plane counted the pings: ${before.join()} to ${after.join()}`);
    return found;
  };
  /** Power-off of the control plane that has the pings, looked at from beyond the router. */
  const powerOff = async (seconds: number): Promise<Outage> => {
    const victim = await pinged();
    const watch = {
      address: ROUTED.vip,
      url: `https://${ROUTED.vip}:6443/readyz`,
      from: 'internet',
      tail: seconds * 1000,
    } as const;
    const connecting = await startConnecting(world.paths, ip(ROUTED.first), CONNECT_EVERY_MS, 'internet');
    let at = 0;
    const outage = await measureOutage(world, watch, async () => {
      at = Date.now();
      await cluster.powerOff(victim);
    });
    const log = await connecting.stop();
    console.log(
      `   ${victim.name} was cut off, seen from the Internet: ${outage.text}; of connections to the Service at ${ROUTED.first} the last that failed began after ${failedFor(log, at).toFixed(0)} ms (${reasons(log) || 'none'})`,
    );
    const left = cluster.controlPlanes.map(({ name }) => name);
    expect(await router.forwardsTo(ROUTED.vip)).toEqual(left);
    await page('internet', apiAt(ROUTED.vip));
    await cluster.restore(victim);
    await via(router, `${ROUTED.vip}/32`, CONTROL_PLANES);
    return outage;
  };

  beforeAll(async () => {
    world = await createRealWorld(lab ?? '');
    for (const name of NODES) {
      const node = await world.prepare(name);
      await node.must(['tee', CONFIG], { input: routedConfig() });
    }
    cluster = new RunningCluster(world, world.nodes.n1, { oneAgent: true });
    router = await bgpOn(world.paths, {
      on: 'router',
      as: ROUTER_AS,
      ip: LAN.router,
      ip6: LAN6.router,
      bfdPace: BFD_PACE,
      routed: { pool: ROUTED.prefix, pool6: ROUTED.prefix6 },
      neighbors: NODES.map((name) => ({ name, ip: world.nodes[name].ip, as: OUR_AS, bfd: true })),
    });
  }, 400_000);
  afterAll(async () => {
    await second?.kill();
    await (router as BgpLab | undefined)?.kill();
    await world[Symbol.asyncDispose]();
  }, 120_000);

  it('A8  what cannot be by BGP is said before anything is changed', async () => {
    const { n1 } = world.nodes;
    expect(await refused(n1, 2, 'init', '-f', CONFIG, '--bgp-as', '65000', '--yes')).toMatch(/bgpPeers/);
    const init = ['init', '-f', CONFIG, '--yes'];
    const inLan = await refused(n1, 3, ...init, '--vip', '10.77.0.40', '--bgp-peer', PEER);
    expect(inLan).toMatch(/10\.77\.0\.40 is in the subnet/);
    const noRouter = await refused(n1, 3, ...init, '--bgp-peer', `${LAN.laptop}:${ROUTER_AS}`);
    expect(noRouter).toMatch(/does not take calls of BGP on port 179/);
    expect((await n1.run(['ls', '/etc/kubernetes'])).stdout).not.toContain('manifests/kube-apiserver.yaml');
  }, 60_000);

  it('A2–A4, A8  one command makes the control plane; its address answers beyond the router', async () => {
    const started = performance.now();
    const [since, answered] = [(): number => (performance.now() - started) / 1000, { at: 0 }];
    const lines: string[] = [];
    const flags = ['--bgp-peer', PEER, '--bgp-as', String(OUR_AS)];
    const init = cluster.admin.kubevip(['init', '-f', CONFIG, ...flags, '--yes'], {
      onLine: (line) => lines.push(`${since().toFixed(1)} s  ${line}`),
    });
    const answers = eventually(
      'the API answers beyond the router',
      async () => {
        if (!(await world.on('internet', ...curl(apiAt(ROUTED.vip)))).stdout.includes('gitVersion')) return false;
        answered.at = since();
        return true;
      },
      200_000,
    );
    const { code: exit, stdout, stderr } = await init;
    const took = since();
    show(`n1# kubevip init -f ${CONFIG} ${flags.join(' ')} --yes`, lines.join('\n'));
    expect(exit, stderr).toBe(0);
    await answers;
    console.log(
      `   init took ${took.toFixed(1)} s; the Internet reached ${ROUTED.vip} after ${answered.at.toFixed(1)} s`,
    );
    expect(lines.join('\n')).toMatch(/10\.77\.0\.1 knows the way/);
    code = /kubevip1\.\S+/.exec(stdout)?.[0] ?? '';
    await connectPods(cluster.admin, cluster.members, `${world.paths.netnsPrefix}router`);
    await via(router, `${ROUTED.vip}/32`, ['n1']);
    await via(router, `${ROUTED.vip6}/128`, ['n1']);
    expect(await page('internet', apiAt(ROUTED.vip6))).toContain('gitVersion');
  }, 300_000);

  it('init run again changes nothing', async () => {
    const flags = ['--bgp-peer', PEER, '--bgp-as', String(OUR_AS)];
    expect(await kubevip(cluster.admin, 'init', '-f', CONFIG, ...flags, '--yes')).toContain('Nothing to do');
  }, 60_000);

  it('A5, A8  the others join by the code and announce the same; nobody asks by ARP', async () => {
    const { n2, n3, w1 } = world.nodes;
    for (const node of [n2, n3]) {
      // The file says nothing of BGP: how addresses are announced is known from the cluster.
      const { code: exit, stdout, stderr } = await node.kubevip(['join', '-', '-f', CONFIG, '--yes'], { input: code });
      show(`${node.name}# kubevip join - -f ${CONFIG} --yes`, `${stderr}${stdout}`);
      if (exit !== 0) show(`${node.name}# tail agent.log`, await agentLog(node));
      expect(exit, stderr).toBe(0);
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
    await via(router, `${ROUTED.vip}/32`, CONTROL_PLANES);
    await via(router, `${ROUTED.vip6}/128`, CONTROL_PLANES);
    show('router# ip route show', (await world.on('router', 'ip', 'route', 'show', ROUTED.vip)).stdout);
    expect(await router.forwardsTo(ROUTED.vip)).toEqual([...CONTROL_PLANES]);
    expect(await router.forwardsTo(ROUTED.vip6)).toEqual([...CONTROL_PLANES]);
    for (const name of CONTROL_PLANES) expect(await standsOn(world.nodes[name], ROUTED.vip), name).toEqual(['lo']);
    expect(await standsOn(w1, ROUTED.vip)).toEqual([]);
    expect(await from('laptop', 'arping', '-c', '2', '-w', '2', '-I', 'eth0', ROUTED.vip)).toMatch(/Received 0 resp/);
  }, 400_000);

  it('A6  status shows every session, and the API servers', async () => {
    const status = await eventually(
      'all sessions stand',
      async () => {
        const { stdout } = await cluster.admin.kubevip(['status']);
        return (stdout.match(/^10\.77\.0\.1 +\w+ +65001 +Established/gm) ?? []).length === 4 ? stdout : undefined;
      },
      90_000,
    );
    show('n1# kubevip status', status ?? '');
    expect(status).toMatch(new RegExp(`^${ROUTED.vip.replaceAll('.', '\\.')}`, 'm'));
    expect(status?.match(/^10\.77\.0\.1[123]:6443 +n\d +ready/gm)).toHaveLength(3);
    for (const name of NODES) {
      await eventually(`BFD with ${name} is up`, async () => router.bfdIsUp(name), 30_000);
    }
  }, 150_000);

  it('A8  Services by BGP too: from every node, of both families, and by policy Local from those with a pod', async () => {
    const agents = await kubectl('-n', 'kube-system', 'get', 'pods', '-o', 'wide', '-l', 'app.kubernetes.io/name');
    // One speaker a node: the static pod of a control plane, the DaemonSet elsewhere.
    for (const name of NODES) expect(agents.match(new RegExp(`^kubevip\\S* .* ${name} `, 'gm')), name).toHaveLength(1);
    await kubectl('create', 'deployment', 'web', `--image=${ECHO_IMAGE}`, '--replicas=3');
    await kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s');
    const expose = async (name: string, more: object): Promise<void> => {
      const spec = { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...more };
      const service = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
      await cluster.admin.must(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(service) });
    };
    await expose('dual', { ipFamilyPolicy: 'RequireDualStack' });
    for (const address of await addressesOf('dual', 2)) {
      const v6 = address.includes(':');
      await via(router, `${address}/${v6 ? 128 : 32}`, NODES);
      expect(await router.forwardsTo(address)).toEqual([...NODES]);
      expect(await page('internet', `http://${v6 ? `[${address}]` : address}/`)).toMatch(/^web-/);
    }
    const answers = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const { stdout } = await world.on('internet', ...curl(`http://${ROUTED.first}/`));
      answers.add(stdout.split(' ', 1)[0] ?? '');
    }
    show(`internet# 12 × curl http://${ROUTED.first}/`, [...answers].join('\n'));
    expect(answers.size).toBeGreaterThan(1);
    await expose('local', { externalTrafficPolicy: 'Local' });
    const [local = ''] = await addressesOf('local');
    const path = 'jsonpath={.items[*].spec.nodeName}';
    const on = (await cluster.admin.kubectl('get', 'pods', '-l', 'app=web', '-o', path)).split(' ');
    await via(router, `${local}/32`, [...new Set(on)].sort());
    await kubectl('get', 'services', '-o', 'wide');
  }, 300_000);

  it('A9  peers from flags, from a ConfigMap and from annotations of nodes; a wrong line is said', async () => {
    const { w1 } = world.nodes;
    second = await bgpOn(world.paths, {
      ...SECOND,
      on: 'laptop',
      neighbors: NODES.map((name) => ({ name, ip: world.nodes[name].ip, as: OUR_AS })),
    });
    const line = `address=${SECOND.ip} as=${SECOND.as} hold=9 keepalive=3 nodes=n1,n2`;
    await kubectl(
      ...['-n', 'kube-system', 'create', 'configmap', 'kubevip-bgp', `--from-literal=peer-second=${line}`],
      '--from-literal=peer-wrong=address=10.77.0.77 as=none',
    );
    await via(second, `${ROUTED.vip}/32`, ['n1', 'n2']);
    await kubectl(
      ...['annotate', 'node', 'w1', `bgp.kubevip.dev/bgp-peers-0-node-asn=${OUR_AS}`],
      `bgp.kubevip.dev/bgp-peers-0-src-ip=${w1.ip}`,
      `bgp.kubevip.dev/bgp-peers-0-peer-asn=${SECOND.as}`,
      `bgp.kubevip.dev/bgp-peers-0-peer-ip=${SECOND.ip}`,
    );
    await via(second, `${ROUTED.first}/32`, ['n1', 'n2', 'w1']);
    // Who is told by the flags of `init` is told as before.
    await via(router, `${ROUTED.first}/32`, NODES);
    const status = await eventually(
      'status has all of it',
      async () => {
        const { stdout } = await cluster.admin.kubevip(['status']);
        const sessions = stdout.match(/^10\.77\.0\.50 +\w+ +65002 +Established/gm) ?? [];
        return sessions.length === 3 && stdout.includes('peer-wrong') ? stdout : undefined;
      },
      90_000,
    );
    show('n1# kubevip status', status ?? '');
    expect(status).toMatch(/peer-wrong: as "none" is not a number/);
    await kubectl('-n', 'kube-system', 'delete', 'configmap', 'kubevip-bgp');
    await kubectl(
      'annotate',
      'node',
      'w1',
      ...['node-asn', 'src-ip', 'peer-asn', 'peer-ip'].map((one) => `bgp.kubevip.dev/bgp-peers-0-${one}-`),
    );
    await via(second, `${ROUTED.vip}/32`, []);
    await via(second, `${ROUTED.first}/32`, []);
    await second.kill();
    second = undefined;
    await world.on('laptop', 'ip', 'route', 'flush', 'proto', 'bgp');
  }, 300_000);

  it(
    'A7  a control plane loses its power: with BFD',
    async () => {
      for (let run = 0; run < RUNS; run++) expect((await powerOff(10)).gap).toBeLessThan(HOLD_SECONDS * 1000);
    },
    300_000 * RUNS,
  );

  it('A7  and without: until the hold time is over', { timeout: 400_000 * RUNS }, async () => {
    for (const name of NODES) await router.configure(`no neighbor ${world.nodes[name].ip} bfd`);
    for (const name of NODES)
      await eventually(`no BFD with ${name}`, async () => !(await router.bfdIsUp(name)), 30_000);
    await delay(2000);
    await via(router, `${ROUTED.vip}/32`, CONTROL_PLANES);
    for (let run = 0; run < RUNS; run++) {
      const outage = await powerOff(HOLD_SECONDS + 10);
      expect(outage.gap).toBeLessThan((HOLD_SECONDS + 30) * 1000);
      // Of three ways one leads nowhere.
      expect(outage.failedShare).toBeGreaterThan(0);
      expect(outage.failedShare).toBeLessThan(1);
    }
    for (const name of NODES) await router.configure(`neighbor ${world.nodes[name].ip} bfd profile fast`);
  });

  it('install leaves alone what it does not know', async () => {
    expect(await refused(cluster.admin, 2, 'install')).toMatch(/announces by BGP/);
  }, 60_000);

  it('a machine that is reset is told of to nobody', async () => {
    const { w1 } = world.nodes;
    cluster.members.splice(cluster.members.indexOf(w1), 1);
    await kubevip(w1, 'reset', '--yes');
    await kubectl('delete', 'node', 'w1');
    await disconnectPods(w1);
    await via(router, `${ROUTED.first}/32`, CONTROL_PLANES);
    expect(await standsOn(w1, ROUTED.first)).toEqual([]);
  }, 120_000);

  it('uninstall takes back what control planes do for Services, and leaves the virtual IP', async () => {
    const said = await kubevip(cluster.admin, 'uninstall', '--yes', '--json');
    expect(said).toMatch(/n1, n2, n3: the agent of the control plane.*stays/);
    await via(router, `${ROUTED.first}/32`, []);
    await via(router, `${ROUTED.vip}/32`, CONTROL_PLANES);
    for (const name of CONTROL_PLANES) expect(await standsOn(world.nodes[name], ROUTED.first), name).toEqual([]);
    expect(await page('internet', apiAt(ROUTED.vip))).toContain('gitVersion');
  }, 200_000);

  it('A10  the manifest as Cluster API takes it: what its bootstrap does with it ends in a control plane', async () => {
    const { w1 } = world.nodes;
    const printed = await kubevip(
      w1,
      ...['manifest', 'kubeadm-control-plane', '--cluster', 'other', '--address', OTHER_VIP, '--controlplane', '--bgp'],
      ...['--localAS', String(OUR_AS), '--bgppeers', `${LAN.router}:${ROUTER_AS}`],
    );
    const { kind, spec } = parse(printed) as KubeadmControlPlanePatch;
    expect(kind).toBe('KubeadmControlPlane');
    const { files, preKubeadmCommands = [], postKubeadmCommands = [] } = spec.kubeadmConfigSpec;
    const config = parseBootstrapConfig(parse(routedConfig([OTHER_VIP])) as object, 'init', { name: 'the test' });
    const documents = initDocuments(config, {
      nodeName: 'w1',
      nodeIps: [ip(w1.ip), ip(w1.ip6)],
      kubeadm: { major: 1, minor: 36, patch: 2, text: 'v1.36.2' },
      cgroups: 1,
    });
    // As its bootstrap provider has cloud-init do it.
    const [kubeadm, content] = ['/run/kubeadm/kubeadm.yaml', renderDocuments(documents)];
    for (const file of [...files, { path: kubeadm, owner: 'root:root', permissions: '0640', content }]) {
      await w1.must(
        [
          'sh',
          '-c',
          'mkdir -p "$(dirname "$1")" && cat > "$1" && chown "$2" "$1" && chmod "$3" "$1"',
          'sh',
          file.path,
          file.owner,
          file.permissions,
        ],
        { input: file.content },
      );
    }
    for (const command of preKubeadmCommands) await w1.must(['sh', '-c', command]);
    const manifest = files[0]?.path ?? '';
    expect(await w1.must(['cat', manifest])).toContain('path: /etc/kubernetes/super-admin.conf');
    const made = await w1.must(['kubeadm', 'init', '--config', kubeadm]);
    show(
      `w1# kubeadm init --config ${kubeadm}`,
      made
        .split('\n')
        .filter((line) => line.includes('initialized'))
        .join('\n'),
    );
    for (const command of postKubeadmCommands) await w1.must(['sh', '-c', command]);
    expect(await w1.must(['cat', manifest])).not.toContain('super-admin');
    await via(router, `${OTHER_VIP}/32`, ['w1']);
    expect(await page('internet', apiAt(OTHER_VIP))).toContain('gitVersion');
    await eventually(
      'the agent runs with admin.conf',
      async () => {
        const nodes = await w1.run(['kubectl', '-n', 'kube-system', 'get', 'pod', 'kube-vip-w1', '-o', 'yaml']);
        return nodes.stdout.includes('path: /etc/kubernetes/admin.conf') && /ready: true/.test(nodes.stdout);
      },
      90_000,
    );
    await via(router, `${OTHER_VIP}/32`, ['w1']);
    expect(await page('internet', apiAt(OTHER_VIP))).toContain('gitVersion');
  }, 300_000);
});

/** What the agent of a node has said last, and what kubelet has of it. */
async function agentLog(node: RealNode): Promise<string> {
  const logs = 'tail -n 40 /var/log/pods/kube-system_kubevip-*/agent/*.log | cut -c 1-400';
  return (await node.run(['sh', '-c', `${logs}; grep kubevip /var/log/kubelet.log | tail -n 20 | cut -c 1-400`]))
    .stdout;
}
