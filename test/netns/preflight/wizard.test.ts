/** The wizard, on a real terminal and a real LAN with dnsmasq, a telephone and a printer. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BootstrapConfig } from '../../../src/cluster/config.ts';
import { parseSpan, type Range } from '../../../src/model/cidr.ts';
import { ROOT } from '../../support/cli.ts';
import { KEY, openTerminal, type Terminal } from '../../support/terminal.ts';
import { createDhcpLan, RANGE, type DhcpLan } from '../dhcp4/lan.ts';

const range = (first: string, last: string): Range => parseSpan(`${first}-${last}`)!;
const overlaps = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;

let world: DhcpLan;
let file: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  world = await createDhcpLan();
  file = join(world.lan.dir, 'answers.json');
  await world.lan.hosts.a.ip8('route add default via 10.77.0.11');
  await world.dnsmasq('no-ping', 'dhcp-option=option:router,10.77.0.11', RANGE);
});
afterAll(() => world.dispose());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map((terminal) => terminal.close()));
  rmSync(file, { force: true });
});

function wizard(given: object = {}): Terminal {
  const program = join(ROOT, 'test', 'support', 'wizard-program.ts');
  const terminal = openTerminal([process.execPath, program, world.lan.hosts.a.netns, file, JSON.stringify(given)]);
  terminals.push(terminal);
  return terminal;
}

const QUESTIONS = [
  'Name of the cluster (--name)',
  'Virtual IP of the API, an address that nobody has (--vip)',
  'Addresses for Services of type LoadBalancer',
  'Pool, first and last address or a prefix (--pool)',
  'Name of this machine in the cluster (--node-name)',
  'Do it?',
];

describe('the wizard of init', () => {
  it('proposes what is free and outside the range of DHCP, and shows the plan before it acts', async () => {
    const terminal = wizard();
    await terminal.sees('This machine is ');
    for (const question of QUESTIONS.slice(0, 4)) {
      await terminal.sees(question);
      terminal.type(KEY.enter);
    }
    await terminal.sees('--node-name');
    terminal.type(`${KEY.ctrlU}cellar${KEY.enter}`);
    await terminal.sees('Make this machine the first of a cluster');
    await terminal.sees('1. Certificates');
    expect(existsSync(file)).toBe(false);
    await terminal.sees('Do it?');
    terminal.type('y' + KEY.enter);
    expect(await terminal.ended()).toBe(0);
    expect(terminal.screen()).toContain('DHCP server 10.77.0.11');
    const answers = JSON.parse(readFileSync(file, 'utf8')) as BootstrapConfig;
    expect(answers).toMatchObject({ clusterName: 'kubevip', nodeName: 'cellar', controlPlane: { interface: 'eth0' } });
    const [vip = ''] = answers.controlPlane.vip;
    const pool = parseSpan(answers.services.pools['global'] ?? '');
    expect(pool && pool.last - pool.first).toBe(15n);
    // dnsmasq hands out .100 to .199; .11 to .13 are machines.
    for (const taken of [range(vip, vip), pool]) {
      expect(taken && overlaps(taken, range('10.77.0.100', '10.77.0.199'))).toBe(false);
      expect(taken && overlaps(taken, range('10.77.0.11', '10.77.0.13'))).toBe(false);
    }
    // Nothing was taken from the server.
    expect(world.leaseFile()).toEqual([]);
  });

  it('refuses addresses that are taken, handed out, or elsewhere, and asks again', async () => {
    const terminal = wizard({ clusterName: 'home', nodeName: 'n1', services: { dhcp: true } });
    await terminal.sees('(--vip)');
    terminal.type(`${KEY.ctrlU}10.99.0.1${KEY.enter}`);
    await terminal.sees('is in no subnet of eth0 (10.77.0.0/24)');
    terminal.type(`${KEY.ctrlU}10.77.0.13${KEY.enter}`);
    await terminal.sees('10.77.0.13 is in use');
    terminal.type(`${KEY.ctrlU}10.77.0.11${KEY.enter}`);
    await terminal.sees('10.77.0.11 is the router');
    terminal.type(`${KEY.ctrlU}10.77.0.150${KEY.enter}`);
    await terminal.sees('The DHCP server 10.77.0.11 hands out 10.77.0.150.');
    await terminal.sees('(--vip)');
    terminal.type(`${KEY.ctrlU}10.77.0.40${KEY.enter}`);
    await terminal.sees('Do it?');
    terminal.type('y' + KEY.enter);
    expect(await terminal.ended()).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      clusterName: 'home',
      controlPlane: { vip: ['10.77.0.40'] },
      services: { dhcp: true },
    });
  });

  it('asks for addresses in no subnet where routers are told of them, and how soon these notice a death', async () => {
    const given = { clusterName: 'home', nodeName: 'n1', controlPlane: { bgpPeers: ['10.77.0.11:65001'] } };
    const terminal = wizard(given);
    await terminal.sees('an address in no subnet of the nodes (--vip)');
    terminal.type(`10.77.0.40${KEY.enter}`);
    await terminal.sees('10.77.0.40 is in the subnet 10.77.0.0/24 of eth0');
    terminal.type(`${KEY.ctrlU}10.90.0.1${KEY.enter}`);
    await terminal.sees('Addresses for Services');
    expect(terminal.screen()).not.toContain('by DHCP');
    terminal.type(KEY.enter);
    await terminal.sees('Pool, first and last address or a prefix (--pool)');
    terminal.type(`10.90.0.16/28${KEY.enter}`);
    await terminal.sees('(--bgp-bfd, --bgp-hold-time)');
    terminal.type(`${KEY.down}${KEY.enter}`);
    await terminal.sees('Do it?');
    terminal.type('y' + KEY.enter);
    expect(await terminal.ended()).toBe(0);
    const { controlPlane, services } = JSON.parse(readFileSync(file, 'utf8')) as BootstrapConfig;
    expect(controlPlane).toMatchObject({ vip: ['10.90.0.1'], bgpPeers: ['10.77.0.11:65001'], bgpBfd: '300x3' });
    expect(controlPlane.interface).toBeUndefined();
    expect(services.pools).toEqual({ global: '10.90.0.16/28' });
  });

  it('asks nothing that flags have said, and does nothing at no', async () => {
    const given = {
      clusterName: 'home',
      nodeName: 'n1',
      controlPlane: { vip: '10.77.0.40', interface: 'eth0' },
      services: { pools: { global: '10.77.0.41-10.77.0.49' } },
    };
    const terminal = wizard(given);
    await terminal.sees('Do it?');
    terminal.type(KEY.enter);
    expect(await terminal.ended()).toBe(130);
    expect(terminal.screen()).not.toContain('(--vip)');
    expect(terminal.screen()).toContain('nothing was changed');
    expect(existsSync(file)).toBe(false);
  });

  it.each(QUESTIONS.map((question, i) => [question, i] as const))(
    'ends with 130 at Ctrl-C in «%s», and leaves nothing',
    async (question, i) => {
      const terminal = wizard();
      for (const before of QUESTIONS.slice(0, i)) {
        await terminal.sees(before);
        terminal.type(KEY.enter);
      }
      await terminal.sees(question);
      terminal.type(KEY.ctrlC);
      expect(await terminal.ended()).toBe(130);
      expect(existsSync(file)).toBe(false);
      // The cursor is shown again.
      expect(terminal.raw().lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(terminal.raw().lastIndexOf('\x1b[?25l'));
    },
  );

  it('asks which interface, where there are several', async () => {
    const { a } = world.lan.hosts;
    await a.ip8('link add eth1 type veth peer name eth1p', 'link set eth1p up', 'link set eth1 up');
    await a.ip8('addr add 10.88.0.1/24 dev eth1');
    try {
      const terminal = wizard({ clusterName: 'home', nodeName: 'n1' });
      await terminal.sees('Interface to the LAN (--interface)');
      terminal.type(KEY.down + KEY.enter);
      await terminal.sees('(--vip)');
      await terminal.sees('10.88.0.');
      terminal.type(KEY.ctrlC);
      expect(await terminal.ended()).toBe(130);
    } finally {
      await a.ip8('link del eth1');
    }
  });
});

describe('kubevip init on a terminal', () => {
  const state = (): string[] => ['/etc/kubernetes', '/var/lib/kubevip'].filter((path) => existsSync(path));

  /** The command itself, with a kubeadm that knows its version only: nothing is to be run. */
  function init(...args: string[]): Terminal {
    const bin = join(world.lan.dir, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'kubeadm'), '#!/bin/sh\necho v1.35.2\n', { mode: 0o755 });
    const cli = [process.execPath, join(ROOT, 'bin', 'dev.js'), 'init', ...args];
    const path = `${bin}:${process.env['PATH'] ?? ''}`;
    const terminal = openTerminal(['ip', 'netns', 'exec', world.lan.hosts.a.netns, ...cli], { PATH: path });
    terminals.push(terminal);
    return terminal;
  }

  it('asks, shows the whole plan, and changes nothing at no or Ctrl-C', async () => {
    const before = state();
    for (const [answer, text] of [
      [KEY.enter, 'nothing was changed'],
      [KEY.ctrlC, 'interrupted'],
    ] as const) {
      const terminal = init('--name', 'home', '--node-name', 'cellar');
      await terminal.sees('with kubeadm v1.35.2');
      for (const question of QUESTIONS.slice(1, 4)) {
        await terminal.sees(question);
        terminal.type(KEY.enter);
      }
      await terminal.sees('cellar (10.77.0.12) becomes the first control plane of home');
      await terminal.sees('clusterName: home');
      await terminal.sees(' 1. ');
      await terminal.sees('Make cellar the first control plane of home?');
      terminal.type(answer);
      expect(await terminal.ended()).toBe(130);
      expect(terminal.screen()).toContain(text);
    }
    expect(state()).toEqual(before);
  });

  it('asks nothing without a terminal', async () => {
    const { a } = world.lan.hosts;
    const cli = [process.execPath, join(ROOT, 'bin', 'dev.js'), 'init', '--name', 'home'];
    const { code, stderr, stdout } = await a.run(cli, { timeoutMs: 60_000 });
    expect(code).toBe(2);
    expect(stderr).toContain('--vip: is needed');
    expect(stdout).toBe('');
  });
});

describe('kubevip join on a terminal', () => {
  it('does not show the code that is typed, and ends with 130 at Ctrl-C', async () => {
    const cli = [process.execPath, join(ROOT, 'bin', 'dev.js'), 'join', '--dry-run'];
    const terminal = openTerminal(['ip', 'netns', 'exec', world.lan.hosts.a.netns, ...cli]);
    terminals.push(terminal);
    await terminal.sees('Join code:');
    terminal.type('kubevip1.c2VjcmV0');
    await terminal.sees('*****');
    terminal.type(KEY.ctrlC);
    expect(await terminal.ended()).toBe(130);
    expect(terminal.screen()).not.toContain('c2VjcmV0');
  });
});
