/** The control-plane VIP by DHCP, with real agents: an address from the router, under a name that its DNS knows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff } from '../../src/lab/faults.ts';
import { readLeases } from '../../src/lab/router/dnsmasq.ts';
import { readControlPlaneRecord } from '../../src/model/control-plane-record.ts';
import { controlPlaneLab, NODES, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const LOOK_UP = `
const { Resolver } = require('node:dns').promises;
const r = new Resolver({ timeout: 500, tries: 2 }); r.setServers(['10.77.0.1']);
r.resolve4(process.argv[1]).then((a) => console.log(a.join()), (e) => console.log(e.code));
`;
const SETTINGS = { address: 'api.lan', vip_ddns: 'true', dhcp_mode: 'ipv4', kubevip_cluster_name: '' };

let lab: TestLab;
let planes: ControlPlaneLab;

beforeAll(async () => {
  lab = await startLab({
    agents: false,
    dhcp: { pingCheck: false },
    upnp: { igd: false, natPmp: false, pcp: false },
  });
  planes = await controlPlaneLab(lab);
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await Promise.all(NODES.map((node) => planes.start(node, SETTINGS)));
}, 120_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const leased = (): string[] => readLeases(lab.paths).flatMap(({ hostname, ip }) => (hostname === 'api' ? [ip] : []));
async function owners(nodes: readonly string[] = NODES): Promise<string[]> {
  const [ip = ''] = leased();
  const has = await Promise.all(
    nodes.map(async (node) =>
      (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0')).stdout.includes(` ${ip}/`),
    ),
  );
  return nodes.filter((_, i) => has[i]);
}
/** As a client that knows nothing but the name, and the router for its DNS. */
async function livez(): Promise<string> {
  const ip = (await lab.on('laptop', process.execPath, '-e', LOOK_UP, 'api.lan')).stdout.trim();
  const to = ['--resolve', `api.lan:6443:${ip}`, 'https://api.lan:6443/livez'];
  return (await lab.on('laptop', 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', ...to))
    .stdout;
}
async function expectServed(): Promise<void> {
  const status = await eventually(livez, (seen) => seen === '200');
  expect(status, status === '200' ? '' : await planes.account()).toBe('200');
}

describe('the control-plane VIP by DHCP', () => {
  it('is one address from the router, served under its name by one node', async () => {
    await expectServed();
    expect(leased()).toHaveLength(1);
    expect(
      await eventually(
        () => owners(),
        (nodes) => nodes.length === 1,
      ),
    ).toHaveLength(1);
    const recorded = async () => readControlPlaneRecord(await planes.lease()).addresses;
    expect(await eventually(recorded, (addresses) => addresses?.join() === leased().join())).toEqual(leased());
  });

  it('stays the same address when its node loses its power, and when all agents begin anew', async () => {
    const [address, [owner = '']] = [leased(), await owners()];
    await powerOff(lab.id, owner);
    await expectServed();
    expect(leased()).toEqual(address);
    const left = NODES.filter((node) => node !== owner);
    for (const node of left) await planes.stop(node);
    for (const node of left) expect(await planes.hasTables(node)).toBe(false);
    expect(await owners(left)).toEqual([]);
    // Nobody gave it back.
    expect(leased()).toEqual(address);
    for (const node of left) await planes.start(node, SETTINGS);
    await expectServed();
    expect(leased()).toEqual(address);
  });
});
