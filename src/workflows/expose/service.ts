/** The Service that carries a wish: a new one, or the change of one that is there. Pure. */
import { KEY, KUBEVIP_CLASS } from '../../model/annotations.ts';
import { KubevipError } from '../../model/errors.ts';
import type { Service, ServicePort } from '../../model/kubernetes.ts';
import { named, type Backend, type Labels } from './backend.ts';
import { familySpec } from './families.ts';
import type { AddressWish, ExposeRequest } from './request.ts';

/** undefined removes the key. */
type Annotations = Readonly<Record<string, string | undefined>>;

/** By this label `unexpose` knows what `expose` made. */
export const MANAGED_BY = { key: 'app.kubernetes.io/managed-by', value: 'kubevip' } as const;

export function newService(
  request: ExposeRequest,
  name: string,
  backend: Backend,
  ports: readonly ServicePort[],
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: request.namespace,
      labels: { ...appLabel(backend.labels), [MANAGED_BY.key]: MANAGED_BY.value },
      annotations: {
        ...present(wishedAnnotations(request)),
        [KEY.exposed]: 'created',
      },
    },
    // The class keeps other load balancers of the cluster (k3s has one) from taking the Service too.
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: KUBEVIP_CLASS,
      ...familySpec(request.family, request.address, undefined),
      selector: backend.selector,
      ports,
    },
  };
}

export interface ServiceChange {
  /** JSON merge patch (RFC 7396). */
  readonly patch: unknown;
  /** What the Service will be. */
  readonly result: Service;
}

/** The same wish on a Service that is there. What was not asked for stays. `ports`: undefined leaves them. */
export function changedService(
  request: ExposeRequest,
  existing: Service,
  ports: readonly ServicePort[] | undefined,
): ServiceChange {
  const { metadata, spec } = existing;
  const becomes = spec.type !== 'LoadBalancer';
  const annotations: Annotations = {
    ...wishedAnnotations(request),
    ...(becomes && metadata.annotations?.[KEY.exposed] === undefined
      ? { [KEY.exposed]: spec.type ?? 'ClusterIP' }
      : {}),
  };
  const changes = {
    type: 'LoadBalancer',
    // The API lets the class be set only while the type changes.
    ...(becomes ? { loadBalancerClass: KUBEVIP_CLASS } : {}),
    ...familySpec(request.family, request.address, existing),
    ...(ports === undefined ? {} : { ports }),
    // The older way to ask for an address would contradict the annotation.
    ...(request.address !== undefined && spec.loadBalancerIP !== undefined ? { loadBalancerIP: null } : {}),
  };
  const { loadBalancerIP, ...others } = { ...spec, ...changes };
  return {
    patch: {
      metadata: {
        annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, value ?? null])),
      },
      spec: changes,
    },
    result: {
      ...existing,
      metadata: { ...metadata, annotations: present({ ...metadata.annotations, ...annotations }) },
      spec: { ...others, ...(typeof loadBalancerIP === 'string' ? { loadBalancerIP } : {}) },
    },
  };
}

/** A Service of the wanted name that leads elsewhere is somebody else's. @throws KubevipError FOREIGN_SERVICE */
export function checkSelects(existing: Service, backend: Backend): void {
  const selector = existing.spec.selector ?? {};
  const entries = Object.entries(selector);
  if (entries.length > 0 && entries.every(([key, value]) => backend.labels[key] === value)) return;
  const { name, namespace } = existing.metadata;
  throw new KubevipError(
    `Service ${namespace ?? 'default'}/${name} is there and does not lead to ${named(backend.target)}`,
    {
      code: 'FOREIGN_SERVICE',
      hints: [
        'Take another name for the new one: --name NAME',
        `If that Service is what you mean: kubevip expose service/${name}`,
      ],
    },
  );
}

function wishedAnnotations({ address, router, mdns, conflict }: ExposeRequest): Annotations {
  return {
    ...(address === undefined ? {} : addressAnnotations(address)),
    ...(router === undefined ? {} : { [KEY.router]: router === OFF ? undefined : router }),
    ...(mdns === undefined ? {} : { [KEY.mdns]: mdns === OFF ? undefined : mdns }),
    ...(conflict === undefined ? {} : { [KEY.conflict]: conflict }),
  };
}

/** `--router=off` takes back what an earlier `expose` asked for. */
export const OFF = 'off';

function addressAnnotations(address: AddressWish): Annotations {
  const none = { [KEY.loadBalancerIPs]: undefined, [KEY.pool]: undefined, [KEY.dhcp]: undefined };
  if (address.kind === 'dhcp') {
    const v6 = address.v6 === undefined ? [] : [address.v6];
    return { ...none, [KEY.loadBalancerIPs]: ['0.0.0.0', ...v6].join(',') };
  }
  if (address.kind === 'ip') return { ...none, [KEY.loadBalancerIPs]: address.ips.join(',') };
  return { ...none, [KEY.pool]: address.pool };
}

function present(annotations: Annotations): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The label by which people group what belongs together. */
function appLabel(labels: Labels): Labels {
  const keys = ['app', 'app.kubernetes.io/name'];
  return Object.fromEntries(Object.entries(labels).filter(([key]) => keys.includes(key)));
}
