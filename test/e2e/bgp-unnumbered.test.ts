/** A peer that is named by its interface on both sides: nobody types an address, and IPv4 goes by way of IPv6 (RFC 8950). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopAgent } from '../../src/lab/faults.ts';
import { bgpLab, BGP_ENV, ROUTED, ROUTER_AS, type BgpLab } from '../support/bgp-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;
let bgp: BgpLab;
let ips: string[] = [];

beforeAll(async () => {
  lab = await startLab({
    nodes: 1,
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    agentEnv: { ...BGP_ENV, bgp_peers: `unnumbered:eth0:${ROUTER_AS}` },
  });
  bgp = await bgpLab(lab, { n1: { link: 'eth0' } }, { nodes: ['n1'] });
  await lab.pools({ 'cidr-global': `${ROUTED.pool},${ROUTED.pool6}` });
  await lab.deployment('web', 1);
  await lab.running(1);
  await lab.cluster.resource('Service').create({
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      ipFamilyPolicy: 'RequireDualStack',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 80 }],
    },
  });
  const service = await eventually(
    () => lab.cluster.resource('Service').get({ name: 'web', namespace: 'default' }),
    ({ status }) => (status?.loadBalancer?.ingress ?? []).length === 2,
  );
  ips = (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
}, 180_000);
afterAll(async () => {
  await (bgp as BgpLab | undefined)?.kill();
  await lab[Symbol.asyncDispose]();
});

const prefixOf = (ip: string): string => (ip.includes(':') ? `${ip}/128` : `${ip}/32`);
const linkLocal = async (host: string): Promise<string> => {
  const { stdout } = await lab.on(host, 'ip', '-o', '-6', 'addr', 'show', 'dev', 'eth0', 'scope', 'link');
  return / inet6 (fe80\S+)\//.exec(stdout)?.[1] ?? '';
};

/** As the kernel of the router has it. */
const routeTo = async (ip: string): Promise<string> =>
  (await lab.on('router', 'ip', ip.includes(':') ? '-6' : '-4', 'route', 'show', ip)).stdout;

describe('unnumbered, with FRR', () => {
  it('the two find each other by what they advertise, and the session stands', async () => {
    expect(await eventually(() => bgp.established('n1'), Boolean, 30)).toBe(true);
    // The agent writes down how its sessions are two seconds later.
    const peer = `${await linkLocal('router')}%eth0`;
    const status = async (): Promise<string> => (await lab.kubevip('status', '-A')).stdout;
    expect(await eventually(status, (text) => text.includes(peer), 20)).toContain(peer);
  });

  it('routes of both families are in the kernel of the router, and served beyond it', async () => {
    const next = await linkLocal('n1');
    for (const ip of ips) {
      expect(await bgp.untilVia(prefixOf(ip), ['n1'])).toEqual(['n1']);
      expect(await routeTo(ip)).toContain(`via ${ip.includes(':') ? '' : 'inet6 '}${next} dev eth0`);
      const url = `http://${ip.includes(':') ? `[${ip}]` : ip}/`;
      expect(await eventually(() => lab.curl('internet', url), Boolean, 20)).toContain('web');
    }
  });

  it('no host takes the node for a way out', async () => {
    const { stdout } = await lab.on('laptop', 'ip', '-6', 'route', 'show', 'default');
    expect(stdout).not.toContain(await linkLocal('n1'));
  });

  it('IPv4 needs no address of IPv4 on the link', async () => {
    const [v4 = ''] = ips;
    await lab.on('n1', 'ip', '-4', 'addr', 'flush', 'dev', 'eth0');
    const via = `via inet6 ${await linkLocal('n1')} dev eth0`;
    expect(
      await eventually(
        () => routeTo(v4),
        (text) => text.includes(via),
        20,
      ),
    ).toContain(via);
  });

  it('routes go when the agent ends', async () => {
    await stopAgent(lab.id, 'n1');
    for (const ip of ips) expect(await bgp.untilVia(prefixOf(ip), [])).toEqual([]);
  });
});
