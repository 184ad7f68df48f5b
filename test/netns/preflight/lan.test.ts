/** Faults of a real LAN: dnsmasq, other hosts that answer ARP and NS, cables, ports, the kernel's settings. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { undoChange, wayBack } from '../../../src/cluster/preflight/change.ts';
import type { Problem } from '../../../src/cluster/preflight/finding.ts';
import type { PreflightRequest } from '../../../src/cluster/preflight/request.ts';
import { fixAll, problems, runPreflight, type PreflightReport } from '../../../src/cluster/preflight/run.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { createMachineHands } from '../../../src/linux/machine/hands.ts';
import { createMachineProbe } from '../../../src/linux/machine/probe.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { ip } from '../../../src/model/ip.ts';
import { createLanProbe } from '../../../src/workflows/preflight/lan.ts';
import { eventually } from '../../support/netns.ts';
import { createDhcpLan, RANGE, type DhcpLan } from '../dhcp4/lan.ts';

let world: DhcpLan;
let root: string;

beforeAll(async () => {
  world = await createDhcpLan();
  root = mkdtempSync(join(world.lan.dir, 'root-'));
  mkdirSync(join(root, 'etc'));
});
afterAll(() => world.dispose());
afterEach(() => world.reset());

/** Of host a, whose files are in a folder of their own. */
async function preflight(request: Partial<PreflightRequest>): Promise<PreflightReport> {
  const { netns } = world.lan.hosts.a;
  const network = createNetwork({ netns });
  try {
    const lan = createLanProbe({ network, clock: createSystemClock(), entropy: systemEntropy });
    return await runPreflight({ machine: createMachineProbe({ netns, root }), lan }, { role: 'init', ...request });
  } finally {
    network.close();
  }
}

async function problem(id: string, request: Partial<PreflightRequest>): Promise<Problem | undefined> {
  return problems(await preflight(request)).find((one) => one.id === id);
}

const FREE = ip('10.77.0.40');

