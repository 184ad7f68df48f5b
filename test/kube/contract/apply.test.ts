import { describe, expect, it } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { APPLY, MERGE, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

againstEachServer('server-side apply', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const apply = async (name: string, manager: string, config: unknown, query = '', part = '') =>
    await call('PATCH', `${SERVICES}/${name}${part}?fieldManager=${manager}${query}`, config, APPLY);
  const bare = (name: string, fields: Record<string, unknown> = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    ...fields,
  });
  const owners = (body: unknown) =>
    listAt(body, 'metadata.managedFields').map((entry) => [
      at(entry, 'manager'),
      at(entry, 'operation'),
      at(entry, 'subresource'),
    ]);

  it('makes what is not there, and records who applied what', async () => {
    const { code, body } = await apply('s-made', 'one', service('s-made', {}, { labels: { a: '1' } }));
    expect(code).toBe(201);
    expect(at(body, 'metadata.managedFields.0')).toMatchObject({
      manager: 'one',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { 'f:a': {} } },
        'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } }, 'f:selector': {} },
      },
    });
  });

  it('changes nothing when applied again', async () => {
    const first = await apply('s-again', 'one', service('s-again'));
    const second = await apply('s-again', 'one', service('s-again'));
    expect([second.code, at(second.body, 'metadata.resourceVersion')]).toEqual([
      200,
      at(first.body, 'metadata.resourceVersion'),
    ]);
  });

  it('removes what is no longer applied, unless somebody else owns it', async () => {
    await apply('s-less', 'one', service('s-less', {}, { labels: { a: '1', b: '2' } }));
    await apply('s-less', 'two', bare('s-less', { metadata: { name: 's-less', labels: { b: '2' } } }));
    const { body } = await apply('s-less', 'one', service('s-less'));
    expect(at(body, 'metadata.labels')).toEqual({ b: '2' });
  });

  it('keeps list items apart by their keys', async () => {
    const ports = [
      { port: 80, name: 'a' },
      { port: 81, name: 'b' },
    ];
    await apply('s-items', 'one', service('s-items', { ports }));
    await apply('s-items', 'two', bare('s-items', { spec: { ports: [{ port: 82, name: 'c' }] } }));
    const { body } = await apply('s-items', 'one', service('s-items', { ports: ports.slice(0, 1) }));
    expect(
      listAt(body, 'spec.ports')
        .map((port) => at(port, 'port'))
        .toSorted(),
    ).toEqual([80, 82]);
  });

  it('refuses to change what somebody else owns, unless forced', async () => {
    await apply('s-conflict', 'one', service('s-conflict', {}, { labels: { a: '1' } }));
    const config = bare('s-conflict', { metadata: { name: 's-conflict', labels: { a: '2' } } });
    const refused = await apply('s-conflict', 'two', config);
    expect([refused.code, refused.body]).toMatchObject([
      409,
      {
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict: conflict with "one": .metadata.labels.a',
        details: { causes: [{ reason: 'FieldManagerConflict', field: '.metadata.labels.a' }] },
      },
    ]);
    const forced = await apply('s-conflict', 'two', config, '&force=true');
    expect([forced.code, at(forced.body, 'metadata.labels')]).toEqual([200, { a: '2' }]);
    expect((await apply('s-conflict', 'one', service('s-conflict', {}, { labels: { a: '1' } }))).code).toBe(409);
  });

  it('shares a field that two want alike', async () => {
    await apply('s-shared', 'one', service('s-shared', {}, { labels: { a: '1' } }));
    const same = bare('s-shared', { metadata: { name: 's-shared', labels: { a: '1' } } });
    expect((await apply('s-shared', 'two', same)).code).toBe(200);
  });

  it('gives a field that is updated otherwise to whoever did it', async () => {
    await apply('s-update', 'one', service('s-update', {}, { labels: { a: '1' } }));
    const updated = await call(
      'PATCH',
      `${SERVICES}/s-update?fieldManager=hand`,
      { metadata: { labels: { a: '9' } } },
      MERGE,
    );
    expect(owners(updated.body)).toEqual([
      ['one', 'Apply', undefined],
      ['hand', 'Update', undefined],
    ]);
    const refused = await apply('s-update', 'one', service('s-update', {}, { labels: { a: '1' } }));
    expect([refused.code, textAt(refused.body, 'message')]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "hand" using v1: .metadata.labels.a',
    ]);
  });

  describe('of a status', () => {
    const condition = (type: string, status = 'True') => ({
      type: `kubevip.dev/${type}`,
      status,
      reason: 'Tested',
      message: '',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    });
    const types = (body: unknown) =>
      listAt(body, 'status.conditions')
        .map((item) => at(item, 'type'))
        .toSorted();

    it('keeps conditions by type, and the ingress as one value', async () => {
      await call('POST', SERVICES, service('s-status', { type: 'LoadBalancer' }));
      const own = bare('s-status', {
        status: {
          conditions: [condition('Owned'), condition('Ready')],
          loadBalancer: { ingress: [{ ip: '1.2.3.4' }] },
        },
      });
      const first = await apply('s-status', 'agent', own, '', '/status');
      expect([first.code, types(first.body)]).toEqual([200, ['kubevip.dev/Owned', 'kubevip.dev/Ready']]);
      expect(owners(first.body)).toContainEqual(['agent', 'Apply', 'status']);
      await apply(
        's-status',
        'other',
        bare('s-status', { status: { conditions: [condition('Other')] } }),
        '',
        '/status',
      );
      const less = bare('s-status', { status: { conditions: [condition('Ready', 'False')] } });
      const { body } = await apply('s-status', 'agent', less, '', '/status');
      expect(types(body)).toEqual(['kubevip.dev/Other', 'kubevip.dev/Ready']);
      expect(at(body, 'status.loadBalancer')).toEqual({});
    });

    it('cannot touch the spec', async () => {
      await call('POST', SERVICES, service('s-spec', { type: 'LoadBalancer' }));
      const config = bare('s-spec', {
        spec: { sessionAffinity: 'ClientIP' },
        status: { conditions: [condition('Ready')] },
      });
      const { body } = await apply('s-spec', 'agent', config, '', '/status');
      expect([at(body, 'spec.sessionAffinity'), types(body)]).toEqual(['None', ['kubevip.dev/Ready']]);
    });
  });

  it('keeps the items of others at their place, and its own in its order', async () => {
    const named = (...numbers: number[]) => ({ spec: { ports: numbers.map((port) => ({ port, name: `p${port}` })) } });
    const order = (body: unknown) => listAt(body, 'spec.ports').map((port) => at(port, 'port'));
    await apply('s-order', 'one', bare('s-order', named(3, 1, 2)));
    expect(order((await apply('s-order', 'two', bare('s-order', named(9, 1)))).body)).toEqual([3, 9, 1, 2]);
    expect(order((await apply('s-order', 'one', bare('s-order', named(2, 1, 3)))).body)).toEqual([9, 2, 1, 3]);
  });

  it('begins with what was there before anybody applied', async () => {
    await call('POST', `${SERVICES}?fieldManager=hand`, service('s-before', {}, { labels: { a: '1' } }));
    const reset = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }];
    const cleared = await call('PATCH', `${SERVICES}/s-before`, reset, { type: 'application/json-patch+json' });
    expect(owners(cleared.body)).toEqual([]);
    const { body } = await apply(
      's-before',
      'one',
      bare('s-before', { metadata: { name: 's-before', labels: { b: '2' } } }),
    );
    expect(owners(body)).toEqual([
      ['one', 'Apply', undefined],
      ['before-first-apply', 'Update', undefined],
    ]);
  });

  it('refuses what is no configuration', async () => {
    await apply('s-refuse', 'one', service('s-refuse'));
    const manager = await call('PATCH', `${SERVICES}/s-refuse`, service('s-refuse'), APPLY);
    expect([manager.code, at(manager.body, 'details.causes.0.field')]).toEqual([422, 'fieldManager']);
    expect((await apply('s-refuse', 'one', { kind: 'Service', metadata: { name: 's-refuse' } })).code).toBe(400);
    expect((await apply('s-refuse', 'one', bare('other'))).code).toBe(400);
    expect(
      (await apply('s-refuse', 'one', bare('s-refuse', { metadata: { name: 's-refuse', managedFields: [] } }))).code,
    ).toBe(400);
    const undeclared = await apply('s-refuse', 'one', bare('s-refuse', { spec: { nothing: 1 } }));
    expect([undeclared.code, textAt(undeclared.body, 'message')]).toEqual([
      500,
      expect.stringContaining('.spec.nothing: field not declared in schema'),
    ]);
    const stale = bare('s-refuse', { metadata: { name: 's-refuse', resourceVersion: '1' } });
    expect((await apply('s-refuse', 'one', stale)).code).toBe(409);
    expect((await call('PATCH', `${SERVICES}/s-refuse?force=true`, {}, MERGE)).code).toBe(422);
  });
});
