import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detours, nodesStillListed } from '../../../src/exposure/endpoints/detours.ts';
import type { Detour } from '../../../src/exposure/endpoints/port.ts';
import type { EndpointSlice, Service } from '../../../src/model/kubernetes.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const VIP = '10.77.0.200';
const three = sliceOf('web', [
  ['10.88.13.2', 'n3'],
  ['10.88.11.2', 'n1'],
  ['10.88.12.2', 'n2'],
]);
const of = (services: Service[], slices: EndpointSlice[], dead: string[], node = 'n1'): Detour[] =>
  detours({ node, services, slices, dead: new Set(dead) });
const ips = (pods: readonly { readonly ip: string }[] = []): string[] => pods.map(({ ip }) => ip);

describe('detours', () => {
  it('are none while nobody is dead, and where no endpoint is on a dead node', () => {
    const web = servedService('web', [VIP]);
    expect(of([web], [three], [])).toEqual([]);
    expect(of([web], [three], ['n4'])).toEqual([]);
  });

  it('lead to the endpoints that are left, in the name of this node, on every node', () => {
    for (const node of ['n1', 'n2', 'n4']) {
      expect(of([servedService('web', [VIP])], [three], ['n3'], node)).toEqual([
        {
          address: VIP,
          protocol: 'TCP',
          port: 80,
          outside: [
            { ip: '10.88.11.2', port: 8080 },
            { ip: '10.88.12.2', port: 8080 },
          ],
          inside: [
            { ip: '10.88.11.2', port: 8080 },
            { ip: '10.88.12.2', port: 8080 },
          ],
          masquerade: true,
          sticky: false,
          sources: [],
        },
      ]);
    }
  });

  it('are not made where nothing is left: it may be the agent alone that died', () => {
    expect(of([servedService('web', [VIP])], [three], ['n1', 'n2', 'n3'], 'n4')).toEqual([]);
  });

  it('are not made for endpoints that Kubernetes has struck off already', () => {
    const struck = sliceOf('web', [
      ['10.88.11.2', 'n1'],
      ['10.88.13.2', 'n3', { ready: false }],
    ]);
    expect(of([servedService('web', [VIP])], [struck], ['n3'])).toEqual([]);
  });

  it('turn to pods that end and still serve when no other is left, as kube-proxy does', () => {
    const ending = sliceOf('web', [
      ['10.88.11.2', 'n1', { ready: false, serving: true, terminating: true }],
      ['10.88.11.3', 'n1', { ready: false, serving: false, terminating: true }],
      ['10.88.13.2', 'n3'],
    ]);
    expect(ips(of([servedService('web', [VIP])], [ending], ['n3'])[0]?.outside)).toEqual(['10.88.11.2']);
  });

  it('keep policy Local to this node and to the client’s address; the node itself may go anywhere', () => {
    const local = servedService('web', [VIP], { externalTrafficPolicy: 'Local' });
    const [here] = of([local], [three], ['n3'], 'n1');
    expect([ips(here?.outside), ips(here?.inside), here?.masquerade]).toEqual([
      ['10.88.11.2'],
      ['10.88.11.2', '10.88.12.2'],
      false,
    ]);
    const [elsewhere] = of([local], [three], ['n3'], 'n4');
    expect([ips(elsewhere?.outside), ips(elsewhere?.inside)]).toEqual([[], ['10.88.11.2', '10.88.12.2']]);
  });

  it('send a client of a Service with affinity to one pod, and leave kube-proxy what it remembers of local ones', () => {
    const sticky = servedService('web', [VIP], { sessionAffinity: 'ClientIP' });
    expect(of([sticky], [three], ['n3'])[0]).toMatchObject({ sticky: true, masquerade: true });
    const local = servedService('web', [VIP], { sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' });
    expect(of([local], [three], ['n3'])[0]?.outside).toEqual([]);
  });

  it('open nothing to clients that may not come', () => {
    const ranges = (...loadBalancerSourceRanges: string[]): Detour[] =>
      of([servedService('web', [VIP], { loadBalancerSourceRanges })], [three], ['n3']);
    expect(ranges('192.168.7.9/16', '10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8', 'fd00::/8')[0]?.sources).toEqual([
      '10.0.0.0/8',
      '192.168.0.0/16',
    ]);
    expect(ranges('0.0.0.0/0', '10.0.0.0/8')[0]?.sources).toEqual([]);
    expect(ranges('fd00::/8')).toEqual([]);
    expect(ranges('10.0.0.0/8; drop')).toEqual([]);
  });

  it('match ports by name and protocol, in each family by itself, and leave SCTP alone', () => {
    const ports: Service['spec']['ports'] = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 5353, protocol: 'UDP' },
      { name: 'sigtran', port: 2905, protocol: 'SCTP' },
      { name: 'metrics', port: 9090 },
    ];
    const six = sliceOf('web', [
      ['fd88:11::2', 'n1'],
      ['fd88:13::2', 'n3'],
    ]);
    const found = of([servedService('web', [VIP, 'fd77::200'], { ports })], [three, six], ['n3']);
    expect(found.map(({ address, protocol, port, outside }) => [address, protocol, port, outside])).toEqual([
      [VIP, 'TCP', 80, [11, 12].map((n) => ({ ip: `10.88.${n}.2`, port: 8080 }))],
      [VIP, 'UDP', 5353, [11, 12].map((n) => ({ ip: `10.88.${n}.2`, port: 53 }))],
      ['fd77::200', 'TCP', 80, [{ ip: 'fd88:11::2', port: 8080 }]],
      ['fd77::200', 'UDP', 5353, [{ ip: 'fd88:11::2', port: 53 }]],
    ]);
  });

  it('touch only addresses of ours that kube-proxy serves', () => {
    const foreign = { ...servedService('web', [VIP]), status: { loadBalancer: { ingress: [{ ip: '10.77.0.9' }] } } };
    expect(of([foreign], [three], ['n3'])).toEqual([]);
    const proxied = {
      ...servedService('web', [VIP]),
      status: { loadBalancer: { ingress: [{ ip: VIP, ipMode: 'Proxy' as const }] } },
    };
    expect(of([proxied], [three], ['n3'])).toEqual([]);
    expect(of([servedService('web', [VIP], { type: 'ClusterIP' })], [three], ['n3'])).toEqual([]);
  });

  it('are one for a port that two Services claim: rules that contradict each other would be refused as a whole', () => {
    const other = { ...three, metadata: { ...three.metadata, labels: { 'kubernetes.io/service-name': 'other' } } };
    expect(of([servedService('web', [VIP]), servedService('other', [VIP])], [three, other], ['n3'])).toHaveLength(1);
  });

  it('never lead to a dead node, nor to a pod that is not listed, whatever the world is', () => {
    const nodes = ['n1', 'n2', 'n3', 'n4', undefined] as const;
    const endpoint = fc.record({
      host: fc.integer({ min: 1, max: 20 }),
      node: fc.constantFrom(...nodes),
      ready: fc.constantFrom(true, false, undefined),
      serving: fc.boolean(),
      terminating: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(endpoint, { maxLength: 8, selector: ({ host }) => host }),
        fc.subarray(['n1', 'n2', 'n3', 'n4']),
        fc.constantFrom('Local' as const, 'Cluster' as const),
        (endpoints, dead, externalTrafficPolicy) => {
          const listed = new Map(endpoints.map((one) => [`10.88.0.${one.host}`, one]));
          const slice = sliceOf(
            'web',
            endpoints.map(({ host, node, ready, serving, terminating }) => [
              `10.88.0.${host}`,
              node,
              { ...(ready === undefined ? {} : { ready }), serving, terminating },
            ]),
          );
          for (const { outside, inside } of of(
            [servedService('web', [VIP], { externalTrafficPolicy })],
            [slice],
            dead,
          )) {
            expect(inside.length).toBeGreaterThan(0);
            for (const { ip } of [...outside, ...inside]) {
              const node = listed.get(ip)?.node;
              expect(listed.has(ip) && (node === undefined || !dead.includes(node))).toBe(true);
            }
            if (externalTrafficPolicy === 'Local')
              expect(outside.every(({ ip }) => listed.get(ip)?.node === 'n1')).toBe(true);
          }
        },
      ),
    );
  });
});

describe('which of some nodes the slices still list', () => {
  it('goes by ready endpoints', () => {
    const slice = sliceOf('web', [
      ['10.88.12.2', 'n2'],
      ['10.88.13.2', 'n3', { ready: false }],
      ['10.88.14.2', 'n4', {}],
    ]);
    expect([...nodesStillListed([slice], ['n1', 'n3', 'n4'])]).toEqual(['n4']);
  });
});
