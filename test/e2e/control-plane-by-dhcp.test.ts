/** The control-plane VIP by DHCP, with real agents: addresses from the router, under a name that its DNS knows. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff } from '../../src/lab/faults.ts';
import { readControlPlaneRecord } from '../../src/model/control-plane-record.ts';
import { controlPlaneLab, NODES, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const LOOK_UP = `
const { Resolver } = require('node:dns').promises;
const r = new Resolver({ timeout: 500, tries: 2 }); r.setServers(['10.77.0.1']);
const none = (e) => { if (e.code === 'ENODATA') return []; throw e; };
Promise.all([r.resolve4('api.lan').catch(none), r.resolve6('api.lan').catch(none)])
  .then((a) => console.log(a.flat().join()), (e) => console.log(e.code));
`;
const V4 = /^10\.77\.0\.1\d\d$/;
const V6 = /::1[0-9a-f]{3}$/;

describe.each([
  ['ipv4', [V4]],
  ['dual', [V4, V6]],
])('the control-plane VIP by DHCP, dhcp_mode=%s', (mode, forms) => {
  const settings = { address: 'api.lan', vip_ddns: 'true', dhcp_mode: mode, kubevip_cluster_name: '' };
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
    await Promise.all(NODES.map((node) => planes.start(node, settings)));
  }, 120_000);
  afterAll(async () => {
    await planes[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  /** Addresses of either family that dnsmasq has leased under the name, IPv4 first as in its file. */
  const leased = (): string[] =>
    readFileSync(lab.paths.leases, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, , ip = '', name] = line.split(' ');
        return name === 'api' ? [ip] : [];
      });
  const owners = async (nodes: readonly string[] = NODES): Promise<string[]> => {
    const ips = leased();
    const has = await Promise.all(
      nodes.map(async (node) => {
        const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
        return ips.length > 0 && ips.every((ip) => stdout.includes(` ${ip}/`));
      }),
    );
    return nodes.filter((_, i) => has[i]);
  };
  /** As a client that knows nothing but the name, and the router for its DNS: at each address that it is told. */
  const livez = async (): Promise<string> => {
    const ips = (await lab.on('laptop', process.execPath, '-e', LOOK_UP)).stdout.trim().split(',');
    const statuses = ips.map(async (ip) => {
      const to = ['--resolve', `api.lan:6443:${ip.includes(':') ? `[${ip}]` : ip}`, 'https://api.lan:6443/livez'];
      return (await lab.on('laptop', 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', ...to))
        .stdout;
    });
    return (await Promise.all(statuses)).join();
  };
  const expectServed = async (): Promise<void> => {
    const good = forms.map(() => '200').join();
    const status = await eventually(livez, (seen) => seen === good);
    expect(status, status === good ? '' : await planes.account()).toBe(good);
  };

  it('is an address of each family from the router, served under its name by one node', async () => {
    await expectServed();
    const ips = leased();
    expect(ips).toEqual(forms.map((form): unknown => expect.stringMatching(form)));
    expect(
      await eventually(
        () => owners(),
        (nodes) => nodes.length === 1,
      ),
    ).toHaveLength(1);
    const recorded = async () => readControlPlaneRecord(await planes.lease()).addresses;
    expect(await eventually(recorded, (addresses) => addresses?.join() === ips.join())).toEqual(ips);
  });

  it('stays what it is when its node loses its power, and when all agents begin anew', async () => {
    const [ips, [owner = '']] = [leased(), await owners()];
    await powerOff(lab.id, owner);
    await expectServed();
    expect(leased()).toEqual(ips);
    const left = NODES.filter((node) => node !== owner);
    for (const node of left) await planes.stop(node);
    for (const node of left) expect(await planes.hasTables(node)).toBe(false);
    expect(await owners(left)).toEqual([]);
    // Nobody gave it back.
    expect(leased()).toEqual(ips);
    for (const node of left) await planes.start(node, settings);
    await expectServed();
    expect(leased()).toEqual(ips);
  });
});
