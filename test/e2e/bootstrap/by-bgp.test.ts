/** A cluster whose addresses routers are told of, over a session of IPv6 with a password: made, looked at, and given back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOrThrow } from '../../../src/lab/exec.ts';
import { configure } from '../../../src/lab/netns.ts';
import { netnsOf } from '../../../src/lab/layout.ts';
import type { StatusReport } from '../../../src/workflows/status/report.ts';
import type { UninstallResult } from '../../../src/workflows/install/uninstall.ts';
import { bgpOn, type BgpLab } from '../../support/bgp-lab.ts';
import { kubevip } from '../../support/kubeadm/kubevip.ts';
import { createWorld, GATEWAY, type World } from '../../support/kubeadm/world.ts';
import { eventually } from '../../support/netns.ts';

const VIP = '10.90.0.100';
const FIRST = '10.90.0.120';
const ROUTER = 'fd77::1';
const NODE = 'fd77::11';
const [OURS, THEIRS] = [65_000, 65_001];
const PASSWORD = 'hush-hush';
const FILE = '/root/router-password';
const ADMIN = '/etc/kubernetes/admin.conf';
const INIT = [
  ...['init', '--vip', VIP, '--pool', `${FIRST}-10.90.0.129`, '--yes', '--bgp-as', String(OURS)],
  ...['--bgp-password-file', FILE, '--bgp-hold-time', '9'],
];
const RIGHT = [...INIT, '--bgp-peer', `[${ROUTER}]:${THEIRS}`];

let world: World<'n1'>;
let router: BgpLab;

beforeAll(async () => {
  world = await createWorld({ nodes: ['n1'] });
  const { n1 } = world.nodes;
  const gateway = netnsOf(world, 'sw');
  await configure(gateway, [`addr add ${ROUTER}/64 dev br0 nodad`]);
  // Beyond the router is whoever is on the LAN and goes by it.
  await runOrThrow(['sysctl', '-qw', 'net.ipv4.ip_forward=1'], { netns: gateway });
  await n1.must(['ip', 'address', 'add', `${NODE}/64`, 'dev', 'eth0', 'nodad']);
  await n1.write(FILE, `${PASSWORD}\n`);
  router = await bgpOn(world, {
    on: 'sw',
    as: THEIRS,
    ip: GATEWAY,
    ip6: ROUTER,
    neighbors: [{ name: 'n1', ip: NODE, as: OURS, password: PASSWORD }],
  });
});
afterAll(async () => {
  await (router as BgpLab | undefined)?.kill();
  await world[Symbol.asyncDispose]();
});

const announced = async (ip: string, nodes: readonly string[]): Promise<void> =>
  expect(await router.untilVia(`${ip}/32`, nodes, 30), ip).toEqual(nodes);

async function status(): Promise<StatusReport> {
  const { stdout } = await kubevip(world.nodes.n1, ['status', '--json']);
  return (JSON.parse(stdout) as { readonly result: StatusReport }).result;
}

describe('a cluster that routers are told of', () => {
  it('is not begun where the router is in another AS than it is said to be', async () => {
    const { n1 } = world.nodes;
    const { code, stderr } = await kubevip(n1, [...INIT, '--bgp-peer', `[${ROUTER}]:65009`]);
    expect(code, stderr).toBe(3);
    expect(stderr).toContain(`the router ${ROUTER} says that it is in AS ${THEIRS}, and --bgp-peer has AS 65009`);
    expect(n1.read('/etc/kubernetes/admin.conf')).toBeUndefined();
  });

  it('is made over a session of IPv6, with a password that only the Secret has', async () => {
    const { n1 } = world.nodes;
    const { code, stdout, stderr } = await kubevip(n1, RIGHT);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`${ROUTER} knows the way`);
    expect(stdout).toMatch(/loses its power is sent traffic for up to 9 s.*--bgp-bfd 300x3/);
    await announced(VIP, ['n1']);
    const { code: answered, body } = await n1.ask(ADMIN, 'GET', '/api/v1/namespaces/kube-system/secrets/kubevip-bgp');
    expect(answered).toBe(200);
    expect(body).toMatchObject({ data: { 'fd77--1': Buffer.from(PASSWORD).toString('base64') } });
    const found = await n1.run(['grep', '-rl', PASSWORD, '/etc/kubernetes', '/var/lib/kubevip', '/var/log']);
    expect(found.stdout).toBe('');
    expect(`${stdout}${stderr}`).not.toContain(PASSWORD);
  });

  it('has a status that names who announces, and no owner', async () => {
    const path = '/api/v1/namespaces/default/services';
    const spec = { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec };
    expect((await world.nodes.n1.ask(ADMIN, 'POST', path, { body: service })).code).toBe(201);
    await announced(FIRST, ['n1']);
    const report = await eventually('status has it', async () => {
      const said = await status();
      return said.services[0]?.announcedBy?.length === 1 ? said : undefined;
    });
    expect(report?.controlPlane).toMatchObject({ addresses: [VIP], everyNode: true, announcedBy: ['n1'] });
    expect(report?.services).toMatchObject([{ name: 'web', everyNode: true, announcedBy: ['n1'] }]);
    expect(report?.controlPlane).not.toHaveProperty('owner');
    expect(report?.services[0]).not.toHaveProperty('owner');
  });

  it('is left by Services at uninstall; the virtual IP stays, and that is said', async () => {
    const { n1 } = world.nodes;
    const { code, stdout, stderr } = await kubevip(n1, ['uninstall', '--yes', '--json']);
    expect(code, stderr).toBe(0);
    const { removed, stays } = (JSON.parse(stdout) as { readonly result: UninstallResult }).result;
    expect(removed).toContain('DaemonSet kube-system/kubevip');
    expect(stays[0]).toMatch(/^n1: the agent .* stays/);
    await announced(FIRST, []);
    await announced(VIP, ['n1']);
    const { body } = await n1.ask(ADMIN, 'GET', '/api/v1/namespaces/default/services/web');
    expect(JSON.stringify(body)).not.toContain('kubevip.dev');
    // And what was left is enough to serve them again.
    expect((await kubevip(n1, RIGHT)).code).toBe(0);
    await announced(FIRST, ['n1']);
  });
});
