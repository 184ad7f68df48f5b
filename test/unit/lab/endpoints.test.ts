import { describe, expect, it } from 'vitest';
import { endpointSlices, sameSlice } from '../../../src/lab/cluster/endpoints.ts';
import type { Pod, Service } from '../../../src/model/kubernetes.ts';

const service: Service = {
  metadata: { name: 'web', namespace: 'default', uid: 's1' },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
};
const pod = (name: string, ip: string | undefined, ready = true, port = 8080): Pod => ({
  metadata: { name, namespace: 'default', uid: name, labels: { app: 'web' } },
  spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }] },
  status: {
    ...(ip !== undefined && { podIP: ip }),
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});

describe('endpoint slices', () => {
  it('list the pods that have an address, with what they are ready for', () => {
    const [slice, ...more] = endpointSlices(service, [
      pod('b', '10.88.11.3', false),
      pod('a', '10.88.11.2'),
      pod('c', undefined),
    ]);
    expect(more).toEqual([]);
    expect(slice?.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
    expect(
      slice?.endpoints?.map(({ addresses, nodeName, conditions }) => [addresses, nodeName, conditions?.ready]),
    ).toEqual([
      [['10.88.11.2'], 'n1', true],
      [['10.88.11.3'], 'n1', false],
    ]);
  });

  it('take a terminating pod out of what is ready', () => {
    const leaving = pod('a', '10.88.11.2');
    const [slice] = endpointSlices(service, [
      { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    ]);
    expect(slice?.endpoints?.[0]?.conditions).toEqual({ ready: false, serving: true, terminating: true });
  });

  it('are one for each set of port numbers behind a name', () => {
    const slices = endpointSlices(service, [pod('a', '10.88.11.2'), pod('b', '10.88.11.3', true, 9090)]);
    expect(slices.map(({ metadata, ports }) => [metadata.name, ports?.[0]?.port])).toEqual([
      ['web-lab', 8080],
      ['web-lab-1', 9090],
    ]);
  });

  it('are of each family that the Service is of, under other names', () => {
    const plain = pod('a', '10.88.11.2');
    const dual = { ...plain, status: { ...plain.status, podIPs: [{ ip: '10.88.11.2' }, { ip: 'fd88:0:0:11::2' }] } };
    const both = { ...service, spec: { ...service.spec, ipFamilies: ['IPv6', 'IPv4'] } };
    const essence = (of: Service) =>
      endpointSlices(of, [dual, pod('b', '10.88.11.3')]).map(({ metadata, addressType, endpoints }) => [
        metadata.name,
        addressType,
        endpoints?.flatMap(({ addresses }) => addresses),
      ]);
    const [v4, v6] = [
      ['web-lab', 'IPv4', ['10.88.11.2', '10.88.11.3']],
      ['web-lab-v6', 'IPv6', ['fd88:0:0:11::2']],
    ];
    expect(essence(both)).toEqual([v6, v4]);
    expect(essence(service)).toEqual([v4]);
  });

  it('ignore other namespaces, and Services without selector', () => {
    const elsewhere = pod('a', '10.88.11.2');
    const moved = { ...elsewhere, metadata: { ...elsewhere.metadata, namespace: 'other' } };
    expect(endpointSlices(service, [moved])).toEqual([]);
    expect(endpointSlices({ ...service, spec: { ports: [{ port: 80 }] } }, [elsewhere])).toEqual([]);
  });

  it('are the same whatever the API server added to them', () => {
    const [slice] = endpointSlices(service, [pod('a', '10.88.11.2')]);
    const [changed] = endpointSlices(service, [pod('a', '10.88.11.2', false)]);
    if (slice === undefined || changed === undefined) throw new Error('no slices');
    const stored = { ...slice, metadata: { ...slice.metadata, resourceVersion: '7' } };
    expect(sameSlice(stored, slice)).toBe(true);
    expect(sameSlice(stored, changed)).toBe(false);
  });
});
