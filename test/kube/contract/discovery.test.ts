import { describe, expect, it } from 'vitest';
import { at, listAt } from './client.ts';
import { CONFIG_MAPS, configMap, deployment, DEPLOYMENTS, service, SERVICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const AGGREGATED = {
  accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
};

againstEachServer('discovery', (server) => {
  const call: ReturnType<typeof server>['client']['call'] = async (...args) => await server().client.call(...args);
  const find = (list: unknown, name: string): unknown =>
    listAt(list, 'resources').find((item) => at(item, 'name') === name);

  it('lists versions, groups and resources', async () => {
    expect((await call('GET', '/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const groups = listAt((await call('GET', '/apis')).body, 'groups').map((group) =>
      at(group, 'preferredVersion.groupVersion'),
    );
    for (const group of [
      'apps',
      'discovery.k8s.io',
      'coordination.k8s.io',
      'events.k8s.io',
      'rbac.authorization.k8s.io',
    ]) {
      expect(groups).toContain(`${group}/v1`);
    }
    const core = (await call('GET', '/api/v1')).body;
    expect(find(core, 'services')).toMatchObject({
      singularName: 'service',
      namespaced: true,
      kind: 'Service',
      shortNames: ['svc'],
      categories: ['all'],
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    });
    expect(find(core, 'services/status')).toMatchObject({ kind: 'Service', verbs: ['get', 'patch', 'update'] });
    const apps = (await call('GET', '/apis/apps/v1')).body;
    expect(find(apps, 'deployments/scale')).toMatchObject({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
    expect((await call('GET', '/apis/apps')).body).toMatchObject({ kind: 'APIGroup', name: 'apps' });
  });

  it('says everything at once to clients that prefer it', async () => {
    const { body, headers } = await call('GET', '/apis', undefined, AGGREGATED);
    expect(headers['content-type']).toContain('as=APIGroupDiscoveryList');
    const apps = listAt(body, 'items').find((item) => at(item, 'metadata.name') === 'apps');
    const deployments = listAt(apps, 'versions.0.resources').find((item) => at(item, 'resource') === 'deployments');
    expect(deployments).toMatchObject({
      scope: 'Namespaced',
      singularResource: 'deployment',
      responseKind: { kind: 'Deployment' },
    });
  });

  it('describes its kinds in OpenAPI 2 and 3, with what merging needs', async () => {
    const v2 = (await call('GET', '/openapi/v2')).body;
    const spec = at(v2, ['definitions', 'io.k8s.api.core.v1.ServiceSpec', 'properties', 'ports']);
    expect(spec).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      'x-kubernetes-patch-merge-key': 'port',
      'x-kubernetes-patch-strategy': 'merge',
    });
    const path = at((await call('GET', '/openapi/v3')).body, ['paths', 'apis/apps/v1', 'serverRelativeURL']);
    const v3 = (await call('GET', String(path))).body;
    const patch = at(v3, ['paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}', 'patch']);
    expect(at(patch, 'x-kubernetes-group-version-kind')).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    expect(listAt(patch, 'parameters').map((parameter) => at(parameter, 'name'))).toEqual(
      expect.arrayContaining(['dryRun', 'fieldValidation']),
    );
  });

  it('is well and has a version, also for nobody in particular', async () => {
    for (const path of ['/healthz', '/livez', '/readyz'])
      expect((await call('GET', path, undefined, { token: '' })).code).toBe(200);
    expect(at((await call('GET', '/version', undefined, { token: '' })).body, 'major')).toBe('1');
  });

  describe('tables', () => {
    const cells = async (path: string): Promise<unknown> =>
      at((await call('GET', path, undefined, TABLE)).body, 'rows.0.cells');
    const columns = async (path: string): Promise<[unknown, unknown][]> =>
      listAt((await call('GET', path, undefined, TABLE)).body, 'columnDefinitions').map((column) => [
        at(column, 'name'),
        at(column, 'priority'),
      ]);

    it('of services', async () => {
      await call(
        'POST',
        SERVICES,
        service('t-lb', { type: 'LoadBalancer', clusterIP: '10.96.5.5', ports: [{ port: 80, nodePort: 30_051 }] }),
      );
      expect(await cells(`${SERVICES}/t-lb`)).toEqual([
        't-lb',
        'LoadBalancer',
        '10.96.5.5',
        '<pending>',
        '80:30051/TCP',
        expect.stringMatching(/^\d+s$/),
        'app=t-lb',
      ]);
      expect(await columns(`${SERVICES}/t-lb`)).toEqual([
        ['Name', 0],
        ['Type', 0],
        ['Cluster-IP', 0],
        ['External-IP', 0],
        ['Port(s)', 0],
        ['Age', 0],
        ['Selector', 1],
      ]);
    });

    it('of deployments', async () => {
      await call('POST', DEPLOYMENTS, deployment('t-web'));
      expect(await cells(`${DEPLOYMENTS}/t-web`)).toEqual([
        't-web',
        '0/1',
        0,
        0,
        expect.any(String),
        'web',
        'nginx',
        'app=t-web',
      ]);
    });

    // A star marks what `-o wide` adds.
    it.each([
      ['/api/v1/namespaces', 'Name,Status,Age'],
      ['/api/v1/namespaces/default/configmaps', 'Name,Data,Age'],
      ['/api/v1/namespaces/default/endpoints', 'Name,Endpoints,Age'],
      [
        '/api/v1/namespaces/default/events',
        'Last Seen,Type,Reason,Object,Subobject*,Source*,Message,First Seen*,Count*,Name*',
      ],
      ['/api/v1/namespaces/default/pods', 'Name,Ready,Status,Restarts,Age,IP*,Node*,Nominated Node*,Readiness Gates*'],
      ['/api/v1/namespaces/default/secrets', 'Name,Type,Data,Age'],
      ['/api/v1/namespaces/default/serviceaccounts', 'Name,Age'],
      [
        '/api/v1/nodes',
        'Name,Status,Roles,Age,Version,Internal-IP*,External-IP*,OS-Image*,Kernel-Version*,Container-Runtime*',
      ],
      ['/apis/apps/v1/namespaces/default/replicasets', 'Name,Desired,Current,Ready,Age,Containers*,Images*,Selector*'],
      ['/apis/coordination.k8s.io/v1/namespaces/default/leases', 'Name,Holder,Age'],
      ['/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', 'Name,AddressType,Ports,Endpoints,Age'],
      ['/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', 'Name,Role,Age,Users*,Groups*,ServiceAccounts*'],
      ['/apis/rbac.authorization.k8s.io/v1/clusterroles', 'Name,Created At'],
    ])('of %s have their columns', async (path, expected) => {
      const shown = (await columns(path)).map(([name, priority]) => `${String(name)}${priority === 1 ? '*' : ''}`);
      expect(shown.join(',')).toBe(expected);
    });

    it('carry as much of the object as is asked for', async () => {
      await call('POST', CONFIG_MAPS, configMap('t-map'));
      const row = async (include: string) =>
        at(
          (await call('GET', `${CONFIG_MAPS}/t-map?includeObject=${include}`, undefined, TABLE)).body,
          'rows.0.object',
        );
      expect(await row('None')).toBeNull();
      expect(await row('Metadata')).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 't-map' } });
      expect(await row('Object')).toMatchObject({ kind: 'ConfigMap', data: { a: '1' } });
    });
  });

  it('refuses representations it does not have, and methods that mean nothing', async () => {
    expect((await call('GET', SERVICES, undefined, { accept: 'text/html' })).code).toBe(406);
    expect((await call('PUT', SERVICES)).code).toBe(405);
    expect((await call('POST', `${SERVICES}/x`)).code).toBe(405);
  });
});
