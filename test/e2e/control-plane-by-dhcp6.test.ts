/** The control-plane VIP by DHCP in both families, with real agents: addresses from the router, under a name that its DNS knows. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff } from '../../src/lab/faults.ts';
import { readControlPlaneRecord } from '../../src/model/control-plane-record.ts';
import { controlPlaneLab, NODES, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const LOOK_UP = `
const { Resolver } = require('node:dns').promises;
const r = new Resolver({ timeout: 500, tries: 2 }); r.setServers(['10.77.0.1']);
Promise.all([r.resolve4('api.lan'), r.resolve6('api.lan')]).then((a) => console.log(a.flat().join()), (e) => console.log(e.code));
`;
const SETTINGS = { address: 'api.lan', vip_ddns: 'true', dhcp_mode: 'dual', kubevip_cluster_name: '' };

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

/** Addresses of either family that dnsmasq has leased under the name, IPv4 first as in its file. */
function leased(): string[] {
  return readFileSync(lab.paths.leases, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, , ip = '', name] = line.split(' ');
      return name === 'api' ? [ip] : [];
    });
}
async function owners(nodes: readonly string[] = NODES): Promise<string[]> {
  const ips = leased();
  const has = await Promise.all(
    nodes.map(async (node) => {
      const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
      return ips.length > 0 && ips.every((ip) => stdout.includes(` ${ip}/`));
    }),
  );
  return nodes.filter((_, i) => has[i]);
}
/** As a client that knows nothing but the name, and the router for its DNS: at each address that it is told. */
async function livez(): Promise<string> {
  const ips = (await lab.on('laptop', process.execPath, '-e', LOOK_UP)).stdout.trim().split(',');
  const statuses = ips.map(async (ip) => {
    const to = ['--resolve', `api.lan:6443:${ip.includes(':') ? `[${ip}]` : ip}`, 'https://api.lan:6443/livez'];
    return (await lab.on('laptop', 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', ...to))
      .stdout;
  });
  return (await Promise.all(statuses)).join();
}
async function expectServed(): Promise<void> {
  const status = await eventually(livez, (seen) => seen === '200,200');
  expect(status, status === '200,200' ? '' : await planes.account()).toBe('200,200');
}

describe('the control-plane VIP by DHCP with dhcp_mode=dual', () => {
  it('is an address of each family from the router, served under its name by one node', async () => {
    await expectServed();
    const [v4 = '', v6 = '', ...more] = leased();
    expect(v4).toMatch(/^10\.77\.0\.1\d\d$/);
    expect(v6).toMatch(/::1[0-9a-f]{3}$/);
    expect(more).toEqual([]);
    expect(
      await eventually(
        () => owners(),
        (nodes) => nodes.length === 1,
      ),
    ).toHaveLength(1);
    const recorded = async () => readControlPlaneRecord(await planes.lease()).addresses;
    expect(await eventually(recorded, (addresses) => addresses?.join() === leased().join())).toEqual([v4, v6]);
  });

  it('stays the same addresses when its node loses its power', async () => {
    const [addresses, [owner = '']] = [leased(), await owners()];
    await powerOff(lab.id, owner);
    await expectServed();
    expect(leased()).toEqual(addresses);
    expect(await owners(NODES.filter((node) => node !== owner))).toHaveLength(1);
  });
});
