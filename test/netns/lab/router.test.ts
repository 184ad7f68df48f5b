import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logFile, runningDaemons } from '../../../src/lab/daemons.ts';
import { inNetns } from '../../../src/lab/exec.ts';
import { powerOff, powerOn, rebootRouter, restartRouterService } from '../../../src/lab/faults.ts';
import { mustOnHost, runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { labPaths, netnsOf, WAN } from '../../../src/lab/layout.ts';
import { spawnDaemon, stopProcess, type ProcessId } from '../../../src/lab/process.ts';
import { readLeases } from '../../../src/lab/router/dnsmasq.ts';
import { readMappings } from '../../../src/lab/router/nat.ts';
import { labStatus } from '../../../src/lab/status.ts';
import { testLabId } from '../../support/lab.ts';
import { eventually } from '../../support/netns.ts';

const id = testLabId('router');
const paths = labPaths(id);
const BASE = { cluster: false, dhcp: { pingCheck: false } };

/** Runs Node in a host's namespace on a piece of script. */
const script = async (host: string, text: string): Promise<string> =>
  await mustOnHost(paths, host, [process.execPath, '--input-type=module', '-e', text]);

/** Asks the router to map a TCP port of `host` by NAT-PMP (RFC 6886 §3.3); gives the answer in hex, or ''. */
const natPmp = async (host: string, internal: number, external: number): Promise<string> =>
  await script(
    host,
    `import dgram from 'node:dgram';
     const request = Buffer.from([0, 2, 0, 0, ${internal >> 8}, ${internal & 255}, ${external >> 8}, ${external & 255}, 0, 0, 0, 60]);
     const socket = dgram.createSocket('udp4');
     const timer = setTimeout(() => socket.close(), 1000);
     socket.on('message', (answer) => { process.stdout.write(answer.toString('hex')); clearTimeout(timer); socket.close(); });
     socket.send(request, 5351, '10.77.0.1');`,
  );

describe('the router', () => {
  const servers: ProcessId[] = [];
  beforeAll(async () => {
    await labUp(id, BASE);
    const text = `import http from 'node:http'; http.createServer((_, answer) => answer.end('from n1')).listen(8000);`;
    servers.push(
      spawnDaemon({
        argv: inNetns(netnsOf(paths, 'n1'), [process.execPath, '--input-type=module', '-e', text]),
        logFile: join(paths.dir, 'server.log'),
      }),
    );
    await eventually('n1 serves', async () => (await curl('laptop', 'http://10.77.0.11:8000/')).code === 0);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => stopProcess(server)));
    await labDown(id);
  });
  beforeEach(() => labUp(id, BASE));

  const curl = async (host: string, url: string) => await runOnHost(paths, host, ['curl', '-sS', '-m', '2', url]);

  it('leases an address to a real DHCP client', async () => {
    const file = (name: string): string => join(paths.dir, `dhclient.${name}`);
    const client = [
      'dhclient',
      '-1',
      '-d',
      '-v',
      '-sf',
      '/bin/true',
      '-lf',
      file('leases'),
      '-pf',
      file('pid'),
      'eth0',
    ];
    await mustOnHost(paths, 'n2', [
      'sh',
      '-c',
      `timeout 20 ${client.join(' ')} & while ! grep -q fixed-address ${file('leases')}; do sleep 0.05; done; kill $!`,
    ]);
    const [lease, ...others] = readLeases(paths);
    expect(others).toEqual([]);
    expect(lease).toMatchObject({ mac: '02:77:00:00:00:0c' });
    expect(readFileSync(file('leases'), 'utf8')).toContain(`fixed-address ${lease?.ip ?? ''};`);
    expect(lease?.ip).toMatch(/^10\.77\.0\.1\d\d$/);
    expect((await labStatus(id)).leases).toHaveLength(1);
  });

  it('has no DHCP server when it shall have none', async () => {
    await labUp(id, { ...BASE, dhcp: { enabled: false } });
    const dnsmasq = readFileSync(logFile(paths, 'router-dnsmasq'), 'utf8').split('started, version').at(-1) ?? '';
    expect(dnsmasq).not.toContain('IP range');
    const listening = await mustOnHost(paths, 'router', ['ss', '-lun']);
    expect(listening).not.toMatch(/:67\s/);
    expect(listening).toMatch(/:53\s/);
  });

  it('resolves the names of the LAN', async () => {
    expect((await runOnHost(paths, 'laptop', ['getent', 'hosts', 'n2.lan'])).stdout).toContain('10.77.0.12');
    expect((await runOnHost(paths, 'laptop', ['getent', 'hosts', 'nothing.lan'])).code).not.toBe(0);
  });

  it('lets the LAN out and, without a mapping, nothing in', async () => {
    expect((await runOnHost(paths, 'laptop', ['ping', '-c1', '-W2', WAN.public.internet])).code).toBe(0);
    // Even to somebody on the Internet who knows the way.
    await mustOnHost(paths, 'internet', ['ip', 'route', 'replace', '10.77.0.0/24', 'via', WAN.public.router]);
    expect((await runOnHost(paths, 'internet', ['ping', '-c1', '-W1', '10.77.0.11'])).code).not.toBe(0);
    expect((await curl('internet', 'http://10.77.0.11:8000/')).code).not.toBe(0);
    expect((await curl('internet', `http://${WAN.public.router}:8000/`)).code).not.toBe(0);
    // And the router's own services are for the LAN.
    expect((await curl('internet', `http://${WAN.public.router}:5000/rootDesc.xml`)).code).not.toBe(0);
    expect((await curl('laptop', 'http://10.77.0.1:5000/rootDesc.xml')).code).toBe(0);
  });

  it('opens a port when a node asks, until it loses its power', async () => {
    expect(await natPmp('n1', 8000, 18_000)).toMatch(/^00820000/);
    expect(await readMappings(paths)).toEqual([
      { protocol: 'TCP', externalPort: 18_000, internalIp: '10.77.0.11', internalPort: 8000 },
    ]);
    expect((await curl('internet', `http://${WAN.public.router}:18000/`)).stdout).toBe('from n1');
    await rebootRouter(id);
    expect(await readMappings(paths)).toEqual([]);
    expect((await curl('internet', `http://${WAN.public.router}:18000/`)).code).not.toBe(0);
    expect((await curl('laptop', 'http://10.77.0.11:8000/')).stdout).toBe('from n1');
  });

  it('keeps its mappings over a restart of the daemon', async () => {
    expect(await natPmp('n1', 8000, 18_001)).toMatch(/^00820000/);
    const before = runningDaemons(paths).get('router-miniupnpd')?.pid;
    await restartRouterService(id, 'miniupnpd', { crash: true });
    expect(runningDaemons(paths).get('router-miniupnpd')?.pid).not.toBe(before);
    expect((await readMappings(paths)).map(({ externalPort }) => externalPort)).toEqual([18_001]);
    await rebootRouter(id);
  });

  it('speaks only the protocols it shall', async () => {
    await labUp(id, { ...BASE, upnp: { natPmp: false } });
    expect(await natPmp('n1', 8000, 18_002)).toBe('');
    expect((await curl('laptop', 'http://10.77.0.1:5000/rootDesc.xml')).code).toBe(0);
    await labUp(id, { ...BASE, upnp: { igd: false, pcp: false } });
    expect(await natPmp('n1', 8000, 18_003)).toMatch(/^00820000/);
    expect((await curl('laptop', 'http://10.77.0.1:5000/rootDesc.xml')).code).not.toBe(0);
    await labUp(id, { ...BASE, upnp: { igdVersion: 1 } });
    expect((await curl('laptop', 'http://10.77.0.1:5000/rootDesc.xml')).stdout).toContain('InternetGatewayDevice:1');
    await labUp(id, { ...BASE, upnp: { igd: false, natPmp: false, pcp: false } });
    expect(runningDaemons(paths).has('router-miniupnpd')).toBe(false);
  });

  it.each(['private', 'cgnat'] as const)('maps nothing behind a %s outer address', async (wan) => {
    // What earlier tests opened is gone with the router's memory.
    await rebootRouter(id);
    await labUp(id, { ...BASE, wan });
    expect((await runOnHost(paths, 'laptop', ['ping', '-c1', '-W2', WAN[wan].internet])).code).toBe(0);
    // RFC 6886 §3.5: 3 = network failure.
    await eventually('miniupnpd has noticed', async () => (await natPmp('n1', 8000, 18_004)).startsWith('00820003'));
    expect(await readMappings(paths)).toEqual([]);
  });
});

