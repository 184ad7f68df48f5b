/** Addresses by DNS names, of a Service and of the control plane, with a name server on the LAN whose records change. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labUp } from '../../src/lab/lab.ts';
import { LAN, netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { spawnDaemon, stopProcess, type ProcessId } from '../../src/lab/process.ts';
import { KEY } from '../../src/model/annotations.ts';
import { controlPlaneLab, NODES, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const OPTIONS = { dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } } as const;
const WEB = 'web.home.test';
const API = 'api.home.test';
const SERVICE = { name: 'web', namespace: 'default' } as const;

let lab: TestLab;
let planes: ControlPlaneLab;
let dir: string;
let server: ProcessId | undefined;

/** As `ip netns exec` puts it over the machine's own file. */
const resolver = (node: string): string => join('/etc/netns', netnsOf(lab.paths, node));

/** What the name server knows from now on. */
function records(all: Readonly<Record<string, readonly string[]>>): void {
  const lines = Object.entries(all).flatMap(([name, ips]) => ips.map((ip) => `${ip} ${name}\n`));
  writeFileSync(join(dir, 'records'), lines.join(''));
  if (server) process.kill(server.pid, 'SIGHUP');
}

async function serve(): Promise<void> {
  server = spawnDaemon({
    netns: netnsOf(lab.paths, 'laptop'),
    argv: [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-resolv', '--no-hosts'],
      ...[`--addn-hosts=${join(dir, 'records')}`, `--listen-address=${LAN.laptop}`, '--bind-interfaces'],
    ],
    logFile: join(dir, 'log'),
  });
  const { code } = await eventually(
    () => lab.on('n1', 'getent', 'ahosts', WEB),
    (found) => found.code === 0,
  );
  expect(code).toBe(0);
}

beforeAll(async () => {
  lab = await startLab({ ...OPTIONS, agents: false });
  dir = mkdtempSync(join(tmpdir(), 'kubevip-test-'));
  // dnsmasq reads it as a user of its own.
  chmodSync(dir, 0o755);
  for (const node of NODES) {
    mkdirSync(resolver(node), { recursive: true });
    writeFileSync(join(resolver(node), 'resolv.conf'), `nameserver ${LAN.laptop}\noptions timeout:1 attempts:1\n`);
  }
  records({ [WEB]: ['10.77.0.210'], [API]: ['10.77.0.240', '2001:db8:77::240'] });
  await serve();
  planes = await controlPlaneLab(lab);
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await labUp(lab.id, OPTIONS);
  await lab.deployment('web', 2);
  await lab.running(2);
}, 180_000);
afterAll(async () => {
  await (planes as ControlPlaneLab | undefined)?.[Symbol.asyncDispose]();
  if (server) await stopProcess(server);
  for (const node of NODES) rmSync(resolver(node), { recursive: true, force: true });
  // Unless somebody else has one there.
  if (readdirSync('/etc/netns').length === 0) rmdirSync('/etc/netns');
  rmSync(dir, { recursive: true, force: true });
  await lab[Symbol.asyncDispose]();
});

const ingress = async (): Promise<string> => {
  const { status } = await lab.cluster.resource('Service').get(SERVICE);
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join();
};
const until = (ips: string): Promise<string> => eventually(ingress, (found) => found === ips);
const page = (ip: string): Promise<string | undefined> =>
  eventually(() => lab.curl('laptop', `http://${ip.includes(':') ? `[${ip}]` : ip}/`), Boolean, 10);

describe('a DNS name as a Service’s address', () => {
  it('is resolved, and the Service is served there', async () => {
    await lab.cluster.resource('Service').create({
      metadata: { ...SERVICE, annotations: { [KEY.loadBalancerIPs]: WEB } },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] },
    });
    expect(await until('10.77.0.210')).toBe('10.77.0.210');
    expect(await page('10.77.0.210')).toContain('web');
  });

  it('is followed when the record changes, and the former address goes', async () => {
    records({ [WEB]: ['10.77.0.211'], [API]: ['10.77.0.240', '2001:db8:77::240'] });
    expect(await until('10.77.0.211')).toBe('10.77.0.211');
    expect(await page('10.77.0.211')).toContain('web');
    for (const node of NODES) {
      const text = await eventually(
        async () => (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0')).stdout,
        (found) => !found.includes(' 10.77.0.210/'),
      );
      expect(text, node).not.toContain(' 10.77.0.210/');
    }
  });

  it('is not followed to an address that another machine has, which is said', async () => {
    const taken = nodeAddresses('n1').lan;
    records({ [WEB]: [taken], [API]: ['10.77.0.240', '2001:db8:77::240'] });
    const notes = async (): Promise<string> =>
      (await lab.cluster.resource('Event').list({ namespace: 'default' })).items
        .filter(({ reason }) => reason === 'AddressNotFollowed')
        .map(({ note = '' }) => note)
        .join();
    expect(await eventually(notes, (text) => text.includes(taken))).toContain(`${WEB} is ${taken}: ${taken} `);
    expect(await ingress()).toBe('10.77.0.211');
    expect(await page('10.77.0.211')).toContain('web');
  });

  it('stays what it was while no name server answers', async () => {
    records({ [WEB]: ['10.77.0.211'], [API]: ['10.77.0.240', '2001:db8:77::240'] });
    if (server) await stopProcess(server);
    server = undefined;
    await delay(10_000);
    expect(await ingress()).toBe('10.77.0.211');
    expect(await page('10.77.0.211')).toContain('web');
    await serve();
  });

  it('goes with the Service', async () => {
    await lab.cluster.resource('Service').delete(SERVICE);
    const left = await eventually(
      () => lab.leftovers(),
      (text) => !text.includes('10.77.0.211/'),
    );
    expect(left).not.toContain('10.77.0.211/');
  });
});

describe('a DNS name as the control plane’s address', () => {
  const status = async (ip: string): Promise<string> => {
    const url = `https://${ip.includes(':') ? `[${ip}]` : ip}:6443/livez`;
    const args = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', url];
    return eventually(
      async () => (await lab.on('laptop', 'curl', ...args)).stdout,
      (code) => code === '200',
    );
  };

  it('is resolved in both families, and followed when a record changes; clients of before are still served', async () => {
    await Promise.all(NODES.map((node) => planes.start(node, { address: API, dns_mode: 'dual' })));
    expect(await status('10.77.0.240')).toBe('200');
    expect(await status('2001:db8:77::240')).toBe('200');
    records({ [WEB]: [], [API]: ['10.77.0.241', '2001:db8:77::240'] });
    expect(await status('10.77.0.241')).toBe('200');
    expect(await status('10.77.0.240')).toBe('200');
    expect(await status('2001:db8:77::240')).toBe('200');
    await Promise.all(NODES.map((node) => planes.stop(node)));
    for (const node of NODES) {
      const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
      expect(stdout, node).not.toMatch(/ (10\.77\.0\.24[01]|2001:db8:77::240)\//);
      expect(await planes.hasTables(node), node).toBe(false);
    }
  });
});
