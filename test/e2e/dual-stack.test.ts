/** A Service of both families from expose to unexpose: two addresses, a mapping and a pinhole, a name with A and AAAA. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/faults.ts';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const V4 = '10.77.0.200';
const V6 = '2001:db8:77::200';
const NODES = ['n1', 'n2', 'n3'];

let lab: TestLab;

const service = async (): Promise<Service | undefined> =>
  await lab.cluster.resource('Service').find({ name: 'web', namespace: 'default' });
const owner = async (): Promise<string> => (await service())?.metadata.annotations?.[KEY.vipHost] ?? '';
const resolved = async (flag: '-4' | '-6'): Promise<string | undefined> =>
  (await lab.on('laptop', 'avahi-resolve', flag, '-n', 'web.local')).stdout.split(/\s+/)[1];
/** Every way in which the Service is to be reached, and what each answers. */
const ways = async (): Promise<(string | undefined)[]> =>
  await Promise.all([
    lab.curl('laptop', `http://${V4}/`),
    lab.curl('laptop', `http://[${V6}]/`),
    lab.curl('internet', 'http://192.0.1.2:8080/'),
    lab.curl('internet', `http://[${V6}]/`),
    resolved('-4'),
    resolved('-6'),
  ]);
const open = (answers: (string | undefined)[]): boolean =>
  answers.slice(0, 4).every(Boolean) && answers[4] === V4 && answers[5] === V6;
const shut = (answers: (string | undefined)[]): boolean => answers.slice(0, 4).every((answer) => answer === undefined);
/** MAC that the laptop's kernel has come to know for the IPv6 address. */
const neighbour = async (): Promise<string> => {
  await lab.on('laptop', 'ip', '-6', 'neigh', 'flush', 'dev', 'eth0');
  await lab.on('laptop', 'ping', '-6', '-c', '1', '-w', '2', V6);
  const { stdout } = await lab.on('laptop', 'ip', '-6', 'neigh', 'show', V6, 'dev', 'eth0');
  return /lladdr (\S+)/.exec(stdout)?.[1] ?? 'nobody';
};

beforeAll(async () => {
  lab = await startLab({ dhcp: { pingCheck: false } });
  await lab.deployment('web', 3);
  await lab.pools({ 'range-global': `${V4}-10.77.0.209,${V6}-2001:db8:77::209` });
  await lab.running(3);
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

describe('expose --family dual', () => {
  it('opens every way in both families, and says so', async () => {
    expect(await lab.curl('internet', `http://[${V6}]/`)).toBeUndefined();
    const exposed = await lab.kubevip(
      'expose',
      'deployment/web',
      ...['--port', '80', '--family', 'dual', '--router', '8080', '--mdns', 'web'],
    );
    expect(exposed.code, exposed.stderr).toBe(0);
    expect(exposed.stdout).toContain(`http://${V4} `);
    expect(exposed.stdout).toContain(`http://[${V6}] `);
    expect(await eventually(ways, open)).toSatisfy(open);
    const status = await lab.kubevip('status');
    expect(status.stdout).toContain(`${V4},${V6}`);
    const { stdout } = await lab.on('laptop', 'avahi-browse', '--resolve', '--terminate', '--parsable', '_http._tcp');
    expect(stdout).toContain(`web.local;${V4};80`);
    // By mDNS over either family. Which of the addresses it resolves to is avahi's choice; above it was asked for both.
    for (const family of ['IPv4', 'IPv6']) expect(stdout).toContain(`=;eth0;${family};web;`);
  });

  it('answers for the IPv6 address from its owner alone, with the kernels kept silent', async () => {
    expect(await neighbour()).toBe(nodeAddresses(await owner()).mac);
    for (const node of NODES) {
      const { stdout } = await lab.on(node, 'ip', '-6', '-o', 'addr', 'show', 'dev', 'eth0');
      expect(stdout.includes(` ${V6}/`)).toBe(node === (await owner()));
    }
  });

  it('moves with both addresses, the mapping, the pinhole and the name when the owner loses its power', async () => {
    const before = await owner();
    await powerOff(lab.id, before);
    expect(await eventually(owner, (node) => node !== before)).not.toBe(before);
    expect(await eventually(ways, open)).toSatisfy(open);
    expect(await neighbour()).toBe(nodeAddresses(await owner()).mac);
    await powerOn(lab.id, before);
  });

  it('keeps IPv4 when the Service becomes single-stack, and has IPv6 again when it is dual-stack again', async () => {
    const services = lab.cluster.resource('Service');
    const web = { name: 'web', namespace: 'default' };
    await services.patch(web, { spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] } }, { type: 'merge' });
    const outside = (): Promise<string | undefined> => lab.curl('internet', `http://[${V6}]/`);
    expect(await eventually(outside, (text) => text === undefined)).toBeUndefined();
    expect(await eventually(neighbour, (mac) => mac === 'nobody')).toBe('nobody');
    expect(await lab.curl('laptop', `http://${V4}/`)).toBeDefined();
    await services.patch(
      web,
      { spec: { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] } },
      { type: 'merge' },
    );
    expect(await eventually(ways, open)).toSatisfy(open);
  });

  it('leaves no address, mapping, pinhole or name when it is taken back', async () => {
    const gone = await lab.kubevip('unexpose', 'web');
    expect(gone.code, gone.stderr).toBe(0);
    expect(await eventually(ways, shut)).toSatisfy(shut);
    expect(await neighbour()).toBe('nobody');
    const router = await lab.on('router', 'nft', 'list', 'ruleset');
    expect(router.stdout).not.toContain(V4);
    expect(router.stdout).not.toContain(V6);
    for (const node of NODES) {
      const { stdout } = await lab.on(node, 'ip', '-o', 'addr');
      expect(stdout).not.toMatch(new RegExp(` (${V4}|${V6})/`));
    }
  });
});
