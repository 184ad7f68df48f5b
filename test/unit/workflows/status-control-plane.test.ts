import { describe, expect, it } from 'vitest';
import { renderStatus } from '../../../src/cli/render-status.ts';
import { writeControlPlaneRecord } from '../../../src/model/control-plane-record.ts';
import { ip } from '../../../src/model/ip.ts';
import type { EndpointSlice, Lease } from '../../../src/model/kubernetes.ts';
import { readStatus } from '../../../src/workflows/status/gather.ts';
import { watchStatus } from '../../../src/workflows/status/watch.ts';
import { presence } from '../../support/exposed.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeCluster } from '../../support/fake-cluster.ts';

const now = new Date('2026-01-01T00:10:00Z');
const request = { namespace: '*' };

const lease: Lease = {
  metadata: {
    name: 'plndr-cp-lock',
    namespace: 'kube-system',
    annotations: writeControlPlaneRecord({
      version: '0.1.0',
      addresses: [ip('10.0.0.250'), ip('fd00::250')],
      port: 6443,
      names: ['home.local', 'home._kubevip._tcp.local'],
      handsOver: true,
      everyNode: false,
    }),
  },
  spec: {
    holderIdentity: 'n2',
    leaseDurationSeconds: 5,
    acquireTime: '2026-01-01T00:05:00.000000Z',
    renewTime: '2026-01-01T00:09:59.000000Z',
    leaseTransitions: 3,
  },
};
const slice: EndpointSlice = {
  metadata: { name: 'kubernetes', namespace: 'default' },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.3'] }, { addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }],
  ports: [{ port: 6443 }],
};

function setUp(spec: Lease['spec'] = lease.spec) {
  const cluster = createFakeCluster();
  cluster.put('Lease', { ...lease, ...(spec ? { spec } : {}) });
  cluster.put('Lease', presence('n1', '2026-01-01T00:09:59.000000Z'));
  cluster.put('EndpointSlice', slice);
  cluster.put('Node', {
    metadata: { name: 'n1' },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  });
  const health = new Map<string, 'ready' | 'not-ready' | 'silent'>([
    ['10.0.0.2', 'not-ready'],
    ['10.0.0.3', 'silent'],
  ]);
  const asking = {
    ...cluster,
    askReadiness: ({ host }: { readonly host: string }) => {
      const kind = health.get(host) ?? 'ready';
      return Promise.resolve(kind === 'ready' ? undefined : { kind, message: `${host} is ${kind}` });
    },
  };
  return { cluster, asking, health };
}

describe('the control-plane VIP in the status', () => {
  it('shows the owner, since when, and each API server as far as known', async () => {
    const report = await readStatus(setUp().asking, request, now);
    expect(report.controlPlane).toMatchObject({
      addresses: ['10.0.0.250', 'fd00::250'],
      owner: 'n2',
      live: true,
      since: '2026-01-01T00:05:00.000000Z',
      term: 3,
      apiServers: [
        { address: '10.0.0.1:6443', node: 'n1', state: 'ready' },
        { address: '10.0.0.2:6443', state: 'not-ready' },
        { address: '10.0.0.3:6443', state: 'unknown' },
      ],
    });
    expect(report.problems).toMatchObject([{ what: 'API server 10.0.0.2:6443', reason: 'ApiServerNotReady' }]);
    expect(renderStatus(report, { wide: false, color: false, now }).split('\n').slice(0, 7)).toEqual([
      'CONTROL-PLANE-VIP      OWNER   STATE   SINCE   HOSTNAME',
      '10.0.0.250,fd00::250   n2      live    5m      home.local',
      '',
      'API-SERVER      NODE   STATE',
      '10.0.0.1:6443   n1     ready',
      '10.0.0.2:6443   -      not-ready',
      '10.0.0.3:6443   -      unknown',
    ]);
  });

  it.each([
    [{ ...lease.spec, renewTime: '2026-01-01T00:09:00.000000Z' }, 'OwnerSilent', /n2 holds .* does not renew/],
    [{ ...lease.spec, holderIdentity: '' }, 'NoOwner', /nobody holds Lease plndr-cp-lock/],
  ])('says when nobody looks after it: %o', async (spec, reason, message) => {
    const { problems } = await readStatus(setUp(spec).cluster, request, now);
    expect(problems).toMatchObject([
      { what: 'control-plane VIP', reason, message: expect.stringMatching(message) as string },
    ]);
  });

  it('is absent without such a Lease, and nobody is asked then', async () => {
    const cluster = createFakeCluster();
    cluster.put('EndpointSlice', slice);
    const asked: string[] = [];
    const askReadiness = ({ host }: { readonly host: string }) => (asked.push(host), Promise.resolve(undefined));
    const report = await readStatus({ ...cluster, askReadiness }, request, now);
    expect(report.controlPlane).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is followed by --watch, API servers included', async () => {
    const { asking, cluster, health } = setUp();
    const clock = createFakeClock();
    const entropy = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0.5 };
    const watch = await watchStatus(asking, request, { clock, entropy });
    const states = () => watch.report(now).controlPlane?.apiServers.map(({ state }) => state);
    expect(states()).toEqual(['ready', 'not-ready', 'unknown']);
    health.clear();
    cluster.change('Lease', 'plndr-cp-lock', (held) => ({ ...held, spec: { ...held.spec, holderIdentity: 'n3' } }));
    await clock.advanceAsync(2500);
    expect(states()).toEqual(['ready', 'ready', 'ready']);
    expect(watch.report(now).controlPlane?.owner).toBe('n3');
    watch.close();
    expect(clock.pending()).toBe(0);
  });
});
