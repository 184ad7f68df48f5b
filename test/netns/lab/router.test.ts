import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logFile, runningDaemons } from '../../../src/lab/daemons.ts';
import { inNetns } from '../../../src/lab/exec.ts';
import { powerOff, powerOn, rebootRouter, restartRouterService } from '../../../src/lab/faults.ts';
import { mustOnHost, runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { LAN6, labPaths, netnsOf, WAN } from '../../../src/lab/layout.ts';
import { spawnDaemon, stopProcess, type ProcessId } from '../../../src/lab/process.ts';
import { readLeases } from '../../../src/lab/router/dnsmasq.ts';
import { readMappings, readPinholes } from '../../../src/lab/router/nat.ts';
import { labStatus } from '../../../src/lab/status.ts';
import { ip, ipToBytes } from '../../../src/model/ip.ts';
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

/**
 * Asks the router by PCP (RFC 6887 §11) to let the Internet reach TCP port 8000 of `from`, an address of n1; gives the
 * version, opcode and result of the answer in hex, or ''.
 */
const pcpPinhole = async (from: string, router: string): Promise<string> =>
  await script(
    'n1',
    `import dgram from 'node:dgram';
     const from = Buffer.from('${ipToHex(from)}', 'hex');
     const head = Buffer.from('02010000' + '0000003c', 'hex');
     const nonceProtocolPorts = Buffer.from('0123456789abcdef01234567' + '06000000' + '1f401f40', 'hex');
     const socket = dgram.createSocket('udp6');
     const timer = setTimeout(() => socket.close(), 1000);
     socket.on('message', (answer) => { process.stdout.write(answer.toString('hex', 0, 4)); clearTimeout(timer); socket.close(); });
     socket.bind(0, '${from}', () => socket.send(Buffer.concat([head, from, nonceProtocolPorts, from]), 5351, '${router}'));`,
  );

const ipToHex = (address: string): string => Buffer.from(ipToBytes(ip(address))).toString('hex');

describe('the router', () => {
  const servers: ProcessId[] = [];
  beforeAll(async () => {
    await labUp(id, BASE);
    const text = `import http from 'node:http'; http.createServer((_, answer) => answer.end('from n1')).listen(8000, '::');`;
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

  it('leases an IPv6 address to a real DHCPv6 client', async () => {
    const file = (name: string): string => join(paths.dir, `dhclient6.${name}`);
    const client = [
      'dhclient',
      '-6',
      '-1',
      '-d',
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
      `timeout 20 ${client.join(' ')} & while ! grep -q iaaddr ${file('leases')}; do sleep 0.05; done; kill $!`,
    ]);
    expect(readFileSync(file('leases'), 'utf8')).toMatch(/iaaddr (2001:db8:77|fd77)::1[0-9a-f]{3} /);
  });

  it('advertises itself and both prefixes to hosts that listen', async () => {
    await mustOnHost(paths, 'n3', ['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=2']);
    // With its link a host asks (RFC 4861 §6.3.7), so that nothing waits for the next advertisement.
    await mustOnHost(paths, 'n3', ['ip', 'link', 'set', 'eth0', 'down']);
    await mustOnHost(paths, 'n3', ['ip', 'link', 'set', 'eth0', 'up']);
    await eventually('n3 has made itself an address of each prefix', async () => {
      const addresses = await mustOnHost(paths, 'n3', ['ip', '-6', '-o', 'addr', 'show', 'dev', 'eth0', 'dynamic']);
      return ['2001:db8:77:0:77:ff:fe00:d', 'fd77::77:ff:fe00:d'].every((address) =>
        addresses.includes(`${address}/64`),
      );
    });
    const route = await mustOnHost(paths, 'n3', ['ip', '-6', 'route', 'show', 'default']);
    expect(route).toContain(`default via ${LAN6.gateway} dev eth0 proto ra`);
    await powerOff(id, 'n3');
    await powerOn(id, 'n3');
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
    const { stdout } = await runOnHost(paths, 'laptop', ['getent', 'ahosts', 'n2.lan']);
    for (const address of ['10.77.0.12', '2001:db8:77::12']) expect(stdout).toContain(`${address} `);
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

  it('lets the LAN out over IPv6 and, without a pinhole, nothing in', async () => {
    expect((await runOnHost(paths, 'laptop', ['ping', '-c1', '-W2', LAN6.wanInternet])).code).toBe(0);
    expect((await runOnHost(paths, 'internet', ['ping', '-c1', '-W1', '2001:db8:77::11'])).code).not.toBe(0);
    expect((await curl('internet', 'http://[2001:db8:77::11]:8000/')).code).not.toBe(0);
    expect((await curl('internet', `http://[${LAN6.wanRouter}]:5000/rootDesc.xml`)).code).not.toBe(0);
    expect((await curl('laptop', `http://[${LAN6.router}]:5000/rootDesc.xml`)).code).toBe(0);
  });

  it('opens a pinhole to an address that asks for itself, by PCP at the default gateway, and by IGD', async () => {
    const [byPcp, byIgd] = ['2001:db8:77::240', '2001:db8:77::241'];
    for (const address of [byPcp, byIgd])
      await mustOnHost(paths, 'n1', ['ip', 'addr', 'add', `${address}/128`, 'dev', 'eth0', 'nodad']);
    expect(await pcpPinhole(byPcp, `${LAN6.gateway}%eth0`)).toBe('02810000');
    const service = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';
    const soap = (client: string): string[] => [
      ...['curl', '-sS', '-m', '3', '--interface', byIgd, '-H', `SOAPAction: "${service}#AddPinhole"`, '-d'],
      `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
       <u:AddPinhole xmlns:u="${service}"><RemoteHost/><RemotePort>0</RemotePort><InternalClient>${client}</InternalClient>
       <InternalPort>8000</InternalPort><Protocol>6</Protocol><LeaseTime>60</LeaseTime></u:AddPinhole></s:Body></s:Envelope>`,
      `http://[${LAN6.router}]:5000/ctl/IP6FCtl`,
    ];
    expect(await mustOnHost(paths, 'n1', soap(byIgd))).toContain('UniqueID');
    // Secure mode: nobody asks for another.
    expect(await mustOnHost(paths, 'n1', soap('2001:db8:77::50'))).toContain('<errorCode>606');
    expect(await readPinholes(paths)).toEqual(
      [byPcp, byIgd].map((internalIp) => ({ protocol: 'TCP', internalIp, internalPort: 8000 })),
    );
    expect((await labStatus(id)).pinholes).toHaveLength(2);
    for (const address of [byPcp, byIgd])
      expect((await curl('internet', `http://[${address}]:8000/`)).stdout).toBe('from n1');
    expect((await curl('internet', 'http://[2001:db8:77::11]:8000/')).code).not.toBe(0);
    await rebootRouter(id);
    expect(await readPinholes(paths)).toEqual([]);
    expect((await curl('internet', `http://[${byPcp}]:8000/`)).code).not.toBe(0);
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