describe('the virtual IP on a real LAN', () => {
  it('is in use where a host answers ARP', async () => {
    const found = await problem('vip-in-use', { vips: [ip('10.77.0.13')] });
    expect(found).toMatchObject({ level: 'error', what: `10.77.0.13 is in use by ${world.lan.hosts.b.mac}` });
    expect(await problem('vip-in-use', { vips: [FREE] })).toBeUndefined();
  });

  it('is in use where a host answers Neighbor Solicitations', async () => {
    const { a, b } = world.lan.hosts;
    await a.ip8('addr add fd00:77::12/64 dev eth0 nodad');
    await b.ip8('addr add fd00:77::13/64 dev eth0 nodad');
    const found = await problem('vip-in-use', { vips: [ip('fd00:77::13')] });
    expect(found?.what).toBe(`fd00:77::13 is in use by ${b.mac}`);
    expect(await problem('vip-in-use', { vips: [ip('fd00:77::40')] })).toBeUndefined();
  });

  it('is what dnsmasq hands out, which pings it first; and nothing is taken', async () => {
    const server = await world.dnsmasq(RANGE);
    const found = await problem('vip-dhcp', { vips: [ip('10.77.0.150')] });
    expect(found).toMatchObject({ level: 'error', what: 'the DHCP server 10.77.0.11 hands out 10.77.0.150' });
    expect(server.log()).toContain('DHCPDISCOVER');
    expect(server.log()).not.toContain('DHCPREQUEST');
    expect(server.log().match(/DHCPDISCOVER\(/g)).toHaveLength(1);
    expect(world.leaseFile()).toEqual([]);
  });

  it('is outside what dnsmasq hands out', async () => {
    await world.dnsmasq('no-ping', RANGE);
    const report = await preflight({ vips: [FREE] });
    expect(report.findings.find(({ id }) => id === 'vip-dhcp')).toMatchObject({
      level: 'ok',
      what: expect.stringMatching(
        /^the DHCP server 10\.77\.0\.11 offers 10\.77\.0\.1\d\d, asked for 10\.77\.0\.40$/,
      ) as string,
    });
  });

  it('is seen to be handed out by the second of two servers', async () => {
    await world.dnsmasq('no-ping', RANGE);
    await world.otherDnsmasq('no-ping', 'interface=eth0', 'dhcp-range=10.77.0.30,10.77.0.60,255.255.255.0,2m');
    const found = await problem('vip-dhcp', { vips: [FREE] });
    expect(found?.what).toBe('the DHCP server 10.77.0.13 hands out 10.77.0.40');
  });
});

describe('the interface of a real machine', () => {
  it('has its cable out', async () => {
    await world.lan.setCable('a', false);
    try {
      expect(await problem('nic-carrier', { link: 'eth0' })).toMatchObject({ what: 'interface eth0 has no carrier' });
    } finally {
      await world.lan.setCable('a', true);
    }
  });

  it('is down, and comes up by the fix', async () => {
    const { a } = world.lan.hosts;
    await a.ip8('link set eth0 down');
    const report = await preflight({ link: 'eth0' });
    const found = problems(report).find(({ id }) => id === 'nic-down');
    expect(found?.remedy).toBe('ip link set eth0 up');
    const hands = createMachineHands({ netns: a.netns, root });
    await fixAll({ ok: false, findings: found === undefined ? [] : [found] }, hands);
    await eventually('eth0 is up', async () => (await a.must(['ip', 'link', 'show', 'eth0'])).includes('LOWER_UP'));
  });
});

describe('a real kernel', () => {
  it('does not forward, is mended, and mended back', async () => {
    const { a } = world.lan.hosts;
    const setting = async (): Promise<string> => (await a.must(['sysctl', '-n', 'net.ipv4.ip_forward'])).trim();
    await a.must(['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
    const report = await preflight({});
    const found = problems(report).filter(({ id }) => id === 'ip-forward');
    const hands = createMachineHands({ netns: a.netns, root });
    const changes = found.flatMap(({ fix }) => fix?.changes ?? []);
    const back = await Promise.all(changes.map(async (change) => wayBack(change, hands)));
    const [fixed] = await fixAll({ ok: false, findings: found }, hands);
    expect(fixed?.failure).toBeUndefined();
    expect(await setting()).toBe('1');
    const file = join(root, 'etc/sysctl.d/90-kubevip.conf');
    expect(readFileSync(file, 'utf8')).toBe('net.ipv4.ip_forward = 1\n');
    expect(await problem('ip-forward', {})).toBeUndefined();
    for (const undo of back.toReversed()) if (undo !== undefined) await undoChange(undo, hands);
    expect(await setting()).toBe('0');
    expect(() => readFileSync(file)).toThrow('ENOENT');
    rmSync(join(root, 'etc/sysctl.d'), { recursive: true, force: true });
  });

  it('has a port taken, by a program with a name', async () => {
    const { a } = world.lan.hosts;
    const daemon = a.daemon(['nc', '-lk', '6443']);
    try {
      const found = await eventually('the port is taken', () => problem('port-6443', {}));
      expect(found?.what).toBe(`port 6443 is taken by nc (pid ${daemon.id.pid})`);
    } finally {
      await daemon.stop();
    }
  });

  it('has an address and tables of an earlier agent', async () => {
    const { a } = world.lan.hosts;
    const index = Number(/^(\d+):/.exec(await a.must(['ip', '-o', 'link', 'show', 'eth0']))?.[1]);
    const table = createAddressTable({ netns: a.netns, instance: 'control-plane' });
    table.set(index, FREE, 32);
    await a.must(['nft', 'add table inet kubevip']);
    try {
      const found = await problem('leftover-kubevip', {});
      expect(found?.what).toContain('address 10.77.0.40 on eth0');
      expect(found?.what).toContain('table inet kubevip');
    } finally {
      table.remove(index, FREE);
      table.close();
      await a.must(['nft', 'delete table inet kubevip']);
    }
  });
});
