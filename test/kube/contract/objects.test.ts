import { describe, expect, it } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { APPLY, CONFIG_MAPS, configMap, deployment, MERGE, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

againstEachServer('objects', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);

  describe('create', () => {
    it('answers 201 with what the server gives every object', async () => {
      const { code, body } = await call('POST', CONFIG_MAPS, configMap('made'));
      expect(code).toBe(201);
      expect(body).toMatchObject({
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: 'made', namespace: 'default' },
      });
      expect(textAt(body, 'metadata.uid')).toMatch(/^[0-9a-f-]{36}$/);
      expect(textAt(body, 'metadata.resourceVersion')).toMatch(/^\d+$/);
      expect(textAt(body, 'metadata.creationTimestamp')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect((await call('GET', `${CONFIG_MAPS}/made`)).body).toEqual(body);
    });

    it('makes a name from generateName', async () => {
      const { body } = await call('POST', CONFIG_MAPS, { ...configMap(''), metadata: { generateName: 'made-' } });
      expect(textAt(body, 'metadata.name')).toMatch(/^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    });

    it('refuses a name that is there', async () => {
      await call('POST', CONFIG_MAPS, configMap('twice'));
      const { code, body } = await call('POST', CONFIG_MAPS, configMap('twice'));
      expect([code, body]).toMatchObject([
        409,
        {
          kind: 'Status',
          status: 'Failure',
          reason: 'AlreadyExists',
          message: 'configmaps "twice" already exists',
          details: { name: 'twice', kind: 'configmaps' },
        },
      ]);
    });

    it('refuses a namespace that does not exist, or another one than the path’s', async () => {
      const missing = await call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('lost'));
      expect([missing.code, at(missing.body, 'message')]).toEqual([404, 'namespaces "nowhere" not found']);
      const other = await call('POST', CONFIG_MAPS, configMap('lost', {}, { namespace: 'kube-system' }));
      expect([other.code, at(other.body, 'reason')]).toEqual([400, 'BadRequest']);
    });

    it('says what is wrong with the namespace first', async () => {
      const nowhere = await call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('A_', { 'a b': '1' }));
      expect([nowhere.code, at(nowhere.body, 'details')]).toEqual([404, { kind: 'namespaces', name: 'nowhere' }]);
      const NAMESPACES = '/api/v1/namespaces';
      await call('POST', NAMESPACES, { metadata: { name: 'going', finalizers: ['contract/test'] } });
      await call('DELETE', `${NAMESPACES}/going`);
      const going = await call('POST', `${NAMESPACES}/going/configmaps`, configMap('A_', { 'a b': '1' }));
      expect([going.code, at(going.body, 'details')]).toEqual([
        403,
        {
          kind: 'configmaps',
          name: 'A_',
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: 'namespace going is being terminated',
              field: 'metadata.namespace',
            },
          ],
        },
      ]);
      await call('PATCH', `${NAMESPACES}/going`, { metadata: { finalizers: null } }, MERGE);
    });

    it('names what it refuses, although the name is made', async () => {
      const { body } = await call('POST', CONFIG_MAPS, {
        ...configMap('', { 'a b': '1' }),
        metadata: { generateName: 'wrong-' },
      });
      expect(at(body, 'details.name')).toMatch(/^wrong-[a-z0-9]{5}$/);
      const bad = await call('POST', CONFIG_MAPS, { ...configMap(''), metadata: { generateName: 'A_' } });
      expect(listAt(bad.body, 'details.causes').map((cause) => at(cause, 'field'))).toEqual([
        'metadata.generateName',
        'metadata.name',
      ]);
    });

    it('refuses a body of another kind, of no kind, and what is no object', async () => {
      expect((await call('POST', SERVICES, deployment('web'))).code).toBe(400);
      expect((await call('POST', SERVICES, '{nonsense')).code).toBe(400);
      expect((await call('POST', SERVICES, '[]')).code).toBe(400);
      expect((await call('POST', SERVICES, 'a: b', { type: 'text/plain' })).code).toBe(415);
    });

    it('refuses a value of the wrong type, naming the field', async () => {
      const { code, body } = await call('POST', SERVICES, service('typed', { ports: [{ port: 'eighty' }] }));
      expect([code, at(body, 'message')]).toEqual([
        400,
        'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
      ]);
    });

    it('warns of unknown fields and drops them, or refuses them when asked to be strict', async () => {
      const body = { ...configMap('unknown'), datum: 1 };
      const strict = await call('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, body);
      expect([strict.code, at(strict.body, 'message')]).toEqual([
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datum"',
      ]);
      const loose = await call('POST', CONFIG_MAPS, body);
      expect(loose.headers['warning']).toBe('299 - "unknown field \\"datum\\""');
      expect(at(loose.body, 'datum')).toBeUndefined();
    });

    it('refuses bad names, labels, annotations and finalizers with one cause for each', async () => {
      const metadata = { labels: { 'a b': 'c d' }, annotations: { 'b c': 'x' }, finalizers: ['plain'] };
      const { code, body } = await call('POST', CONFIG_MAPS, configMap('Bad_Name', {}, metadata));
      expect([code, at(body, 'reason'), at(body, 'details.kind')]).toEqual([422, 'Invalid', 'ConfigMap']);
      expect(listAt(body, 'details.causes').map((cause) => at(cause, 'field'))).toEqual([
        'metadata.name',
        'metadata.labels',
        'metadata.labels',
        'metadata.annotations',
        'metadata.finalizers[0]',
      ]);
    });

    it('refuses options that make no sense', async () => {
      const manager = 'm'.repeat(129);
      for (const [query, field] of [
        ['dryRun=Some', 'dryRun'],
        ['fieldValidation=Some', 'fieldValidation'],
        [`fieldManager=${manager}`, 'fieldManager'],
      ]) {
        const { code, body } = await call('POST', `${CONFIG_MAPS}?${query}`, configMap('options'));
        expect([code, at(body, 'details.kind'), at(body, 'details.causes.0.field')]).toEqual([
          422,
          'CreateOptions',
          field,
        ]);
      }
      await call('POST', CONFIG_MAPS, configMap('options'));
      const path = `${CONFIG_MAPS}/options?fieldManager=${manager}`;
      const put = await call('PUT', path, configMap('options'));
      const merge = await call('PATCH', path, {}, MERGE);
      const apply = await call('PATCH', path, configMap('options'), APPLY);
      expect([put, merge, apply].map(({ code, body }) => [code, at(body, 'details.kind')])).toEqual([
        [422, 'UpdateOptions'],
        [422, 'PatchOptions'],
        [422, 'PatchOptions'],
      ]);
    });

    it('does nothing on a dry run', async () => {
      expect((await call('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('dry'))).code).toBe(201);
      expect((await call('GET', `${CONFIG_MAPS}/dry`)).code).toBe(404);
      expect((await call('POST', `${CONFIG_MAPS}?dryRun=Some`, configMap('dry'))).code).toBe(422);
    });
  });

  describe('get', () => {
    it('answers 404 for what is not there, as a Status', async () => {
      const { code, body } = await call('GET', `${SERVICES}/missing`);
      expect([code, body]).toEqual([
        404,
        {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: 'services "missing" not found',
          reason: 'NotFound',
          details: { name: 'missing', kind: 'services' },
          code: 404,
        },
      ]);
      expect((await call('GET', '/api/v1/namespaces/default/nothings/x')).code).toBe(404);
      expect((await call('GET', '/apis/nothing.example/v1/things')).code).toBe(404);
    });
  });

  describe('update', () => {
    it('replaces the object, and refuses a stale version', async () => {
      const first = await call('POST', CONFIG_MAPS, configMap('stale'));
      const version = textAt(first.body, 'metadata.resourceVersion');
      const second = await call(
        'PUT',
        `${CONFIG_MAPS}/stale`,
        configMap('stale', { a: '2' }, { resourceVersion: version }),
      );
      expect([second.code, at(second.body, 'data')]).toEqual([200, { a: '2' }]);
      const third = await call(
        'PUT',
        `${CONFIG_MAPS}/stale`,
        configMap('stale', { a: '3' }, { resourceVersion: version }),
      );
      expect([third.code, at(third.body, 'reason'), at(third.body, 'message')]).toEqual([
        409,
        'Conflict',
        'Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply your changes to the latest version and try again',
      ]);
    });

    it('replaces without a version whatever is there', async () => {
      await call('POST', CONFIG_MAPS, configMap('forced'));
      expect((await call('PUT', `${CONFIG_MAPS}/forced`, configMap('forced', { a: '2' }))).code).toBe(200);
    });

    it('makes no new version of what does not change', async () => {
      const { body } = await call('POST', CONFIG_MAPS, configMap('same'));
      const again = await call('PUT', `${CONFIG_MAPS}/same`, configMap('same'));
      expect(at(again.body, 'metadata.resourceVersion')).toBe(at(body, 'metadata.resourceVersion'));
    });

    it('refuses another name and another incarnation', async () => {
      await call('POST', CONFIG_MAPS, configMap('identity'));
      expect((await call('PUT', `${CONFIG_MAPS}/identity`, configMap('other'))).code).toBe(400);
      const uid = { uid: '00000000-0000-0000-0000-000000000000' };
      const put = await call('PUT', `${CONFIG_MAPS}/identity`, configMap('identity', {}, uid));
      expect([put.code, at(put.body, 'reason')]).toEqual([409, 'Conflict']);
      const patch = await call('PATCH', `${CONFIG_MAPS}/identity`, { metadata: uid }, MERGE);
      expect([patch.code, at(patch.body, 'details.causes.0.field')]).toEqual([422, 'metadata.uid']);
    });

    it('does not let clients change what is the server’s', async () => {
      const { body } = await call('POST', CONFIG_MAPS, configMap('mine'));
      const changed = { metadata: { creationTimestamp: '2001-01-01T00:00:00Z', generation: 7, selfLink: '/x' } };
      const patched = await call('PATCH', `${CONFIG_MAPS}/mine`, changed, MERGE);
      expect(at(patched.body, 'metadata.creationTimestamp')).toBe(at(body, 'metadata.creationTimestamp'));
    });

    it('counts changes of the spec, not of metadata or status', async () => {
      const path = '/apis/apps/v1/namespaces/default/deployments';
      await call('POST', path, deployment('counted'));
      const labels = await call('PATCH', `${path}/counted`, { metadata: { labels: { b: '1' } } }, MERGE);
      expect(at(labels.body, 'metadata.generation')).toBe(1);
      const status = await call('PATCH', `${path}/counted/status`, { status: { replicas: 1 } }, MERGE);
      expect(at(status.body, 'metadata.generation')).toBe(1);
      const spec = await call('PATCH', `${path}/counted`, { spec: { replicas: 3 } }, MERGE);
      expect(at(spec.body, 'metadata.generation')).toBe(2);
    });
  });

  describe('delete', () => {
    it('removes the object; a Service answers with itself, a ConfigMap with a Status', async () => {
      await call('POST', CONFIG_MAPS, configMap('gone'));
      const map = await call('DELETE', `${CONFIG_MAPS}/gone`);
      expect([map.code, map.body]).toMatchObject([
        200,
        { kind: 'Status', status: 'Success', details: { name: 'gone', kind: 'configmaps' } },
      ]);
      await call('POST', SERVICES, service('gone'));
      expect((await call('DELETE', `${SERVICES}/gone`)).body).toMatchObject({ kind: 'Service' });
      expect((await call('DELETE', `${SERVICES}/gone`)).code).toBe(404);
    });

    it('keeps to preconditions', async () => {
      const { body } = await call('POST', CONFIG_MAPS, configMap('guarded'));
      const path = `${CONFIG_MAPS}/guarded`;
      expect((await call('DELETE', path, { preconditions: { uid: 'another' } })).code).toBe(409);
      expect((await call('DELETE', path, { preconditions: { resourceVersion: '1' } })).code).toBe(409);
      expect((await call('DELETE', `${path}?dryRun=All`)).code).toBe(200);
      const preconditions = { uid: at(body, 'metadata.uid'), resourceVersion: at(body, 'metadata.resourceVersion') };
      expect((await call('DELETE', path, { preconditions })).code).toBe(200);
    });

    it('waits for finalizers, which may then only go', async () => {
      await call('POST', SERVICES, service('held', {}, { finalizers: ['kubevip.dev/cleanup'] }));
      const path = `${SERVICES}/held`;
      const marked = await call('DELETE', path);
      expect(marked.code).toBe(200);
      expect(textAt(marked.body, 'metadata.deletionTimestamp')).not.toBe('');
      expect(at(marked.body, 'metadata.deletionGracePeriodSeconds')).toBe(0);
      const again = await call('DELETE', path);
      expect(at(again.body, 'metadata.resourceVersion')).toBe(at(marked.body, 'metadata.resourceVersion'));
      const added = await call('PATCH', path, { metadata: { finalizers: ['kubevip.dev/cleanup', 'a.b/c'] } }, MERGE);
      expect([added.code, at(added.body, 'details.causes.0.reason')]).toEqual([422, 'FieldValueForbidden']);
      expect((await call('PATCH', path, { metadata: { finalizers: null } }, MERGE)).code).toBe(200);
      expect((await call('GET', path)).code).toBe(404);
    });

    it('removes many by selector, and says which', async () => {
      await call('POST', CONFIG_MAPS, configMap('many-1', {}, { labels: { many: 'a' } }));
      await call('POST', CONFIG_MAPS, configMap('many-2', {}, { labels: { many: 'b' } }));
      const { code, body } = await call('DELETE', `${CONFIG_MAPS}?labelSelector=many%3Da`);
      expect([code, at(body, 'kind'), listAt(body, 'items').map((item) => at(item, 'metadata.name'))]).toEqual([
        200,
        'ConfigMapList',
        ['many-1'],
      ]);
      expect((await call('GET', `${CONFIG_MAPS}/many-2`)).code).toBe(200);
    });
  });
});
