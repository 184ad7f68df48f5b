/**
 * Three nodes with a pod each, kube-proxy's rules of the lab, and a power cut: who asks the address of the Service is
 * led past the dead pod by our rules alone, since the rules in place of kube-proxy's stay as they are.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { detours } from '../../../src/exposure/endpoints/detours.ts';
import { proxyRules } from '../../../src/lab/cluster/proxy-rules.ts';
import { createDetourTable } from '../../../src/linux/detour-table.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createLan, eventually, type Lan, type LanHost } from '../../support/netns.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const VIP = '10.77.0.200';
const VIP6 = '2001:db8:77::200';
const NODES = ['n1', 'n2', 'n3'] as const;
const LAP = '10.77.0.14';
const pod = (i: number): string => `10.88.${11 + i}.2`;
const pod6 = (i: number): string => `fd88:${11 + i}::2`;
const PORTS: Service['spec']['ports'] = [
  { name: 'http', port: 80 },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const SLICES = [
  sliceOf(
    'web',
    NODES.map((node, i) => [pod(i), node]),
  ),
  sliceOf(
    'web',
    NODES.map((node, i) => [pod6(i), node]),
  ),
];

/** Says its name, and whom it sees. */
const SERVER = `
const [node, ...ips] = process.argv.slice(1);
for (const ip of ips) {
  require('node:net').createServer((s) => { s.on('error', () => {}); s.write(node + ' ' + s.remoteAddress + '\\n'); s.on('data', (d) => s.write(d)); }).listen(8080, ip);
  const u = require('node:dgram').createSocket(ip.includes(':') ? 'udp6' : 'udp4', (m, f) => u.send(node + ' ' + f.address, f.port, f.address)).bind(53, ip);
}
process.stdout.write('listening');
`;
/** Connects or asks so many times, one after the other, and prints what was said, or \`failed\`. */
const CLIENT = `
const [host, kind, times, patience, source] = process.argv.slice(1);
const net = require('node:net'), dgram = require('node:dgram');
const tcp = () => new Promise((done) => {
  const s = net.connect({ host, port: 80, ...(source ? { localAddress: source } : {}) });
  const end = (text) => { s.destroy(); done(text); };
  s.setTimeout(Number(patience), () => end('failed'));
  s.on('error', () => end('failed')).once('data', (d) => end(String(d).trim()));
});
const udp = () => new Promise((done) => {
  const s = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const end = (text) => { clearTimeout(timer); s.close(); done(text); };
  const timer = setTimeout(end, Number(patience), 'failed');
  s.on('error', () => end('failed')).on('message', (m) => end(String(m)));
  s.send('?', 53, host);
});
(async () => {
  const ask = kind === 'udp' ? udp : tcp;
  if (kind === 'together') return console.log((await Promise.all(Array.from({ length: times }, tcp))).join('\\n'));
  for (let i = 0; i < times; i++) console.log(await ask());
})();
`;

let lan: Lan<'n1' | 'n2' | 'n3' | 'lap'>;
const ask = async (from: LanHost, host: string, kind = 'tcp', times = 30, patience = 150): Promise<string[]> =>
  (await from.must([process.execPath, '-e', CLIENT, host, kind, `${times}`, `${patience}`])).trim().split('\n');
const failed = (answers: readonly string[]): number => answers.filter((answer) => answer === 'failed').length;
const servers = (answers: readonly string[]): string[] =>
  [...new Set(answers.map((a) => a.split(' ')[0] ?? ''))].sort();

/** What kube-proxy makes of the Service on n1, with every pod listed. */
async function proxy(service: Service): Promise<void> {
  await lan.hosts.n1.must(['nft', '-f', '-'], { input: proxyRules('n1', [service], SLICES) });
}
async function avoid(service: Service, ...dead: string[]): Promise<void> {
  const wanted = detours({ node: 'n1', services: [service], slices: SLICES, dead: new Set(dead) });
  await createDetourTable({ netns: lan.hosts.n1.netns }).set(wanted);
}
const service = (spec: Partial<Service['spec']> = {}): Service =>
  servedService('web', [VIP, VIP6], { ports: PORTS, clusterIPs: ['10.96.0.10', 'fd96::10'], ...spec });

beforeAll(async () => {
  lan = await createLan({ nodes: [...NODES, 'lap'] });
  const { n1, lap } = lan.hosts;
  for (const [i, name] of NODES.entries()) {
    const host = lan.hosts[name];
    await host.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
    await host.ip8(
      'link set lo up',
      `addr add 2001:db8:77::${11 + i}/64 dev eth0 nodad`,
      `addr add ${pod(i)}/32 dev lo`,
      `addr add ${pod6(i)}/128 dev lo nodad`,
      ...NODES.flatMap((_, other) =>
        other === i
          ? []
          : [
              `route add ${pod(other)}/32 via 10.77.0.${11 + other}`,
              `route add ${pod6(other)}/128 via 2001:db8:77::${11 + other}`,
            ],
      ),
    );
    const server = host.daemon([process.execPath, '-e', SERVER, name, pod(i), pod6(i)]);
    await eventually(`the pod on ${name}`, () => server.log().includes('listening'));
  }
  await n1.ip8(`addr add ${VIP}/32 dev eth0`, `addr add ${VIP6}/128 dev eth0 nodad`);
  await lap.ip8('addr add 2001:db8:77::14/64 dev eth0 nodad');
});
afterAll(() => lan.dispose());

