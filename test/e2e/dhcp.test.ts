/** What the router's DHCP server does to a Service that is in use, and what stays with the server: whole agents, a real one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopDaemon } from '../../src/lab/daemons.ts';
import { startAgent, stopAgent } from '../../src/lab/faults.ts';
import { netnsOf } from '../../src/lab/layout.ts';
import { spawnDaemon, stopProcess, type ProcessId } from '../../src/lab/process.ts';
import { readLeases } from '../../src/lab/router/dnsmasq.ts';
import { CONDITION, KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;
let running: ProcessId | undefined;

async function stopServer(): Promise<void> {
  if (running) await stopProcess(running);
  running = undefined;
}

/** The lab's dnsmasq with more lines in its configuration, in place of the one before. */
async function server(...lines: readonly string[]): Promise<void> {
  await stopServer();
  const config = join(lab.paths.config, 'dnsmasq-test.conf');
  const usual = readFileSync(join(lab.paths.config, 'dnsmasq.conf'), 'utf8');
  // Renewals within seconds; dnsmasq's shortest lease is of two minutes.
  const brisk = ['dhcp-option=option:T1,4', 'dhcp-option=option:T2,20'];
  writeFileSync(config, `${usual}${[...brisk, ...lines].join('\n')}\n`);
  running = spawnDaemon({
    netns: netnsOf(lab.paths, 'router'),
    argv: ['dnsmasq', '--keep-in-foreground', `--conf-file=${config}`, '--pid-file='],
    logFile: join(lab.paths.config, 'dnsmasq-test.log'),
  });
}

beforeAll(async () => {
  lab = await startLab({ nodes: 2, dhcp: { pingCheck: false, leaseTime: '2m' }, agentEnv: { dhcp_spare: '1' } });
  await lab.deployment('web', 1);
  await stopDaemon(lab.paths, 'router-dnsmasq');
  await server();
  await lab.cluster.resource('Service').create({
    metadata: {
      name: 'web',
      namespace: 'default',
      annotations: { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.mdns]: 'true' },
    },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
  });
}, 120_000);
afterAll(async () => {
  await stopServer();
  await lab[Symbol.asyncDispose]();
});

const service = (): Promise<Service | undefined> =>
  lab.cluster.resource('Service').find({ name: 'web', namespace: 'default' });
const ipOf = async (): Promise<string | undefined> => (await service())?.status?.loadBalancer?.ingress?.[0]?.ip;
const addressCondition = async (): Promise<string | undefined> =>
  (await service())?.status?.conditions?.find(({ type }) => type === CONDITION.address)?.reason;
const namedAs = async (): Promise<string | undefined> =>
  (await lab.on('laptop', 'avahi-resolve', '-4', '-n', 'web.local')).stdout.split(/\s+/)[1];
const leaseOf = (ip: string | undefined): ReturnType<typeof readLeases>[number] | undefined =>
  readLeases(lab.paths).find((lease) => lease.ip === ip);

describe('a Service with a lease', () => {
  it('has it from the spare or the server, under its own name there, and the next spare is ready', async () => {
    const ip = await eventually(ipOf, (address) => address !== undefined);
    expect(ip).toMatch(/^10\.77\.0\.\d+$/);
    expect(await eventually(namedAs, (named) => named === ip)).toBe(ip);
    expect(
      await eventually(
        () => leaseOf(ip)?.hostname,
        (name) => name === 'web',
      ),
    ).toBe('web');
    const spares = (): string[] => readLeases(lab.paths).map(({ hostname }) => hostname);
    expect(await eventually(spares, (names) => names.some((name) => name.startsWith('kubevip-spare-')))).toHaveLength(
      2,
    );
  });

  it('whose server falls silent keeps its address and says so, and says no more once it is back', async () => {
    const ip = await ipOf();
    await stopServer();
    expect(await eventually(addressCondition, (reason) => reason === 'RenewalUnanswered', 60)).toBe(
      'RenewalUnanswered',
    );
    expect(await lab.curl('laptop', `http://${ip}/`)).toMatch(/web/);
    await server();
    expect(await eventually(addressCondition, (reason) => reason === 'AddressAssigned', 90)).toBe('AddressAssigned');
    expect(await ipOf()).toBe(ip);
  });

  it('whose server gives it another address has that one: on the node, in the status, under the name', async () => {
    const before = await ipOf();
    const mac = (await service())?.metadata.annotations?.[KEY.hwaddr];
    await server(`dhcp-host=${mac},10.77.0.222`);
    expect(await eventually(ipOf, (address) => address === '10.77.0.222', 60)).toBe('10.77.0.222');
    expect(await eventually(namedAs, (named) => named === '10.77.0.222')).toBe('10.77.0.222');
    expect(
      await eventually(
        () => lab.curl('laptop', 'http://10.77.0.222/'),
        (page) => page !== undefined,
      ),
    ).toMatch(/web/);
    const { stdout } = await lab.on('laptop', 'arping', '-c', '2', '-w', '2', '-I', 'eth0', before ?? '');
    expect(stdout).not.toContain('reply from');
    expect(await lab.leftovers()).not.toContain(` ${before}/`);
  });

  it('and its spare go on after a crash of every agent, and are given back at the end', async () => {
    const spareExpires = (): number =>
      readLeases(lab.paths).find(({ hostname }) => hostname.startsWith('kubevip-spare-'))?.expires ?? 0;
    const expiredBefore = spareExpires();
    await stopAgent(lab.id, 'n1', { kill: true });
    await stopAgent(lab.id, 'n2', { kill: true });
    await startAgent(lab.id, 'n1');
    await startAgent(lab.id, 'n2');
    const names = (): string[] => readLeases(lab.paths).map(({ hostname }) => hostname);
    // The same identity, so no third lease.
    await eventually(addressCondition, (reason) => reason === 'AddressAssigned');
    expect(names()).toHaveLength(2);
    // Whoever is told to end before that has nothing to give back: what the crashed one had runs out by itself.
    await eventually(spareExpires, (expires) => expires > expiredBefore, 60);
    expect(spareExpires()).toBeGreaterThan(expiredBefore);
    await lab.cluster.resource('Service').delete({ name: 'web', namespace: 'default' });
    await eventually(service, (left) => left === undefined);
    await stopAgent(lab.id, 'n1');
    await stopAgent(lab.id, 'n2');
    expect(await eventually(names, (left) => left.length === 0)).toEqual([]);
  });
});
