/** Both IP families: what is asked of the API, what is promised, and what can be said from this machine. */
import { beforeEach, describe, expect, it } from 'vitest';
import { KEY } from '../../../src/model/annotations.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import type { MappingRecord } from '../../../src/exposure/router/port.ts';
import { familySpec, type FamilyWish } from '../../../src/workflows/expose/families.ts';
import { judge } from '../../../src/workflows/expose/judge.ts';
import type { AddressWish } from '../../../src/workflows/expose/request.ts';
import { endpointsOf, urlOf } from '../../../src/workflows/expose/result.ts';
import { newService } from '../../../src/workflows/expose/service.ts';
import { verify } from '../../../src/workflows/expose/verify.ts';
import type { Reached } from '../../../src/workflows/reachability.ts';
import { annotated, condition, settled, withConditions } from '../../support/exposed.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const V4 = ip('10.77.0.101');
const V6 = ip('fd77::101');
const dhcp: AddressWish = { kind: 'dhcp' };
const both: AddressWish = { kind: 'ip', ips: [V4, V6] };

function service(...ipFamilies: string[]): Service {
  return { metadata: { name: 'web' }, spec: { type: 'LoadBalancer', ipFamilies, ports: [{ port: 80 }] } };
}

describe('families asked of the API', () => {
  it.each<[string, FamilyWish | undefined, AddressWish | undefined, Service | undefined, object]>([
    ['nothing said: the cluster decides', undefined, undefined, undefined, {}],
    ['IPv6 only', 'ipv6', undefined, undefined, { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }],
    ['dual is a preference', 'dual', dhcp, undefined, { ipFamilyPolicy: 'PreferDualStack' }],
    [
      'an IPv6 address alone says the family',
      undefined,
      { kind: 'ip', ips: [V6] },
      undefined,
      { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' },
    ],
    [
      'addresses of both are needed both',
      undefined,
      both,
      undefined,
      { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
    ],
    [
      'DHCP and an IPv6 address too, in the order that a Service has',
      'dual',
      { kind: 'dhcp', v6: V6 },
      service('IPv6'),
      { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' },
    ],
    ['a Service that has both keeps them', undefined, both, service('IPv6', 'IPv4'), {}],
    ['back to one', 'ipv4', undefined, service('IPv4', 'IPv6'), { ipFamilyPolicy: 'SingleStack' }],
  ])('%s', (_, wish, address, existing, wanted) => {
    expect(familySpec(wish, address, existing)).toEqual(wanted);
  });

  it.each<[string, FamilyWish, AddressWish | undefined, Service | undefined, string]>([
    ['the first family of a Service stays', 'ipv6', undefined, service('IPv4'), 'FAMILY_FIXED'],
    ['IPv6 by DHCP', 'ipv6', dhcp, undefined, 'INVALID_ADDRESS'],
    ['an IPv6 address for IPv4', 'ipv4', { kind: 'ip', ips: [V6] }, undefined, 'INVALID_ADDRESS'],
  ])('refuses: %s', (_, wish, address, existing, code) => {
    expect(() => familySpec(wish, address, existing)).toThrow(expect.objectContaining({ code, exit: 2 }) as Error);
  });

  it('writes both addresses and the policy for conflicts where the agents read them', () => {
    const target = { kind: 'Deployment', name: 'web' } as const;
    const request = { namespace: 'default', target, ports: [], timeout: 1000, keep: false };
    const backend = { target, selector: { app: 'web' }, labels: { app: 'web' }, ports: [] };
    const wish = { ...request, address: { kind: 'dhcp', v6: V6 }, conflict: 'yield' } as const;
    const { metadata, spec } = newService(wish, 'web', backend, []);
    expect(metadata.annotations).toMatchObject({
      [KEY.loadBalancerIPs]: '0.0.0.0,fd77::101',
      [KEY.conflict]: 'yield',
    });
    expect(spec.ipFamilyPolicy).toBe('RequireDualStack');
  });
});

const record = (internalIp: Ip, more: Partial<MappingRecord> = {}): MappingRecord => ({
  protocol: 'TCP',
  internalPort: 80,
  externalPort: 8080,
  internalIp,
  method: 'pcp',
  gateway: ip('10.77.0.1'),
  ...more,
});

function exposed(ips: readonly Ip[], records: readonly MappingRecord[]): Service {
  const base = annotated(settled({ ...service('IPv4', 'IPv6') }), {
    [KEY.router]: '8080',
    [KEY.assigned]: JSON.stringify({ ips, source: 'pool', pool: 'range-global' }),
    [KEY.routerMappings]: JSON.stringify(records),
  });
  const marked = { ...base, metadata: { ...base.metadata, uid: 'u' } };
  return withConditions(marked, condition('router', 'True', 'RouterMapped'));
}

const endpoints = (of: Service) =>
  endpointsOf(
    of,
    (['address', 'owner', 'announcement', 'router'] as const).map((stage) => ({
      stage,
      state: 'ready',
      final: false,
      reason: '',
      message: '',
    })),
  );

describe('what is promised for both families', () => {
  it('has URLs with brackets, and a pinhole is the address itself with its own port', () => {
    const global = ip('2001:4860::101');
    const found = endpoints(exposed([V4, global], [record(V4, { externalIp: ip('8.8.4.4') }), record(global)]));
    expect(found.map(({ url, scope }) => [url, scope])).toEqual([
      ['http://10.77.0.101', 'lan'],
      ['http://[2001:4860::101]', 'lan'],
      ['http://8.8.4.4:8080', 'internet'],
      ['http://[2001:4860::101]', 'internet'],
    ]);
    expect(found.at(-1)?.note).toBe('let in by the router 10.77.0.1; cannot be tried from inside');
    expect(urlOf('tcp', 'fd77::101', 5432)).toBe('tcp://[fd77::101]:5432');
  });

  it('says that a pinhole for a local address opens nothing', () => {
    expect(endpoints(exposed([V6], [record(V6)])).at(-1)?.note).toContain(
      'fd77::101 is not an address of the Internet',
    );
  });

  it.each([
    ['CGNAT', '100.64.0.2', /provider's \(CGNAT\): not reachable.*IPv6 goes around it \(--family dual\)/],
    ['double NAT', '192.168.0.2', /\(double NAT\).*IPv6 goes around it \(--family dual\)/],
  ])('shows IPv6 as the way out of %s', (_, external, text) => {
    const mapped = record(V4, { externalIp: ip(external) });
    expect(endpoints(exposed([V4], [mapped])).at(-1)?.note).toMatch(text);
    const taken = endpoints(exposed([V4, V6], [mapped, record(V6)]));
    expect(taken.find(({ host }) => host === external)?.note).not.toContain('--family');
  });

  it('counts the router stage as done with a pinhole', () => {
    const views = judge(exposed([V6], [record(V6, { externalPort: 80 })]), undefined);
    expect(views.find(({ stage }) => stage === 'router')?.state).toBe('ready');
  });
});

describe('trying both families from this machine', () => {
  const clock = createFakeClock();
  let answers: Record<Ip, Reached>;
  const away: Reached = { state: 'no-route', message: 'this machine has no IPv6 address' };
  const fine: Reached = { state: 'answers', routed: false, http: { status: 200 } };
  beforeEach(() => (answers = { [V4]: fine, [V6]: away }));

  const run = (names: readonly Ip[]) => {
    const of = annotated(exposed([V4, V6], []), { [KEY.publishedNames]: 'web.local' });
    const views = (['address', 'owner', 'announcement', 'name'] as const).map((stage) => {
      return { stage, state: 'ready', final: false, reason: '', message: '' } as const;
    });
    const reach = {
      tcp: (to: Ip) => Promise.resolve(answers[to] ?? away),
      resolve: () => Promise.resolve(names),
    };
    return verify(endpointsOf(of, views), { reach, clock, deadline: 0 });
  };

  it('says that this machine has no IPv6, and still tries IPv4 and the name', async () => {
    const found = await run([V6, V4]);
    expect(found.map(({ url, verified, note }) => [url, verified, note])).toEqual([
      ['http://10.77.0.101', 'yes', 'verified: HTTP 200'],
      ['http://[fd77::101]', 'unknown', 'not verified from here: this machine has no IPv6 address'],
      ['http://web.local', 'yes', 'web.local is fd77::101 and 10.77.0.101: verified: HTTP 200'],
    ]);
  });

  it('says nothing of a name when no family of this machine is on that network', async () => {
    answers = { [V4]: away, [V6]: away };
    expect((await run([V4])).map(({ verified }) => verified)).toEqual(['unknown', 'unknown', 'unknown']);
  });
});
