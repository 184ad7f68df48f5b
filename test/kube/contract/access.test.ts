import { describe, expect, it, beforeAll } from 'vitest';
import { at, textAt } from './client.ts';
import { CONFIG_MAPS, configMap, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';

againstEachServer('access', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  let token = '';

  beforeAll(async () => {
    await call('POST', ACCOUNTS, { metadata: { name: 'reader' } });
    const rules = [
      { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'], resourceNames: ['kubevip'] },
    ];
    await call('POST', `${RBAC}/clusterroles`, { metadata: { name: 'a-reader' }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a-reader' };
    const subjects = [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }];
    await call('POST', `${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name: 'a-reader' },
      roleRef,
      subjects,
    });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
    const issued = await call('POST', `${ACCOUNTS}/reader/token`, request);
    token = textAt(issued.body, 'status.token');
    await call('POST', SERVICES, service('a-web', { type: 'LoadBalancer' }));
    await call('POST', CONFIG_MAPS, configMap('kubevip'));
    // The real server learns of bindings by a watch of its own.
    for (let attempt = 0; attempt < 100; attempt++) {
      if ((await call('GET', SERVICES, undefined, { token })).code === 200) return;
    }
  });

  it('is refused to a token that is none, and limited for nobody', async () => {
    expect((await call('GET', SERVICES, undefined, { token: 'nonsense' })).code).toBe(401);
    const nobody = await call('GET', SERVICES, undefined, { token: '' });
    expect([nobody.code, at(nobody.body, 'message')]).toEqual([
      403,
      'services is forbidden: User "system:anonymous" cannot list resource "services" in API group "" in the namespace "default"',
    ]);
  });

  it('is given by verb, resource, sub-resource, name and namespace', async () => {
    const as = { token };
    const patch = { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } };
    const merge = { ...as, type: 'application/merge-patch+json' };
    expect((await call('GET', `${SERVICES}/a-web`, undefined, as)).code).toBe(200);
    expect((await call('PATCH', `${SERVICES}/a-web/status`, patch, merge)).code).toBe(200);
    expect((await call('GET', `${CONFIG_MAPS}/kubevip`, undefined, as)).code).toBe(200);
    expect((await call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dkubevip`, undefined, as)).code).toBe(200);
    for (const [method, path] of [
      ['PATCH', `${SERVICES}/a-web`],
      ['DELETE', `${SERVICES}/a-web`],
      ['GET', '/api/v1/services'],
      ['GET', '/api/v1/namespaces/kube-system/services'],
      ['GET', `${CONFIG_MAPS}/other`],
      ['GET', CONFIG_MAPS],
      ['GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dother`],
      ['GET', '/api/v1/nodes'],
    ] as const) {
      expect(
        (await call(method, path, method === 'PATCH' ? {} : undefined, method === 'PATCH' ? merge : as)).code,
        `${method} ${path}`,
      ).toBe(403);
    }
  });

  it('is refused with who, what and where', async () => {
    const { code, body } = await call('DELETE', `${SERVICES}/a-web`, undefined, { token });
    expect([code, body]).toMatchObject([
      403,
      {
        reason: 'Forbidden',
        message:
          'services "a-web" is forbidden: User "system:serviceaccount:default:reader" cannot delete resource "services" in API group "" in the namespace "default"',
        details: { name: 'a-web', kind: 'services' },
      },
    ]);
  });

  it('can be asked about', async () => {
    const ask = async (verb: string, resource: string) => {
      const review = { spec: { resourceAttributes: { verb, resource, namespace: 'default' } } };
      const { code, body } = await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review, {
        token,
      });
      return [code, at(body, 'status.allowed')];
    };
    expect(await ask('list', 'services')).toEqual([201, true]);
    expect(await ask('delete', 'services')).toEqual([201, false]);
  });

  it('includes discovery for everybody who is somebody', async () => {
    for (const path of ['/api', '/apis', '/api/v1', '/openapi/v3', '/version']) {
      expect((await call('GET', path, undefined, { token })).code, path).toBe(200);
    }
    expect((await call('GET', '/apis', undefined, { token: '' })).code).toBe(403);
  });

  describe('roles', () => {
    it('have rules that say something, and bindings that stay with their role', async () => {
      const empty = await call('POST', `${RBAC}/clusterroles`, {
        metadata: { name: 'a-empty' },
        rules: [{ verbs: [] }],
      });
      expect(empty.code).toBe(422);
      const change = { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'other' } };
      const path = `${RBAC}/namespaces/default/rolebindings/a-reader`;
      expect((await call('PATCH', path, change, { type: 'application/merge-patch+json' })).code).toBe(422);
    });
  });
});