describe('power', () => {
  const power = testLabId('power');
  const at = labPaths(power);
  beforeAll(() => labUp(power, { cluster: false }));
  afterAll(() => labDown(power));

  it('cut means silence, and nothing left of what the node held', async () => {
    await mustOnHost(at, 'n2', ['ip', 'addr', 'add', '10.77.0.240/32', 'dev', 'eth0']);
    const arping = (ip: string) => runOnHost(at, 'laptop', ['arping', '-c2', '-w1', '-f', '-I', 'eth0', ip]);
    expect((await arping('10.77.0.240')).code).toBe(0);
    await powerOff(power, 'n2');
    expect((await arping('10.77.0.240')).code).not.toBe(0);
    expect((await arping('10.77.0.12')).code).not.toBe(0);
    expect((await labStatus(power)).hosts.find(({ name }) => name === 'n2')?.power).toBe('off');
    await expect(runOnHost(at, 'n2', ['true'])).rejects.toThrow(/powered off/);
    await powerOn(power, 'n2');
    expect((await arping('10.77.0.12')).code).toBe(0);
    expect((await arping('10.77.0.240')).code).not.toBe(0);
  });

  it('comes back with `up`, and cutting it twice does no harm', async () => {
    await powerOff(power, 'n3');
    await powerOff(power, 'n3');
    await labUp(power);
    expect(await labStatus(power)).toMatchObject({ up: true });
    await powerOn(power, 'n3');
    await expect(powerOff(power, 'laptop')).rejects.toThrow(/no node "laptop"/);
  });
});
