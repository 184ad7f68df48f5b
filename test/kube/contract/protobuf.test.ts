import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../src/lab/apiserver/protobuf/encode.ts';
import { decodeProtobuf } from '../../../src/lab/apiserver/protobuf/decode.ts';
import { createRegistry } from '../../../src/lab/apiserver/registry/all.ts';
import { omit, type JsonObject } from '../../../src/lab/apiserver/json.ts';
import { at } from './client.ts';
import { deployment, DEPLOYMENTS, lease, LEASES, service, SERVICES, SLICES } from './objects.ts';
import { againstEachServer } from './servers.ts';

const PROTOBUF = {
  type: 'application/vnd.kubernetes.protobuf',
  accept: 'application/vnd.kubernetes.protobuf,application/json',
};

const SAMPLES: [string, string, string, string, Record<string, unknown>][] = [
  [
    '',
    'v1',
    'services',
    SERVICES,
    service(
      'pb',
      {
        type: 'LoadBalancer',
        sessionAffinity: 'ClientIP',
        ports: [
          { port: 80, name: 'a', targetPort: 'web' },
          { port: 53, protocol: 'UDP', name: 'b' },
        ],
      },
      { labels: { a: '1' }, finalizers: ['a.b/c'] },
    ),
  ],
  [
    'apps',
    'v1',
    'deployments',
    DEPLOYMENTS,
    deployment('pb', {
      replicas: 0,
      minReadySeconds: 3,
      template: {
        metadata: { labels: { app: 'pb' }, annotations: { x: 'y' } },
        spec: {
          hostNetwork: true,
          containers: [
            {
              name: 'web',
              image: 'nginx',
              args: ['-v', ''],
              env: [
                { name: 'A', value: '1' },
                { name: 'N', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
              ],
              envFrom: [{ configMapRef: { name: 'cm' } }],
              resources: { limits: { cpu: '100m', memory: '64Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                runAsUser: 0,
                capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
              },
              livenessProbe: { httpGet: { path: '/x', port: 'http' }, periodSeconds: 5 },
              readinessProbe: { tcpSocket: { port: 80 } },
              ports: [{ name: 'http', containerPort: 80 }],
              volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
            },
          ],
          volumes: [
            { name: 'v', emptyDir: { medium: 'Memory' } },
            { name: 'c', configMap: { name: 'cm', defaultMode: 256, items: [{ key: 'k', path: 'p' }] } },
            { name: 'h', hostPath: { path: '/h', type: 'Directory' } },
          ],
          tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
          terminationGracePeriodSeconds: 0,
        },
      },
    }),
  ],
  [
    'coordination.k8s.io',
    'v1',
    'leases',
    LEASES,
    lease('pb', {
      holderIdentity: 'n1',
      leaseDurationSeconds: 5,
      renewTime: '2026-01-02T03:04:05.000123Z',
      leaseTransitions: 0,
    }),
  ],
  [
    'discovery.k8s.io',
    'v1',
    'endpointslices',
    SLICES,
    {
      metadata: { name: 'pb' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false, serving: true }, nodeName: 'n1' }],
      ports: [{ port: 80, name: '' }],
    },
  ],
  [
    '',
    'v1',
    'secrets',
    '/api/v1/namespaces/default/secrets',
    { metadata: { name: 'pb' }, data: { a: Buffer.from([0, 255, 10]).toString('base64') } },
  ],
  [
    '',
    'v1',
    'nodes',
    '/api/v1/nodes',
    {
      metadata: { name: 'pb' },
      spec: { unschedulable: true },
      status: {
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        capacity: { cpu: '2' },
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z' }],
      },
    },
  ],
  [
    'rbac.authorization.k8s.io',
    'v1',
    'clusterroles',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    {
      metadata: { name: 'pb' },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['p'] }],
    },
  ],
];

againstEachServer('protobuf', (server) => {
  describe.each(SAMPLES)('%s/%s %s', (group, version, plural, path, sample) => {
    const resource = createRegistry().find(group, version, plural);

    it('is read as it is meant', async () => {
      const { client, embedded } = server();
      const made = await client.call('POST', path, sample);
      expect(made.code).toBe(201);
      const name = String(at(made.body, 'metadata.name'));
      const { bytes } = await client.raw('GET', `${path}/${name}`, undefined, PROTOBUF);
      await client.call(
        'PATCH',
        `${path}/${name}`,
        { metadata: { finalizers: null } },
        { type: 'application/merge-patch+json' },
      );
      await client.call('DELETE', `${path}/${name}`);
      // The embedded server answers in JSON, which every client takes.
      const object = embedded
        ? (JSON.parse(bytes.toString()) as unknown)
        : resource && decodeProtobuf(resource.schema, bytes);
      expect(withoutEmpty(object)).toEqual(withoutEmpty(made.body));
    });
  });

  it('can be written', async () => {
    const meta = encodeMessage([[1, 'pb-written']]);
    const data = encodeMessage([
      [1, 'key'],
      [2, 'value'],
    ]);
    const raw = encodeMessage([
      [1, meta],
      [2, data],
    ]);
    const type = encodeMessage([
      [1, 'v1'],
      [2, 'ConfigMap'],
    ]);
    const body = Buffer.concat([
      Buffer.from('k8s\0'),
      encodeMessage([
        [1, type],
        [2, raw],
      ]),
    ]);
    const { client } = server();
    const { code } = await client.raw('POST', '/api/v1/namespaces/default/configmaps', body, PROTOBUF);
    expect(code).toBe(201);
    expect(at((await client.call('GET', '/api/v1/namespaces/default/configmaps/pb-written')).body, 'data')).toEqual({
      key: 'value',
    });
  });
});

/** JSON leaves out what protobuf spells as zero, and the other way round; times of the status are not compared. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? value.replace(/\.0+Z$/, 'Z') : value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(omit(value as JsonObject, ['managedFields']))
    .map(([key, item]) => [key, withoutEmpty(item)] as const)
    .filter(
      ([, item]) =>
        item !== null &&
        item !== undefined &&
        item !== '' &&
        !(typeof item === 'object' && Object.keys(item).length === 0),
    );
  return Object.fromEntries(entries);
}
