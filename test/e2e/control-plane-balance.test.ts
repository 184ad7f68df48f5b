/** `lb_enable` with real agents: whoever has the VIP spreads its connections over the API servers, and leaves nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/faults.ts';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { controlPlaneLab, NODES, VIPS, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;
let planes: ControlPlaneLab;
const BALANCED = { lb_enable: 'true', lb_fwdmethod: 'tunnel', lb_port: '6443' };

beforeAll(async () => {
  lab = await startLab({ agents: false, dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  planes = await controlPlaneLab(lab);
  // API servers write one address of themselves: those of the other family are with the nodes.
  const labels = { 'node-role.kubernetes.io/control-plane': '' };
  await Promise.all(
    NODES.map((name) => lab.cluster.resource('Node').patch({ name }, { metadata: { labels } }, { type: 'merge' })),
  );
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await Promise.all(NODES.map((node) => planes.start(node, BALANCED)));
}, 120_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function owner(before?: string): Promise<string> {
  const node = await planes.newOwner(before);
  if (node === undefined) throw new Error('nobody has the VIP');
  return node;
}
const hasNat = async (node: string): Promise<boolean> =>
  / ip6? kubevip-control-plane/.test((await lab.on(node, 'nft', 'list', 'tables')).stdout);
const host = (vip: string): string => (vip.includes(':') ? `[${vip}]` : vip);
/** `answered`, or what curl said. */
const ask = async (vip: string, from = 'laptop'): Promise<string> => {
  const args = ['-sSk', '-o', '/dev/null', '--max-time', '5', `https://${host(vip)}:6443/livez`];
  const { code, stderr } = await lab.on(from, 'curl', ...args);
  return code === 0 ? 'answered' : stderr.trim();
};
/** Until the owner spreads over the API servers of these nodes, in each family. */
const balances = async (node: string, over: readonly string[] = NODES): Promise<void> => {
  const backends = async (): Promise<string> => {
    const page = (await lab.curl(node, 'http://127.0.0.1:2113/metrics')) ?? '';
    const ready = [...page.matchAll(/^kubevip_control_plane_backend\{.*address="([^"]+)".*\} 1$/gm)];
    return ready
      .map(([, address]) => address)
      .sort()
      .join();
  };
  const wanted = over
    .map(nodeAddresses)
    .flatMap(({ lan, lan6 }) => [`${lan}:6443`, `[${lan6}]:6443`])
    .sort()
    .join();
  expect(await eventually(backends, (seen) => seen === wanted, 15)).toBe(wanted);
};
/** Which API servers the owner led the connections of the laptop to, by node. */
async function served(node: string, vip: string): Promise<string[]> {
  const family = vip.includes(':') ? 'ipv6' : 'ipv4';
  const { stdout } = await lab.on(node, 'conntrack', '-L', '-f', family, '-p', 'tcp', '--orig-dst', vip);
  const to = [...stdout.matchAll(/src=\S+ dst=\S+ sport=\d+ dport=6443 .*?src=(\S+) dst=/g)].map(([, ip]) => ip);
  const named = (ip: string | undefined): string =>
    NODES.find((one) => [nodeAddresses(one).lan, nodeAddresses(one).lan6].includes(ip ?? '')) ?? node;
  return [...new Set(to.map(named))].sort();
}

describe('connections to the VIP', () => {
  it('are spread over all API servers by the owner alone, in both families', async () => {
    const node = await owner();
    await balances(node);
    for (const vip of VIPS) {
      for (let i = 0; i < 6; i++) expect(await ask(vip)).toBe('answered');
      expect(await served(node, vip)).toEqual([...NODES]);
      expect(await ask(vip, node)).toBe('answered');
    }
    for (const other of NODES.filter((one) => one !== node)) expect(await hasNat(other)).toBe(false);
    expect(planes.log(node)).toContain('lb_fwdmethod=tunnel is a way of IPVS');
  });

  it('no longer go to an API server that is gone, though its agent lives, and do again when it is back', async () => {
    const node = await owner();
    const gone = NODES.find((one) => one !== node) ?? '';
    const rest = NODES.filter((one) => one !== gone);
    await planes.api(gone, false);
    await balances(node, rest);
    for (let i = 0; i < 6; i++) expect(await ask(VIPS[0])).toBe('answered');
    await planes.api(gone, true);
    await balances(node);
    expect(planes.owner()).toBe(node);
  });

  it('are spread by the next owner when the one that did loses its power', async () => {
    const before = await owner();
    await powerOff(lab.id, before);
    const next = await owner(before);
    await balances(
      next,
      NODES.filter((one) => one !== before),
    );
    for (let i = 0; i < 4; i++) expect(await ask(VIPS[0])).toBe('answered');
    await powerOn(lab.id, before);
    await planes.api(before, true);
    await planes.start(before, BALANCED);
    await balances(next);
    expect(await hasNat(before)).toBe(false);
  });

  it('all go to the owner when no other API server is left', async () => {
    const node = await owner();
    await Promise.all(NODES.filter((one) => one !== node).map((one) => planes.api(one, false)));
    await balances(node, [node]);
    // The rules follow in a moment.
    for (const vip of VIPS) {
      expect(
        await eventually(
          async () => ask(vip),
          (said) => said === 'answered',
          10,
        ),
      ).toBe('answered');
    }
    expect(
      await eventually(
        () => hasNat(node),
        (has) => !has,
        5,
      ),
    ).toBe(false);
    await Promise.all(NODES.map((one) => planes.api(one, true)));
    await balances(node);
  });
});

describe('on the node nothing is left', () => {
  it('when the agent ends', async () => {
    const before = await owner();
    await balances(before);
    await planes.stop(before);
    expect(await hasNat(before)).toBe(false);
    const next = await owner(before);
    expect(await planes.served()).toBe(true);
    await planes.start(before, BALANCED);
    await balances(next);
  });

  it('when it is killed and started again, also without lb_enable', async () => {
    const before = await owner();
    await planes.stop(before, 'kill');
    expect(await hasNat(before)).toBe(true);
    await owner(before);
    await planes.start(before, { lb_enable: 'false' });
    expect(
      await eventually(
        () => hasNat(before),
        (has) => !has,
        10,
      ),
    ).toBe(false);
    expect(await planes.served()).toBe(true);
  });
});
