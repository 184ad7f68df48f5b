import { describe, expect, it } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { MERGE, SLICES, STRATEGIC } from './objects.ts';
import { againstEachServer } from './servers.ts';

type Fields = Record<string, unknown>;

const NODES = '/api/v1/nodes';
const PODS = '/api/v1/namespaces/default/pods';
const ENDPOINTS = '/api/v1/namespaces/default/endpoints';

againstEachServer('addresses', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const causes = (body: unknown): [unknown, string][] =>
    listAt(body, 'details.causes').map((cause) => [at(cause, 'field'), textAt(cause, 'message')]);

  describe('of slices', () => {
    const make = async (name: string, more: Fields) =>
      await call('POST', SLICES, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name },
        ...more,
      });
    const of = (addressType: string, ...addresses: string[]) => ({ addressType, endpoints: [{ addresses }] });

    it('are of their type', async () => {
      for (const [name, more] of [
        ['four', of('IPv4', '10.1.0.1')],
        ['six', of('IPv6', 'fd00:1::1')],
        ['name', of('FQDN', 'a.example')],
      ] as const) {
        const { code, body } = await make(name, more);
        expect([code, at(body, 'endpoints.0')]).toEqual([201, { ...more.endpoints[0], conditions: {} }]);
      }
    });

    it.each<[string, Fields, string, string]>([
      ['IPv4 for IPv6', of('IPv6', '10.1.0.1'), 'endpoints[0].addresses', 'must be an IPv6 address'],
      ['IPv6 for IPv4', of('IPv4', 'fd00:1::1'), 'endpoints[0].addresses', 'must be an IPv4 address'],
      ['no address', of('IPv6', 'web'), 'endpoints[0].addresses[0]', 'must be a valid IP address'],
      ['zeros', of('IPv4', '10.1.0.010'), 'endpoints[0].addresses[0]', 'must not have leading 0s'],
      [
        'another way to write it',
        of('IPv6', 'fd00:1:0::1'),
        'endpoints[0].addresses[0]',
        'must be in canonical form ("fd00:1::1")',
      ],
      [
        'IPv4 inside IPv6',
        of('IPv6', '::ffff:10.1.0.1'),
        'endpoints[0].addresses[0]',
        'must not be an IPv4-mapped IPv6 address',
      ],
      ['loopback', of('IPv4', '127.0.0.1'), 'endpoints[0].addresses[0]', 'may not be in the loopback range'],
      [
        'the link',
        of('IPv6', 'fd00:1::1', 'fe80::1'),
        'endpoints[0].addresses[1]',
        'may not be in the link-local range',
      ],
      ['none', of('IPv6'), 'endpoints[0].addresses', 'must contain at least 1 address'],
      [
        'a node that is no name',
        { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.0.1'], nodeName: 'N_1' }] },
        'endpoints[0].nodeName',
        'a lowercase RFC 1123 subdomain',
      ],
      [
        'a port name twice',
        { addressType: 'IPv4', endpoints: [], ports: [{ name: 'a' }, { name: 'a', protocol: 'UDP' }] },
        'ports[1].name',
        'Duplicate value: "a"',
      ],
      [
        'a protocol',
        { addressType: 'IPv4', endpoints: [], ports: [{ protocol: 'XTP' }] },
        'ports[0].protocol',
        'Unsupported value: "XTP"',
      ],
    ])('are not %s', async (_what, more, field, message) => {
      const { code, body } = await make('refused', more);
      const [[where, why] = []] = causes(body);
      expect([code, where]).toEqual([422, field]);
      expect(why).toContain(message);
    });
  });

  describe('of Endpoints', () => {
    const make = async (name: string, subset: Fields) =>
      await call('POST', ENDPOINTS, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name }, subsets: [subset] });

    it('may be of both families', async () => {
      const addresses = [{ ip: 'fd00:1::1' }, { ip: '10.1.0.1' }];
      const { body } = await make('both', { addresses, ports: [{ port: 80 }] });
      expect(at(body, 'subsets')).toEqual([{ addresses, ports: [{ port: 80, protocol: 'TCP' }] }]);
    });

    it('are there, and valid', async () => {
      const none = await make('none', { ports: [{ port: 80 }] });
      expect(causes(none.body).map(([field]) => field)).toEqual(['subsets[0]']);
      const wrong = await make('wrong', {
        addresses: [{ ip: '127.0.0.1' }, { ip: '10.1.0.010' }],
        notReadyAddresses: [{ ip: '10.1.0.1', nodeName: 'N_1' }],
        ports: [{ port: 0, name: 'a' }, { port: 1 }],
      });
      expect([wrong.code, causes(wrong.body).map(([field]) => field)]).toEqual([
        422,
        [
          'subsets[0].addresses[0].ip',
          'subsets[0].addresses[1].ip',
          'subsets[0].notReadyAddresses[0].nodeName',
          'subsets[0].ports[0].port',
          'subsets[0].ports[1].name',
        ],
      ]);
    });
  });

  describe('of nodes', () => {
    const make = async (name: string, spec: Fields) =>
      await call('POST', NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec });

    it('come as one range of pods and as several, the first the same', async () => {
      const dual = ['10.1.0.0/24', 'fd00:1::/64'];
      for (const [name, spec, expected] of [
        ['one', { podCIDR: '10.1.0.0/24' }, ['10.1.0.0/24']],
        ['several', { podCIDRs: dual }, dual],
        ['both', { podCIDR: '10.1.0.0/24', podCIDRs: dual }, dual],
        ['other', { podCIDR: '10.2.0.0/24', podCIDRs: dual }, ['10.2.0.0/24']],
      ] as const) {
        const { body } = await make(`node-${name}`, spec);
        expect([at(body, 'spec.podCIDR'), at(body, 'spec.podCIDRs')], name).toEqual([expected[0], expected]);
      }
      const { code, body } = await call('PATCH', `${NODES}/node-one`, { spec: { podCIDRs: dual } }, MERGE);
      expect([code, causes(body).map(([field]) => field)]).toEqual([422, ['spec.podCIDRs']]);
    });

    it.each<[string, string[], string]>([
      ['of one family', ['10.1.0.0/24', '10.2.0.0/24'], 'spec.podCIDRs'],
      ['that is none', ['10.1.0.0'], 'spec.podCIDRs[0]'],
      ['with more bits than its prefix', ['10.1.0.0/24', 'fd00:1::1/64'], 'spec.podCIDRs[1]'],
    ])('are refused %s', async (_what, podCIDRs, field) => {
      const { code, body } = await make('refused', { podCIDR: podCIDRs[0], podCIDRs });
      expect([code, causes(body)[0]?.[0]]).toEqual([422, field]);
    });

    it('may be several of one type, but none twice', async () => {
      await make('node-addresses', {});
      const path = `${NODES}/node-addresses/status`;
      const status = (...addresses: string[]) => ({
        status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
      });
      expect((await call('PATCH', path, status('192.0.2.1', 'fd00:2::1'), MERGE)).code).toBe(200);
      const { code, body } = await call('PATCH', path, status('192.0.2.1', '192.0.2.1'), MERGE);
      expect([code, causes(body).map(([field]) => field)]).toEqual([422, ['status.addresses[1]']]);
    });
  });

  describe('of pods', () => {
    const pod = async (name: string) =>
      await call('POST', PODS, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { automountServiceAccountToken: false, containers: [{ name: 'web', image: 'web' }] },
      });
    const report = async (name: string, status: Fields, type: { type: string } = MERGE) =>
      await call('PATCH', `${PODS}/${name}/status`, { status }, type);
    const ips = (body: unknown) => [
      at(body, 'status.podIP'),
      listAt(body, 'status.podIPs').map((item) => at(item, 'ip')),
    ];

    it('come as one and as several, the first the same', async () => {
      await pod('p-ips');
      expect(ips((await report('p-ips', { podIP: '10.1.0.1' })).body)).toEqual(['10.1.0.1', ['10.1.0.1']]);
      const both = [{ ip: '10.1.0.1' }, { ip: 'fd00:1::1' }];
      expect(ips((await report('p-ips', { podIPs: both })).body)).toEqual(['10.1.0.1', ['10.1.0.1', 'fd00:1::1']]);
      expect(ips((await report('p-ips', { podIP: '10.1.0.2' })).body)).toEqual(['10.1.0.2', ['10.1.0.2']]);
      const six = await report('p-ips', { podIP: null, podIPs: [{ ip: 'fd00:1::2' }, { ip: '10.1.0.3' }] });
      expect(ips(six.body)).toEqual(['fd00:1::2', ['fd00:1::2', '10.1.0.3']]);
      const strategic = await report('p-ips', { podIPs: [{ ip: '10.1.0.4' }] }, STRATEGIC);
      expect(ips(strategic.body)).toEqual(['fd00:1::2', ['fd00:1::2']]);
    });

    it.each<[string, Fields, string]>([
      ['no address', { podIP: 'x' }, 'status.podIPs[0]'],
      ['of one family', { podIPs: [{ ip: '10.1.0.1' }, { ip: '10.1.0.2' }] }, 'status.podIPs'],
      ['of another host', { hostIP: '192.0.2.1', hostIPs: [{ ip: '192.0.2.2' }] }, 'status.hostIPs[0].ip'],
    ])('are refused: %s', async (what, status, field) => {
      const name = `p-${what.replace(/ /g, '-')}`;
      await pod(name);
      const { code, body } = await report(name, status);
      expect([code, causes(body).map(([where]) => where)]).toEqual([422, [field]]);
    });

    it('keep what admission gave the pod, whoever sends it again without', async () => {
      const { body: made } = await pod('p-admitted');
      expect(at(made, 'spec')).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
      const { body } = await call(
        'PATCH',
        `${PODS}/p-admitted`,
        { spec: { priority: null, preemptionPolicy: null } },
        MERGE,
      );
      expect(at(body, 'spec')).toEqual(at(made, 'spec'));
      expect(JSON.stringify(at(made, 'metadata.managedFields'))).not.toMatch(/priority|preemption/);
    });
  });
});
