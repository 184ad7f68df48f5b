import { describe, expect, it } from 'vitest';
import { at, listAt } from './client.ts';
import {
  CONFIG_MAPS,
  configMap,
  deployment,
  DEPLOYMENTS,
  JSON_PATCH,
  MERGE,
  service,
  SERVICES,
  STRATEGIC,
} from './objects.ts';
import { againstEachServer } from './servers.ts';

againstEachServer('patches', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const ports = (body: unknown): unknown[] => listAt(body, 'spec.ports').map((port) => at(port, 'port'));

  it('accepts no other content types', async () => {
    await call('POST', CONFIG_MAPS, configMap('p-type'));
    expect((await call('PATCH', `${CONFIG_MAPS}/p-type`, {})).code).toBe(415);
    expect((await call('PATCH', `${CONFIG_MAPS}/p-missing`, {}, MERGE)).code).toBe(404);
  });

  describe('merge', () => {
    it('sets, removes and replaces lists', async () => {
      await call(
        'POST',
        SERVICES,
        service(
          'p-merge',
          {
            ports: [
              { port: 80, name: 'a' },
              { port: 81, name: 'b' },
            ],
          },
          { labels: { a: '1', b: '2' } },
        ),
      );
      const patch = { metadata: { labels: { a: null, c: '3' } }, spec: { ports: [{ port: 90, name: 'c' }] } };
      const { body } = await call('PATCH', `${SERVICES}/p-merge`, patch, MERGE);
      expect([at(body, 'metadata.labels'), ports(body)]).toEqual([{ b: '2', c: '3' }, [90]]);
    });

    it('keeps to a resourceVersion in the patch', async () => {
      await call('POST', CONFIG_MAPS, configMap('p-version'));
      const { code } = await call('PATCH', `${CONFIG_MAPS}/p-version`, { metadata: { resourceVersion: '1' } }, MERGE);
      expect(code).toBe(409);
    });

    it('refuses what does not leave a valid object', async () => {
      await call('POST', SERVICES, service('p-invalid'));
      expect((await call('PATCH', `${SERVICES}/p-invalid`, { spec: { ports: 'x' } }, MERGE)).code).toBe(422);
      expect((await call('PATCH', `${SERVICES}/p-invalid`, { spec: { ports: [] } }, MERGE)).code).toBe(422);
      expect((await call('PATCH', `${SERVICES}/p-invalid`, '[]', MERGE)).code).toBe(400);
      expect((await call('PATCH', `${SERVICES}/p-invalid`, '{', MERGE)).code).toBe(400);
    });
  });

  describe('JSON', () => {
    it('adds, replaces, removes, moves, copies and tests', async () => {
      await call('POST', CONFIG_MAPS, configMap('p-json', { a: '1', b: '2' }));
      const patch = [
        { op: 'test', path: '/data/a', value: '1' },
        { op: 'replace', path: '/data/a', value: '9' },
        { op: 'copy', from: '/data/a', path: '/data/c' },
        { op: 'move', from: '/data/b', path: '/data/d' },
        { op: 'add', path: '/metadata/labels', value: { 'a.b~/c': 'x' } },
        { op: 'remove', path: '/metadata/labels/a.b~0~1c' },
      ];
      const wrong = await call('PATCH', `${CONFIG_MAPS}/p-json`, patch.slice(0, 5), JSON_PATCH);
      expect(wrong.code).toBe(422);
      const { code, body } = await call('PATCH', `${CONFIG_MAPS}/p-json`, patch, JSON_PATCH);
      expect([code, at(body, 'data')]).toEqual([200, { a: '9', c: '9', d: '2' }]);
    });

    it('changes nothing when one operation fails', async () => {
      await call('POST', CONFIG_MAPS, configMap('p-atomic'));
      const path = `${CONFIG_MAPS}/p-atomic`;
      const first = { op: 'replace', path: '/data/a', value: '2' };
      for (const second of [
        { op: 'test', path: '/data/a', value: 'other' },
        { op: 'remove', path: '/data/none' },
        { op: 'replace', path: '/data/none', value: 1 },
        { op: 'frobnicate', path: '/data/a' },
      ]) {
        expect((await call('PATCH', path, [first, second], JSON_PATCH)).code).toBe(422);
      }
      expect(at((await call('GET', path)).body, 'data.a')).toBe('1');
      expect((await call('PATCH', path, first, JSON_PATCH)).code).toBe(400);
    });
  });

  describe('strategic merge', () => {
    it('merges ports by port and containers by name', async () => {
      await call(
        'POST',
        SERVICES,
        service('p-ports', {
          ports: [
            { port: 80, name: 'a' },
            { port: 81, name: 'b' },
          ],
        }),
      );
      const changed = await call(
        'PATCH',
        `${SERVICES}/p-ports`,
        { spec: { ports: [{ port: 81, targetPort: 8081 }] } },
        STRATEGIC,
      );
      expect(listAt(changed.body, 'spec.ports')).toMatchObject([
        { port: 80, name: 'a' },
        { port: 81, name: 'b', targetPort: 8081 },
      ]);
      await call('POST', DEPLOYMENTS, deployment('p-containers'));
      const patch = {
        spec: { template: { spec: { containers: [{ name: 'web', env: [{ name: 'A', value: '1' }] }] } } },
      };
      const { body } = await call('PATCH', `${DEPLOYMENTS}/p-containers`, patch, STRATEGIC);
      expect(at(body, 'spec.template.spec.containers')).toMatchObject([
        { name: 'web', image: 'nginx', env: [{ name: 'A', value: '1' }] },
      ]);
    });

    it('deletes and replaces by directive, and orders as told', async () => {
      const three = [1, 2, 3].map((port) => ({ port, name: `p${port}` }));
      await call('POST', SERVICES, service('p-directives', { ports: three }));
      const path = `${SERVICES}/p-directives`;
      const order = {
        spec: {
          '$setElementOrder/ports': [{ port: 3 }, { port: 1 }, { port: 2 }],
          ports: [{ port: 3, targetPort: 33 }],
        },
      };
      expect(ports((await call('PATCH', path, order, STRATEGIC)).body)).toEqual([3, 1, 2]);
      const removal = { spec: { ports: [{ port: 1, $patch: 'delete' }] } };
      expect(ports((await call('PATCH', path, removal, STRATEGIC)).body)).toEqual([3, 2]);
      const added = { spec: { ports: [{ port: 9, name: 'p9' }] } };
      expect(ports((await call('PATCH', path, added, STRATEGIC)).body)).toEqual([9, 3, 2]);
      const replacement = { spec: { ports: [{ $patch: 'replace' }, { port: 7, name: 'p7' }] } };
      expect(ports((await call('PATCH', path, replacement, STRATEGIC)).body)).toEqual([7]);
    });

    it('replaces a strategy that retains keys, and a selector that is one value only by merging', async () => {
      await call('POST', DEPLOYMENTS, deployment('p-retain'));
      const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
      const { body } = await call('PATCH', `${DEPLOYMENTS}/p-retain`, patch, STRATEGIC);
      expect(at(body, 'spec.strategy')).toEqual({ type: 'Recreate' });
    });

    it('merges conditions of a status by type, and replaces the ingress', async () => {
      await call('POST', SERVICES, service('p-status', { type: 'LoadBalancer' }));
      const path = `${SERVICES}/p-status/status`;
      const condition = (type: string, status: string) => ({
        type: `kubevip.dev/${type}`,
        status,
        reason: 'Tested',
        message: '',
        lastTransitionTime: '2026-01-02T03:04:05Z',
      });
      await call(
        'PATCH',
        path,
        { status: { conditions: [condition('Owned', 'True'), condition('Ready', 'False')] } },
        STRATEGIC,
      );
      const ingress = [{ ip: '10.1.1.1' }];
      const { body } = await call(
        'PATCH',
        path,
        { status: { loadBalancer: { ingress }, conditions: [condition('Ready', 'True')] } },
        STRATEGIC,
      );
      const conditions = listAt(body, 'status.conditions').map((item) => [at(item, 'type'), at(item, 'status')]);
      expect(conditions.toSorted()).toEqual([
        ['kubevip.dev/Owned', 'True'],
        ['kubevip.dev/Ready', 'True'],
      ]);
      expect(at(body, 'status.loadBalancer.ingress')).toEqual([{ ip: '10.1.1.1', ipMode: 'VIP' }]);
      const removal = { status: { conditions: [{ type: 'kubevip.dev/Owned', $patch: 'delete' }] } };
      const left = await call('PATCH', path, removal, STRATEGIC);
      expect(listAt(left.body, 'status.conditions').map((item) => at(item, 'type'))).toEqual(['kubevip.dev/Ready']);
    });
  });

  describe('the status', () => {
    it('is written through its sub-resource only, and nothing else through it but metadata', async () => {
      await call('POST', SERVICES, {
        ...service('p-parts', { type: 'LoadBalancer' }),
        status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
      });
      const path = `${SERVICES}/p-parts`;
      expect(at((await call('GET', path)).body, 'status')).toEqual({ loadBalancer: {} });
      const status = { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } };
      expect(at((await call('PATCH', path, status, MERGE)).body, 'status')).toEqual({ loadBalancer: {} });
      const both = { ...status, spec: { sessionAffinity: 'ClientIP' }, metadata: { labels: { a: '1' } } };
      const { body } = await call('PATCH', `${path}/status`, both, MERGE);
      expect([
        at(body, 'spec.type'),
        at(body, 'status.loadBalancer.ingress.0.ip'),
        at(body, 'metadata.labels'),
      ]).toEqual(['LoadBalancer', '1.2.3.4', { a: '1' }]);
      expect((await call('GET', `${path}/status`)).code).toBe(200);
      expect((await call('GET', `${path}/scale`)).code).toBe(404);
    });
  });
});