describe('traffic to an address of ours after a power cut', () => {
  beforeEach(async () => {
    await lan.setCable('n3', true);
    await avoid(service());
    await proxy(service());
  });

  it('reaches every pod, then fails for a share of the clients, and with our rules for none, in both families', async () => {
    const { lap } = lan.hosts;
    for (const vip of [VIP, VIP6]) {
      for (const kind of ['tcp', 'udp']) {
        await lan.setCable('n3', true);
        await avoid(service());
        // A neighbour that was dead a moment ago is asked for first.
        await eventually('all three', async () => servers(await ask(lap, vip, kind)).join() === NODES.join());
        await lan.setCable('n3', false);
        expect(failed(await ask(lap, vip, kind))).toBeGreaterThan(0);
        await avoid(service(), 'n3');
        const answers = await ask(lap, vip, kind);
        expect(failed(answers), `${kind} to ${vip}: ${answers.join()}`).toBe(0);
        expect(servers(answers)).toEqual(['n1', 'n2']);
      }
    }
  });

  it('is led on after the rules have changed, where its first packet went to the dead pod', async () => {
    for (const vip of [VIP, VIP6]) {
      await lan.setCable('n3', false);
      await avoid(service());
      const asked = ask(lan.hosts.lap, vip, 'together', 30, 8000);
      // Of thirty some wait for the dead pod by then.
      const waiting = async (): Promise<number> =>
        (await lan.hosts.lap.must(['ss', '-Htn', 'state', 'syn-sent'])).trim().split('\n').filter(Boolean).length;
      await eventually('clients that wait', async () => (await waiting()) > 0);
      await avoid(service(), 'n3');
      const answers = await asked;
      expect([failed(answers), servers(answers)]).toEqual([0, ['n1', 'n2']]);
    }
  });

  it('comes under the name of the node, so that the answer finds back; also from the node itself', async () => {
    await lan.setCable('n3', false);
    await avoid(service(), 'n3');
    const seen = (await ask(lan.hosts.lap, VIP)).filter((answer) => answer.startsWith('n2'));
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((answer) => answer === 'n2 10.77.0.11')).toBe(true);
    for (const vip of [VIP, VIP6]) expect(servers(await ask(lan.hosts.n1, vip))).toEqual(['n1', 'n2']);
  });

  it('is served by the last node alone, with two off', async () => {
    await lan.setCable('n3', false);
    await lan.setCable('n2', false);
    await avoid(service(), 'n2', 'n3');
    for (const vip of [VIP, VIP6]) expect(servers(await ask(lan.hosts.lap, vip))).toEqual(['n1']);
    await lan.setCable('n2', true);
  });

  it('stays on this node with policy Local, and shows the pod the client', async () => {
    const local = service({ externalTrafficPolicy: 'Local' });
    await proxy(local);
    await lan.setCable('n3', false);
    await avoid(local, 'n3');
    expect(new Set(await ask(lan.hosts.lap, VIP))).toEqual(new Set([`n1 ${LAP}`]));
  });

  it('goes to one pod with affinity', async () => {
    const sticky = service({ sessionAffinity: 'ClientIP' });
    await lan.setCable('n3', false);
    await avoid(sticky, 'n3');
    const answers = await ask(lan.hosts.lap, VIP);
    expect([failed(answers), servers(answers).length]).toEqual([0, 1]);
  });

  it('is left to kube-proxy for clients that may not come', async () => {
    await lan.setCable('n3', false);
    await avoid(service({ loadBalancerSourceRanges: ['10.77.0.99/32'] }), 'n3');
    expect(failed(await ask(lan.hosts.lap, VIP))).toBeGreaterThan(0);
    await avoid(service({ loadBalancerSourceRanges: [`${LAP}/32`, '10.77.0.8/29'] }), 'n3');
    expect(failed(await ask(lan.hosts.lap, VIP))).toBe(0);
  });

  it('leaves no rule once nobody is dead, runs out without an agent, and lets other tables alone', async () => {
    const { n1 } = lan.hosts;
    await avoid(service(), 'n3');
    const rules = await n1.must(['nft', 'list', 'ruleset']);
    expect(rules).toMatch(/table ip kubevip [^]*expires/);
    await avoid(service());
    expect((await n1.must(['nft', 'list', 'tables'])).trim().split('\n').sort()).toEqual([
      'table ip kube-proxy',
      'table ip6 kube-proxy',
    ]);
  });
});
