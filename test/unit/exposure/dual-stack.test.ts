import { describe, expect, it } from 'vitest';
import { Claims } from '../../../src/exposure/claims.ts';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { CONDITION, KEY } from '../../../src/model/annotations.ts';
import { ready } from '../../../src/model/decision.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createWorld, LEASE, MAC, service, type World } from '../../support/exposure.ts';

const WEB = 'default/web';
const V4 = '10.77.0.200';
const V6 = 'fd77::200';
const BOTH = { 'range-global': '10.77.0.200-10.77.0.202,fd77::200-fd77::202' };

const dual = (ipFamilyPolicy: string, annotations: Record<string, string> = {}): Service =>
  service('web', { spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy }, metadata: { annotations } });

const world = (configMap: Record<string, string> = BOTH): World => Object.assign(createWorld(), { configMap });

/** As a user's patch would: everything else stays. */
function respec(of: World, spec: Partial<Service['spec']>): void {
  const before = of.services.get(WEB)!;
  of.services.set(WEB, { ...before, spec: { ...before.spec, ...spec } });
}

const ipsOf = (object: Service | undefined): readonly Ip[] => (object && readAssigned(object)?.ips) ?? [];

describe('a Service of both families', () => {
  it('gets, announces and shows an address of each', async () => {
    const lan = world();
    lan.services.set(WEB, dual('RequireDualStack'));
    const after = await lan.settle(WEB);
    expect(after?.status?.loadBalancer?.ingress?.map((entry) => entry.ip)).toEqual([V4, V6]);
    expect(after?.metadata.annotations?.[KEY.loadBalancerIPs]).toBe(`${V4},${V6}`);
    expect(lan.announced).toEqual(new Set([V4, V6]));
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('has them in its own order of families', async () => {
    const lan = world();
    lan.services.set(
      WEB,
      service('web', { spec: { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' } }),
    );
    expect(ipsOf(await lan.settle(WEB))).toEqual([V6, V4]);
  });

  it('of IPv6 alone gets no IPv4 address', async () => {
    const lan = world();
    lan.services.set(WEB, service('web', { spec: { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' } }));
    expect(ipsOf(await lan.settle(WEB))).toEqual([V6]);
  });

  it('does with one where it prefers two and the pool has one family, and gets the other as soon as there is one', async () => {
    const lan = world({ 'range-global': '10.77.0.200-10.77.0.202' });
    lan.services.set(WEB, dual('PreferDualStack'));
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4]);
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
    lan.configMap = BOTH;
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4, V6]);
  });

  it('says what is missing when it prefers two and one family is exhausted', async () => {
    const lan = world({ 'range-global': '10.77.0.200-10.77.0.202,fd77::200-fd77::200' });
    lan.strangers.set(ip(V6), MAC);
    lan.services.set(WEB, dual('PreferDualStack'));
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4]);
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({
      status: 'True',
      message: expect.stringContaining(
        `no free IPv6 address left; answered by other hosts on the LAN: ${V6}`,
      ) as string,
    });
  });

  it('gets nothing where it requires two and the pool has one family', async () => {
    const lan = world({ 'range-global': '10.77.0.200-10.77.0.202' });
    lan.services.set(WEB, dual('RequireDualStack'));
    await lan.settle(WEB);
    expect(lan.announced.size).toBe(0);
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({ status: 'False', reason: 'NoPool' });
  });

  it('keeps its IPv4 address when it becomes dual-stack, and loses only IPv6 when it is single-stack again', async () => {
    const lan = world();
    lan.services.set(WEB, service('web'));
    await lan.settle(WEB);
    respec(lan, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4, V6]);
    respec(lan, { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    const after = await lan.settle(WEB);
    expect(ipsOf(after)).toEqual([V4]);
    expect(after?.status?.loadBalancer?.ingress?.map((entry) => entry.ip)).toEqual([V4]);
    expect(lan.announced).toEqual(new Set([V4]));
    expect(lan.log.filter((entry) => entry === `announce ${V4}`)).toHaveLength(1);
  });

  it('keeps the address asked for when it gives up the other, though its owner answers for it on the LAN', async () => {
    const lan = world();
    lan.services.set(WEB, dual('RequireDualStack', { [KEY.loadBalancerIPs]: `${V4},${V6}` }));
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4, V6]);
    lan.strangers.set(ip(V4), MAC);
    const { metadata, ...others } = lan.services.get(WEB)!;
    const annotations = { ...metadata.annotations, [KEY.loadBalancerIPs]: V4 };
    lan.services.set(WEB, { ...others, metadata: { ...metadata, annotations } });
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4]);
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('takes IPv4 by DHCP and IPv6 from the pool, and both survive a new lease', async () => {
    const lan = world();
    lan.services.set(WEB, dual('PreferDualStack', { [KEY.loadBalancerIPs]: '0.0.0.0' }));
    const after = await lan.settle(WEB);
    expect(ipsOf(after)).toEqual(['10.77.0.101', V6]);
    expect(lan.condition(WEB, CONDITION.address)?.message).toBe(
      `10.77.0.101 by DHCP from 10.77.0.1, ${V6} from pool range-global`,
    );
    lan.kept = ready({ ...LEASE, ip: ip('10.77.0.140') }, 'Leased', 'leased');
    expect(ipsOf(await lan.settle(WEB))).toEqual(['10.77.0.140', V6]);
  });

  it('by DHCP has IPv4 alone where no pool has IPv6', async () => {
    const lan = world({});
    lan.services.set(WEB, dual('PreferDualStack', { [KEY.dhcp]: 'true' }));
    expect(ipsOf(await lan.settle(WEB))).toEqual(['10.77.0.101']);
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('is told when an address is in no subnet of the node', async () => {
    const lan = world({ 'range-global': '10.77.0.200-10.77.0.202,2001:db8::1-2001:db8::9' });
    lan.services.set(WEB, dual('RequireDualStack'));
    await lan.settle(WEB);
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({ status: 'False', reason: 'NoLink' });
  });

  it('has both addresses on one node, whoever had the second before', async () => {
    const lan = world();
    lan.live = ['n1', 'n2'];
    lan.owners.set(ip(V6), 'n2');
    lan.services.set(WEB, dual('RequireDualStack'));
    await lan.settle(WEB);
    // n2 may not own it any more, and n1 waits for it.
    expect(lan.condition(WEB, CONDITION.owner)).toMatchObject({
      status: 'Unknown',
      reason: 'WaitingForOwner',
      message: `${V6} goes where ${V4} is`,
    });
    lan.owners.delete(ip(V6));
    await lan.settle(WEB);
    expect(lan.condition(WEB, CONDITION.owner)).toMatchObject({ status: 'True' });
  });
});

describe('the leader of an address', () => {
  const [a, b, c] = [ip('10.0.0.1'), ip('10.0.0.2'), ip('fd00::1')];
  it('is the first address of the Services that want it, if they agree', () => {
    const claims = new Claims();
    claims.set('x/one', { ips: [a, c] });
    expect([claims.leaderOf(a), claims.leaderOf(c)]).toEqual([undefined, a]);
    claims.set('x/two', { ips: [a, c] });
    expect(claims.leaderOf(c)).toBe(a);
    claims.set('x/two', { ips: [b, c] });
    expect(claims.leaderOf(c)).toBeUndefined();
    expect(claims.set('x/one', undefined)).toEqual([a]);
    expect(claims.leaderOf(c)).toBe(b);
    expect(claims.leaderOf(ip('10.0.0.9'))).toBeUndefined();
  });
});
