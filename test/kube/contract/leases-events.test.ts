import { describe, expect, it } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { CORE_EVENTS, EVENTS, lease, LEASES, MERGE } from './objects.ts';
import { againstEachServer } from './servers.ts';

const TIME = '2026-01-02T03:04:05.123456Z';

againstEachServer('leases and events', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);

  describe('leases', () => {
    it('keep times with six digits, and refuse others', async () => {
      const { code, body } = await call('POST', LEASES, lease('l-time', { holderIdentity: 'n1', renewTime: TIME }));
      expect([code, at(body, 'spec.renewTime')]).toEqual([201, TIME]);
      for (const renewTime of ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.123Z', 'yesterday']) {
        expect((await call('POST', LEASES, lease('l-bad', { renewTime }))).code, renewTime).toBe(400);
      }
    });

    it('are won by one of two', async () => {
      const { body } = await call('POST', LEASES, lease('l-race', { holderIdentity: '' }));
      const version = { resourceVersion: textAt(body, 'metadata.resourceVersion') };
      const tries = await Promise.all(
        ['n1', 'n2', 'n3'].map(
          async (holder) => await call('PUT', `${LEASES}/l-race`, lease('l-race', { holderIdentity: holder }, version)),
        ),
      );
      expect(tries.map(({ code }) => code).toSorted()).toEqual([200, 409, 409]);
      const winner = tries.find(({ code }) => code === 200);
      expect(at((await call('GET', `${LEASES}/l-race`)).body, 'spec')).toEqual(at(winner?.body, 'spec'));
    });

    it('are not replaced without a version, and made by a PUT of a new name', async () => {
      expect((await call('PUT', `${LEASES}/l-new`, lease('l-new', { holderIdentity: 'n1' }))).code).toBe(201);
      const { code, body } = await call('PUT', `${LEASES}/l-new`, lease('l-new', { holderIdentity: 'n2' }));
      expect([code, textAt(body, 'message')]).toEqual([
        422,
        'leases.coordination.k8s.io "l-new" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      ]);
    });

    it('refuse durations that mean nothing', async () => {
      const { code, body } = await call(
        'POST',
        LEASES,
        lease('l-zero', { leaseDurationSeconds: 0, leaseTransitions: -1 }),
      );
      expect([code, listAt(body, 'details.causes').map((cause) => at(cause, 'field'))]).toEqual([
        422,
        ['spec.leaseDurationSeconds', 'spec.leaseTransitions'],
      ]);
    });
  });

  describe('events', () => {
    const event = (name: string, fields: Record<string, unknown> = {}) => ({
      metadata: { name },
      eventTime: TIME,
      reportingController: 'kubevip.dev/agent',
      reportingInstance: 'n1',
      action: 'Assign',
      reason: 'Assigned',
      regarding: { kind: 'Service', namespace: 'default', name: 'web', uid: 'u-1', apiVersion: 'v1' },
      note: 'it has an address',
      type: 'Normal',
      ...fields,
    });

    it('of the new form are there in the old one, and the other way round', async () => {
      expect((await call('POST', EVENTS, event('e-new'))).code).toBe(201);
      const old = await call('GET', `${CORE_EVENTS}/e-new`);
      expect(old.body).toMatchObject({
        apiVersion: 'v1',
        involvedObject: { kind: 'Service', name: 'web' },
        message: 'it has an address',
        reportingComponent: 'kubevip.dev/agent',
        eventTime: TIME,
      });
      const core = {
        metadata: { name: 'e-old' },
        involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
        reason: 'Seen',
        message: 'here',
        count: 2,
        type: 'Warning',
        firstTimestamp: '2026-01-02T03:04:05Z',
        lastTimestamp: '2026-01-02T03:04:06Z',
        source: { component: 'kubelet' },
      };
      expect((await call('POST', CORE_EVENTS, core)).code).toBe(201);
      expect((await call('GET', `${EVENTS}/e-old`)).body).toMatchObject({
        apiVersion: 'events.k8s.io/v1',
        regarding: { name: 'p' },
        note: 'here',
        deprecatedCount: 2,
        deprecatedSource: { component: 'kubelet' },
      });
    });

    it('are folded by a patch of their series', async () => {
      await call('POST', EVENTS, event('e-series'));
      const series = { count: 2, lastObservedTime: '2026-01-02T03:05:05.000001Z' };
      const { code, body } = await call('PATCH', `${EVENTS}/e-series`, { series }, MERGE);
      expect([code, at(body, 'series')]).toEqual([200, series]);
      const other = await call('PATCH', `${EVENTS}/e-series`, { note: 'something else' }, MERGE);
      expect([other.code, at(other.body, 'details.causes.0.field')]).toEqual([422, 'message']);
    });

    it('are found by what they are about', async () => {
      await call(
        'POST',
        EVENTS,
        event('e-found', { regarding: { kind: 'Service', namespace: 'default', name: 'found' } }),
      );
      const query =
        'fieldSelector=involvedObject.name%3Dfound,involvedObject.kind%3DService,involvedObject.namespace%3Ddefault';
      const old = await call('GET', `${CORE_EVENTS}?${query}`);
      expect(listAt(old.body, 'items').map((item) => at(item, 'metadata.name'))).toEqual(['e-found']);
      const fresh = await call('GET', `${EVENTS}?fieldSelector=regarding.name%3Dfound`);
      expect(listAt(fresh.body, 'items').map((item) => at(item, 'metadata.name'))).toEqual(['e-found']);
    });

    it.each<[string, Record<string, unknown>, string]>([
      ['a kind of its own', { type: 'Loud' }, 'type'],
      ['a long note, by its bytes', { note: 'ä'.repeat(513) }, 'message'],
      ['a long reason', { reason: 'r'.repeat(129) }, 'reason'],
      ['a long action', { action: 'a'.repeat(129) }, 'action'],
      ['a long instance', { reportingInstance: 'i'.repeat(129) }, 'reportingInstance'],
      ['a controller that is no name', { reportingController: 'a b' }, 'reportingController'],
      ['a series of one', { series: { count: 1, lastObservedTime: TIME } }, 'series.count'],
      ['a series without a time', { series: { count: 2 } }, 'series.lastObservedTime'],
      ['the counter of the old form', { deprecatedCount: 3 }, 'count'],
      ['the source of the old form', { deprecatedSource: { component: 'kubevip' } }, 'source'],
      ['no time', { eventTime: undefined }, 'eventTime'],
    ])('of the new form have not %s', async (_what, fields, field) => {
      const { code, body } = await call('POST', EVENTS, event('e-refused', fields));
      expect([code, listAt(body, 'details.causes').map((cause) => at(cause, 'field'))]).toEqual([422, [field]]);
    });

    it('about nodes are in the default namespace or that of the system', async () => {
      const about = { regarding: { kind: 'Node', name: 'n1' } };
      const system = EVENTS.replace('/default/', '/kube-system/');
      for (const path of [EVENTS, system]) expect((await call('POST', path, event('e-node', about))).code).toBe(201);
      const { code, body } = await call('POST', EVENTS.replace('/default/', '/kube-public/'), event('e-node', about));
      expect([code, at(body, 'details.causes.0.field')]).toEqual([422, 'involvedObject.namespace']);
    });

    it('of the old form may be patched in the new one, but said no other way', async () => {
      const old = { metadata: { name: 'e-mixed' }, involvedObject: { namespace: 'default', name: 'x' }, message: 'y' };
      await call('POST', CORE_EVENTS, { ...old, count: 2, type: 'Loud' });
      const label = { metadata: { labels: { a: 'b' } } };
      expect((await call('PATCH', `${EVENTS}/e-mixed`, label, MERGE)).code).toBe(200);
      const other = await call('PATCH', `${EVENTS}/e-mixed`, { deprecatedCount: 3 }, MERGE);
      expect([other.code, at(other.body, 'details.causes.0.field')]).toEqual([422, 'count']);
    });

    it('say who, what and why, and belong to the namespace of what they are about', async () => {
      const { code, body } = await call(
        'POST',
        EVENTS,
        event('e-empty', { reportingController: '', action: '', type: 'Loud' }),
      );
      const fields = listAt(body, 'details.causes').map((cause) => at(cause, 'field'));
      expect(code).toBe(422);
      expect(fields).toEqual(expect.arrayContaining(['reportingController', 'action', 'type']));
      const elsewhere = await call('POST', CORE_EVENTS, {
        metadata: { name: 'e-far' },
        involvedObject: { namespace: 'other', name: 'x' },
      });
      expect([elsewhere.code, at(elsewhere.body, 'details.causes.0.field')]).toEqual([422, 'involvedObject.namespace']);
    });
  });
});
