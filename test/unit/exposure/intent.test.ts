import { describe, expect, it } from 'vitest';
import { DEFAULT_CLASS_RULES, readIntent } from '../../../src/exposure/intent/intent.ts';
import type { Intent } from '../../../src/exposure/intent/port.ts';
import { DEFAULT_CLASS, KEY, KUBEVIP_CLASS } from '../../../src/model/annotations.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { service } from '../../support/exposure.ts';

const intentOf = (object: Service): Intent => {
  const decision = readIntent(object, DEFAULT_CLASS_RULES);
  if (decision.state !== 'ready') throw new Error(decision.message);
  return decision.value;
};
const annotated = (annotations: Record<string, string>, spec: Partial<Service['spec']> = {}): Intent =>
  intentOf(service('web', { metadata: { annotations }, spec }));

describe('which Services are ours', () => {
  it.each([
    [undefined, false, 'ready'],
    [undefined, true, 'off'],
    [DEFAULT_CLASS, true, 'ready'],
    [KUBEVIP_CLASS, true, 'ready'],
    ['metallb.io/other', false, 'off'],
  ])('class %s with classOnly=%s is %s', (loadBalancerClass, classOnly, state) => {
    const object = service('web', { spec: loadBalancerClass === undefined ? {} : { loadBalancerClass } });
    expect(readIntent(object, { ...DEFAULT_CLASS_RULES, classOnly }).state).toBe(state);
  });

  it('leaves other types alone', () => {
    expect(readIntent(service('web', { spec: { type: 'NodePort' } }), DEFAULT_CLASS_RULES)).toMatchObject({
      reason: 'NotLoadBalancer',
    });
  });
});

describe('the address asked for', () => {
  it('is DHCP for 0.0.0.0, wherever it stands', () => {
    expect(annotated({ [KEY.loadBalancerIPs]: '0.0.0.0' }).address).toMatchObject({ kind: 'dhcp', hostname: 'web' });
    expect(annotated({}, { loadBalancerIP: '0.0.0.0' }).address).toMatchObject({ kind: 'dhcp' });
    expect(annotated({ [KEY.dhcp]: 'true', [KEY.dhcpHostname]: 'printer' }).address).toMatchObject({
      hostname: 'printer',
    });
  });

  it('is DHCP under a name with kube-vip’s ddns, and what the name leads to without it', () => {
    const name = { [KEY.loadBalancerIPs]: 'Shop.home.lan' };
    expect(annotated({ ...name, [KEY.ddns]: 'true', [KEY.dhcpHostname]: 'other' }).address).toEqual({
      kind: 'dhcp',
      hostname: 'shop',
      leased: [4],
    });
    expect(annotated({ ...name, [KEY.ddns]: 'true' }, { ipFamilies: ['IPv6'] }).address).toMatchObject({
      hostname: 'shop',
      leased: [6],
    });
    expect(annotated({ [KEY.loadBalancerIPs]: '10.0.0.1', [KEY.ddns]: 'true' }).address).toMatchObject({
      kind: 'explicit',
    });
    for (const annotations of [name, { ...name, [KEY.ddns]: 'false' }])
      expect(annotated(annotations).address).toEqual({ kind: 'name', names: ['shop.home.lan'] });
    const several = { [KEY.loadBalancerIPs]: 'v4.home.lan, v6.home.lan.' };
    expect(annotated(several).address).toEqual({ kind: 'name', names: ['v4.home.lan', 'v6.home.lan'] });
    // What is part of an address is none of a name.
    for (const text of ['10.0.0.300', 'shop.home.lan,10.0.0.1', 'shop..lan', 'fd00::g'])
      expect(annotated({ [KEY.loadBalancerIPs]: text }).address).toMatchObject({ reason: 'InvalidAddress' });
  });

  it('is explicit from the annotation before the spec', () => {
    const spec = { loadBalancerIP: '10.0.0.9', ipFamilies: ['IPv4', 'IPv6'] };
    const intent = annotated({ [KEY.loadBalancerIPs]: '10.0.0.1,fd00::0001' }, spec);
    expect(intent.address).toEqual({ kind: 'explicit', addresses: ['10.0.0.1', 'fd00::1'] });
  });

  it('is refused in a family that the Service does not have', () => {
    const refused = { state: 'failed', reason: 'FamilyNotServed' };
    expect(annotated({ [KEY.loadBalancerIPs]: '10.0.0.1,fd00::1' }).address).toMatchObject(refused);
    expect(annotated({ [KEY.loadBalancerIPs]: '0.0.0.0' }, { ipFamilies: ['IPv6'] }).address).toMatchObject(refused);
    for (const text of ['::', '0.0.0.0,::'])
      expect(annotated({ [KEY.loadBalancerIPs]: text }).address).toMatchObject(refused);
  });

  it.each([
    ['ipv4', [4]],
    ['ipv6', [6]],
    ['dual', [4, 6]],
  ] as const)('is of the families of dhcp_mode=%s with ddns, as far as the Service has them', (dhcpMode, leased) => {
    const annotations = { [KEY.loadBalancerIPs]: 'shop.home.lan', [KEY.ddns]: 'true' };
    const of = (ipFamilies: string[]): Intent['address'] => {
      const read = readIntent(service('web', { metadata: { annotations }, spec: { ipFamilies } }), {
        ...DEFAULT_CLASS_RULES,
        dhcpMode,
      });
      if (read.state !== 'ready') throw new Error(read.message);
      return read.value.address;
    };
    expect(of(['IPv4', 'IPv6'])).toMatchObject({ leased });
    expect(of(['IPv4'])).toMatchObject({ leased: [4] });
    expect(of(['IPv6'])).toMatchObject({ leased: [6] });
  });

  it('may be one by DHCP of a family or of each, or one beside one that is given', () => {
    const both = { ipFamilies: ['IPv4', 'IPv6'] };
    const wish = (text: string): Intent['address'] => annotated({ [KEY.loadBalancerIPs]: text }, both).address;
    expect(wish('0.0.0.0')).toEqual({ kind: 'dhcp', hostname: 'web', leased: [4] });
    expect(wish('::')).toEqual({ kind: 'dhcp', hostname: 'web', leased: [6] });
    for (const text of ['0.0.0.0,::', '::, 0.0.0.0']) expect(wish(text)).toMatchObject({ leased: [4, 6] });
    expect(wish('0.0.0.0,fd00::1')).toEqual({ kind: 'dhcp', hostname: 'web', leased: [4], beside: 'fd00::1' });
    expect(wish('10.0.0.1,::')).toEqual({ kind: 'dhcp', hostname: 'web', leased: [6], beside: '10.0.0.1' });
    for (const text of [
      '0.0.0.0,10.0.0.1',
      '0.0.0.0,fd00::1,fd00::2',
      '0.0.0.0,::,10.0.0.1',
      '0.0.0.0,::,fd00::1',
      '::,fd00::1',
      '::,::',
    ])
      expect(wish(text)).toMatchObject({ state: 'failed', reason: 'InvalidAddress' });
    // What a pool gave before the annotation was set may still stand in the spec.
    expect(annotated({ [KEY.dhcp]: 'true' }, { ...both, loadBalancerIP: '10.0.0.9' }).address).toEqual({
      kind: 'dhcp',
      hostname: 'web',
      leased: [4],
    });
    expect(annotated({ [KEY.dhcp]: 'true' }, { ipFamilies: ['IPv6'] }).address).toMatchObject({ leased: [6] });
  });

  it('may be wished for at the server, in the families that are leased', () => {
    const wishes = { [KEY.requestedIP]: '10.0.0.7, fd00::7' };
    const of = (text: string): Intent['address'] =>
      annotated({ ...wishes, [KEY.loadBalancerIPs]: text }, { ipFamilies: ['IPv4', 'IPv6'] }).address;
    expect(of('0.0.0.0,::')).toMatchObject({ requested: '10.0.0.7', requested6: 'fd00::7' });
    expect(of('::')).not.toHaveProperty('requested');
    expect(of('::')).toMatchObject({ requested6: 'fd00::7' });
    expect(of('0.0.0.0')).not.toHaveProperty('requested6');
  });

  it('is still the pool when what stands there is what the pool gave', () => {
    const record = {
      [KEY.assigned]: '{"ips":["10.0.0.1"],"source":"pool","pool":"range-global"}',
      [KEY.loadBalancerIPs]: '10.0.0.1',
    };
    expect(annotated(record, { loadBalancerIP: '10.0.0.1' }).address).toEqual({ kind: 'pool' });
    expect(annotated({ ...record, [KEY.loadBalancerIPs]: '10.0.0.2' }).address).toMatchObject({ kind: 'explicit' });
  });

  it('says what is wrong with text that is no address', () => {
    expect(annotated({ [KEY.loadBalancerIPs]: '10.0.0.256' }).address).toMatchObject({
      state: 'failed',
      reason: 'InvalidAddress',
    });
  });
});

