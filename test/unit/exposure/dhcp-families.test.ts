/** Addresses by DHCP of either family, through the pipeline: given, kept, lost and given back. */
import { describe, expect, it } from 'vitest';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { CONDITION, KEY } from '../../../src/model/annotations.ts';
import { failed, pending, ready } from '../../../src/model/decision.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createWorld, LEASE, LEASE6, service, type World } from '../../support/exposure.ts';

const WEB = 'default/web';
const V4 = LEASE.ip;
const V6 = LEASE6.ip;
const NO_SERVER = failed('NoDhcpServer', 'no DHCPv6 server has answered');

function world(text: string, spec: Partial<Service['spec']> = {}): World {
  const made = createWorld();
  made.configMap = {};
  made.services.set(
    WEB,
    service('web', {
      metadata: { annotations: { [KEY.loadBalancerIPs]: text } },
      spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', ...spec },
    }),
  );
  return made;
}
const ipsOf = (object: Service | undefined): readonly Ip[] => (object && readAssigned(object)?.ips) ?? [];
const shown = (object: Service | undefined): unknown => object?.status?.loadBalancer?.ingress?.map((entry) => entry.ip);

/** As a user would: what is written beside it stays. */
function annotate(of: World, annotations: Record<string, string>): void {
  const before = of.services.get(WEB)!;
  const metadata = { ...before.metadata, annotations: { ...before.metadata.annotations, ...annotations } };
  of.services.set(WEB, { ...before, metadata });
}

describe('an address by DHCPv6', () => {
  it('is the Service’s, recorded with its lease and asked for by its name', async () => {
    const lan = world('::', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' });
    const after = await lan.settle(WEB);
    expect(shown(after)).toEqual([V6]);
    expect(lan.leaseRequests).toEqual([]);
    expect(lan.leaseRequests6[0]).toMatchObject({ service: WEB, hostname: 'web', link: 'eth0' });
    expect(readAssigned(after!)).toMatchObject({ source: 'dhcp', lease6: { ip: V6 } });
    expect(readAssigned(after!)).not.toHaveProperty('lease');
    expect(after?.metadata.annotations).toMatchObject({ [KEY.requestedIP]: V6 });
    // A hardware address is shown to DHCPv4 servers alone.
    expect(after?.metadata.annotations).not.toHaveProperty(KEY.hwaddr);
    expect(after?.metadata.finalizers).toHaveLength(1);
    expect(lan.announced).toEqual(new Set([V6]));
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('may stand beside an IPv4 address from the pool, or one that is asked for', async () => {
    const pool = world('::');
    pool.configMap = { 'range-global': '10.77.0.200-10.77.0.202' };
    expect(ipsOf(await pool.settle(WEB))).toEqual([V6, '10.77.0.200']);
    const given = world('10.77.0.50,::');
    expect(ipsOf(await given.settle(WEB))).toEqual([V6, '10.77.0.50']);
  });

  it('is renewed by its owner alone, and given back when the Service goes', async () => {
    const lan = world('::');
    await lan.settle(WEB);
    lan.kept6 = ready({ ...LEASE6, acquiredAt: '2026-01-01T00:01:00.000Z' }, 'Leased', 'renewed');
    expect(readAssigned((await lan.settle(WEB))!)?.lease6?.acquiredAt).toBe('2026-01-01T00:01:00.000Z');
    expect(lan.log).toContain('keep6');
    lan.live = ['n1', 'n2'];
    lan.owner = 'n2';
    lan.log.length = 0;
    lan.reconciler.reconcile(WEB);
    expect(lan.log).toContain(`abandon6 ${WEB} but ${V6}`);
    expect(lan.log).not.toContain('keep6');
    lan.owner = 'n1';
    const before = lan.services.get(WEB)!;
    lan.services.set(WEB, { ...before, metadata: { ...before.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    await lan.settle(WEB);
    expect(lan.log).toContain(`dhcp release ${V6}`);
    expect(lan.log).not.toContain('dhcp release');
  });
});

describe('addresses of both families by DHCP', () => {
  it('are leased beside each other', async () => {
    const lan = world('0.0.0.0,::');
    const after = await lan.settle(WEB);
    expect(shown(after)).toEqual([V4, V6]);
    expect(readAssigned(after!)).toMatchObject({ lease: { ip: V4 }, lease6: { ip: V6 } });
    expect(after?.metadata.annotations).toMatchObject({ [KEY.requestedIP]: `${V4},${V6}`, [KEY.hwaddr]: LEASE.mac });
    expect(lan.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('are waited for together while a server may still answer, and the one there is serves when none does', async () => {
    const lan = world('0.0.0.0,::');
    lan.lease6 = pending('DhcpDiscovering', 'asking');
    expect(ipsOf(await lan.settle(WEB))).toEqual([]);
    lan.lease6 = NO_SERVER;
    const alone = await lan.settle(WEB);
    expect(shown(alone)).toEqual([V4]);
    // And it is said that one is missing.
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({ status: 'False', reason: 'NoDhcpServer' });
    lan.lease6 = ready(LEASE6, 'Leased', 'leased');
    expect(shown(await lan.settle(WEB))).toEqual([V4, V6]);
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({ status: 'True' });
  });

  it('are both there or none where the Service requires both', async () => {
    const lan = world('0.0.0.0,::', { ipFamilyPolicy: 'RequireDualStack' });
    lan.lease6 = NO_SERVER;
    expect(ipsOf(await lan.settle(WEB))).toEqual([]);
    expect(lan.condition(WEB, CONDITION.address)).toMatchObject({ reason: 'NoDhcpServer' });
  });

  it('are lost one by one: the other one goes on serving', async () => {
    const lan = world('0.0.0.0,::');
    await lan.settle(WEB);
    lan.kept6 = failed('LeaseLost', 'the prefix is gone');
    lan.lease6 = pending('DhcpDiscovering', 'asking');
    const without = await lan.settle(WEB);
    expect(ipsOf(without)).toEqual([V4]);
    expect(readAssigned(without!)?.lease6).toBeUndefined();
    expect(lan.announced).toEqual(new Set([V4]));
    const other = { ...LEASE6, ip: ip('fd78::1') };
    lan.lease6 = lan.kept6 = ready(other, 'Leased', 'leased');
    expect(shown(await lan.settle(WEB))).toEqual([V4, 'fd78::1']);
    lan.kept = failed('LeaseLost', 'taken back');
    lan.lease = pending('DhcpDiscovering', 'asking');
    expect(ipsOf(await lan.settle(WEB))).toEqual(['fd78::1']);
  });

  it('of which a renewal brings another one are exchanged where they stand', async () => {
    const lan = world('0.0.0.0,::');
    await lan.settle(WEB);
    lan.kept6 = ready({ ...LEASE6, ip: ip('fd78::1') }, 'Leased', 'another one');
    expect(shown(await lan.settle(WEB))).toEqual([V4, 'fd78::1']);
    expect(lan.announced).toEqual(new Set([V4, 'fd78::1']));
  });

  it('become fewer and more as the wish changes, and what is not wished for any more is given back', async () => {
    const lan = world('0.0.0.0');
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4]);
    annotate(lan, { [KEY.loadBalancerIPs]: '0.0.0.0,::' });
    expect(ipsOf(await lan.settle(WEB))).toEqual([V4, V6]);
    annotate(lan, { [KEY.loadBalancerIPs]: '::' });
    lan.log.length = 0;
    expect(ipsOf(await lan.settle(WEB))).toEqual([V6]);
    expect(lan.log).toContain('dhcp release');
    expect(lan.log).not.toContain(`dhcp release ${V6}`);
  });
});
