import { expect, it } from 'vitest';
import { at } from './client.ts';
import {
  configMap,
  CONFIG_MAPS,
  CORE_EVENTS,
  deployment,
  DEPLOYMENTS,
  EVENTS,
  lease,
  LEASES,
  service,
  SERVICES,
  SLICES,
} from './objects.ts';
import { againstEachServer } from './servers.ts';

type Fields = Readonly<Record<string, unknown>>;

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const pod = { containers: [{ name: 'c', image: 'nginx' }] };
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' };
const about = { namespace: 'default', name: 'x', kind: 'Pod', apiVersion: 'v1' };

/** Path, body, whether a PUT makes what is not there, and whether one without a version replaces what is. */
const KINDS: [string, (name: string) => Fields, boolean, boolean][] = [
  [CONFIG_MAPS, (name) => configMap(name), false, true],
  ['/api/v1/namespaces/default/secrets', (name) => ({ metadata: { name } }), false, true],
  ['/api/v1/namespaces/default/serviceaccounts', (name) => ({ metadata: { name } }), false, true],
  ['/api/v1/namespaces/default/endpoints', (name) => ({ metadata: { name } }), true, true],
  ['/api/v1/namespaces/default/pods', (name) => ({ metadata: { name }, spec: pod }), false, true],
  ['/api/v1/namespaces', (name) => ({ metadata: { name } }), false, true],
  ['/api/v1/nodes', (name) => ({ metadata: { name } }), false, true],
  [CORE_EVENTS, (name) => ({ metadata: { name }, involvedObject: about }), true, true],
  [
    EVENTS,
    (name) => ({
      metadata: { name },
      regarding: about,
      eventTime: '2026-01-02T03:04:05.000000Z',
      action: 'a',
      reason: 'r',
      reportingController: 'c.d/e',
      reportingInstance: 'i',
      type: 'Normal',
    }),
    true,
    true,
  ],
  [SERVICES, (name) => service(name), true, true],
  [DEPLOYMENTS, (name) => deployment(name), false, true],
  ['/apis/apps/v1/namespaces/default/replicasets', (name) => deployment(name), false, true],
  [SLICES, (name) => ({ metadata: { name }, addressType: 'IPv4' }), false, true],
  [LEASES, (name) => lease(name, { holderIdentity: 'a' }), true, false],
  [`${RBAC}/clusterroles`, (name) => ({ metadata: { name }, rules: [] }), true, true],
  [`${RBAC}/namespaces/default/roles`, (name) => ({ metadata: { name }, rules: [] }), true, true],
  [`${RBAC}/clusterrolebindings`, (name) => ({ metadata: { name }, roleRef }), true, true],
  [`${RBAC}/namespaces/default/rolebindings`, (name) => ({ metadata: { name }, roleRef }), true, true],
];

againstEachServer('PUT', (server) => {
  it.each(KINDS)('to %s', async (path, make, creates, unconditional) => {
    // Both kinds of events are in one table.
    const name = path === EVENTS ? 'put-two' : 'put-one';
    const { client } = server();
    const body = { ...make(name), kind: undefined, apiVersion: undefined };
    const created = await client.call('PUT', `${path}/${name}`, body);
    if (created.code === 404) await client.call('POST', path, body);
    const replaced = await client.call('PUT', `${path}/${name}`, {
      ...body,
      metadata: { name, labels: { a: '1' } },
    });
    const code = [created.code === 201, replaced.code === 200];
    expect(code, JSON.stringify(at(replaced.body, 'message') ?? '')).toEqual([creates, unconditional]);
  });
});
