/** Services with an IPv6 address by DHCP, or one of each family: whole agents, and the router's dnsmasq. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/faults.ts';
import { readLeases } from '../../src/lab/router/dnsmasq.ts';
import { readAssigned } from '../../src/exposure/address/assigned.ts';
import { KEY } from '../../src/model/annotations.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;

beforeAll(async () => {
  lab = await startLab({ nodes: 2, dhcp: { pingCheck: false, leaseTime: '2m' } });
  await lab.deployment('web', 2);
  await lab.running(2);
  for (const [name, text, spec] of [
    ['six', '::', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }],
    ['both', '0.0.0.0,::', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }],
  ] as const)
    await lab.cluster.resource('Service').create({
      metadata: { name, namespace: 'default', annotations: { [KEY.loadBalancerIPs]: text } },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'web' },
        ports: [{ port: 80 }],
        ...spec,
        ipFamilies: [...spec.ipFamilies],
      },
    });
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

const service = (name: string): Promise<Service | undefined> =>
  lab.cluster.resource('Service').find({ name, namespace: 'default' });
const ipsOf = async (name: string): Promise<string[]> =>
  ((await service(name))?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
const ownerOf = async (name: string): Promise<string> =>
  (await service(name))?.metadata.annotations?.[KEY.vipHost] ?? '';

interface Recorded {
  readonly ip: string;
  readonly name: string;
  /** Unix seconds. */
  readonly expires: number;
  readonly duid: string;
}
/** The IPv6 leases that dnsmasq holds; the line of its own identifier has no address. */
function recorded(): Recorded[] {
  return readFileSync(lab.paths.leases, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [expires = '', , ip = '', name = '', duid = ''] = line.split(' ');
      return /^\d+$/.test(expires) && ip.includes(':') ? [{ ip, name, expires: Number(expires), duid }] : [];
    });
}
const answer = async (ip: string | undefined): Promise<string | undefined> =>
  ip === undefined ? undefined : await lab.curl('laptop', `http://${ip.includes(':') ? `[${ip}]` : ip}/`);
const served = async (name: string, count: number): Promise<string[] | undefined> => {
  const ips = await ipsOf(name);
  const answers = await Promise.all(ips.map(answer));
  return ips.length === count && answers.every((page) => page?.includes('web') === true) ? ips : undefined;
};

describe('a Service that asks for addresses by DHCP', () => {
  it('of IPv6 has one that the router leased to it by name, and answers there', async () => {
    const [ip, ...others] = (await eventually(() => served('six', 1), Boolean, 30)) ?? [];
    expect(ip).toMatch(/^(2001:db8:77|fd77)::1[0-9a-f]{3}$/);
    expect(others).toEqual([]);
    expect(recorded().filter(({ name }) => name === 'six')).toMatchObject([{ ip }]);
    const lease = readAssigned((await service('six'))!)?.lease6;
    expect(lease).toMatchObject({ ip, leaseSeconds: 120 });
  });

  it('of both families has one of each, on one node, leased to one client', async () => {
    const [v4 = '', v6 = ''] = (await eventually(() => served('both', 2), Boolean, 30)) ?? [];
    expect(v4).toMatch(/^10\.77\.0\.1\d\d$/);
    expect(v6).toMatch(/::1[0-9a-f]{3}$/);
    const four = readLeases(lab.paths).find(({ ip }) => ip === v4);
    const six = recorded().find(({ ip }) => ip === v6);
    expect(four).toMatchObject({ hostname: 'both' });
    // The client identifier of DHCPv4 is ff, the IAID and the DUID.
    expect(four?.clientId).toBe(`ff:00:00:00:01:${six?.duid}`);
    expect(readAssigned((await service('both'))!)?.ips).toEqual([v4, v6]);
    const owner = await ownerOf('both');
    const { stdout } = await lab.on(owner, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
    for (const ip of [v4, v6]) expect(stdout).toContain(` ${ip}/`);
  });

  it('keeps them when its node dies: the next one goes on with the same leases, and they are prolonged', async () => {
    const before = { six: await ipsOf('six'), both: await ipsOf('both') };
    const ends = new Map(recorded().map(({ ip, expires }) => [ip, expires]));
    const owner = await ownerOf('both');
    // The router writes whole seconds: what is prolonged within the same one would look as before.
    await delay(1100);
    await powerOff(lab.id, owner);
    await eventually(
      () => ownerOf('both'),
      (now) => now !== owner,
      30,
    );
    expect(await eventually(() => served('both', 2), Boolean, 30)).toEqual(before.both);
    expect(await eventually(() => served('six', 1), Boolean, 30)).toEqual(before.six);
    const v6 = before.both[1] ?? '';
    const prolonged = (): boolean =>
      (recorded().find(({ ip }) => ip === v6)?.expires ?? 0) > (ends.get(v6) ?? Infinity);
    expect(await eventually(prolonged, Boolean, 30)).toBe(true);
    expect(recorded()).toHaveLength(ends.size);
    await powerOn(lab.id, owner);
  });

  it('has them renewed at half of their time', async () => {
    const [ip = ''] = await ipsOf('six');
    const end = recorded().find((lease) => lease.ip === ip)?.expires ?? Infinity;
    const prolonged = (): boolean => (recorded().find((lease) => lease.ip === ip)?.expires ?? 0) > end;
    expect(await eventually(prolonged, Boolean, 100)).toBe(true);
    expect(await answer(ip)).toMatch(/web/);
  });

  it('gives them back when it goes', async () => {
    for (const name of ['six', 'both']) {
      await lab.cluster.resource('Service').delete({ name, namespace: 'default' });
      await eventually(
        () => service(name),
        (left) => left === undefined,
      );
    }
    expect(await eventually(recorded, (left) => left.length === 0)).toEqual([]);
    expect(
      await eventually(
        () => readLeases(lab.paths),
        (left) => left.length === 0,
      ),
    ).toEqual([]);
  });
});