describe('router ports asked for', () => {
  const ports = [
    { name: 'http', port: 80, protocol: 'TCP' as const },
    { name: 'dns', port: 53, protocol: 'UDP' as const },
  ];
  it('are pinholes only when nothing is wanted of IPv4', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' as const },
    ];
    expect(annotated({ [KEY.router]: 'pinhole' }, { ports }).router).toEqual({
      families: [6],
      lifetime: 3_600_000,
      ports: [
        { protocol: 'TCP', internalPort: 80, externalPort: 80 },
        { protocol: 'UDP', internalPort: 53, externalPort: 53 },
      ],
    });
  });

  it('true and forwardUPNP mean every port under its own number', () => {
    for (const annotations of [{ [KEY.router]: 'true' }, { [KEY.forwardUPnP]: 'true' }]) {
      expect(annotated(annotations, { ports }).router).toMatchObject({
        ports: [
          { protocol: 'TCP', internalPort: 80, externalPort: 80 },
          { protocol: 'UDP', internalPort: 53, externalPort: 53 },
        ],
      });
    }
  });
  it('chooses by name or number', () => {
    expect(annotated({ [KEY.router]: 'http=8080,53=5353', [KEY.upnpLeaseDuration]: '10m' }, { ports }).router).toEqual({
      ports: [
        { protocol: 'TCP', internalPort: 80, externalPort: 8080 },
        { protocol: 'UDP', internalPort: 53, externalPort: 5353 },
      ],
      lifetime: 600_000,
    });
  });
  it.each(['8080', 'https=443', 'http=0', 'http=65536', 'http'])('refuses %s and leaves the address alone', (value) => {
    const intent = annotated({ [KEY.router]: value }, { ports });
    expect(intent.router).toMatchObject({ state: 'failed', reason: 'InvalidAnnotation' });
    expect(intent.address).toEqual({ kind: 'pool' });
  });
});

describe('names asked for', () => {
  it('takes our label, and ExternalDNS names that end in .local', () => {
    const intent = annotated({ [KEY.mdns]: 'Web', [KEY.externalDnsHostname]: 'a.example.com, shop.local.' });
    expect(intent.name).toEqual({ hosts: ['web.local', 'shop.local'] });
  });
  it.each(['-web', 'we b', 'a'.repeat(64), 'a.b'])('refuses %s', (value) => {
    expect(annotated({ [KEY.mdns]: value }).name).toMatchObject({ state: 'failed', reason: 'InvalidName' });
  });
});
