/** Objects that the tests make, and where they live. */
export const SERVICES = '/api/v1/namespaces/default/services';
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
export const DAEMON_SETS = '/apis/apps/v1/namespaces/default/daemonsets';
export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
export const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
export const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
export const CORE_EVENTS = '/api/v1/namespaces/default/events';
export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

export const MERGE = { type: 'application/merge-patch+json' } as const;
export const STRATEGIC = { type: 'application/strategic-merge-patch+json' } as const;
export const JSON_PATCH = { type: 'application/json-patch+json' } as const;
export const APPLY = { type: 'application/apply-patch+yaml' } as const;

type Fields = Readonly<Record<string, unknown>>;

export function service(name: string, spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80 }], selector: { app: name }, ...spec },
  };
}

export function configMap(name: string, data: Fields = { a: '1' }, metadata: Fields = {}): Fields {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function deployment(name: string, spec: Fields = {}): Fields {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image: 'nginx', ports: [{ containerPort: 80 }] }] },
      },
      ...spec,
    },
  };
}

export function lease(name: string, spec: Fields, metadata: Fields = {}): Fields {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, ...metadata }, spec };
}
