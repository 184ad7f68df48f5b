/** The pods a Deployment wants: their names, and where they run. */
import { createHash } from 'node:crypto';
import type { ContainerPort, KubeObject, Pod, ServicePort, Workload } from '../../model/kubernetes.ts';
import type { PodPort } from './messages.ts';

/** Characters of the random part of a pod's name in Kubernetes: no vowels, so no words. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * Names of the pods that `deployment` shall have. They look random as in Kubernetes, but are always the same for the
 * same template, so creating them twice does no harm.
 */
export function podNames(deployment: Workload): string[] {
  const template = createHash('sha256').update(JSON.stringify(deployment.spec.template)).digest('hex');
  const hash = letters(template, 9);
  return Array.from({ length: deployment.spec.replicas ?? 1 }, (_, i) => {
    const suffix = letters(
      createHash('sha256')
        .update(`${deployment.metadata.uid ?? ''}/${template}/${i}`)
        .digest('hex'),
      5,
    );
    return `${deployment.metadata.name}-${hash}-${suffix}`;
  });
}

function letters(hex: string, length: number): string {
  return Array.from(
    { length },
    (_, i) => LETTERS[Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) % LETTERS.length],
  ).join('');
}

/** The pod object `name` of a Deployment, bound to a node. */
export function podOf(deployment: Workload, name: string, nodeName: string): Pod {
  const { template } = deployment.spec;
  return {
    metadata: {
      name,
      namespace: deployment.metadata.namespace ?? 'default',
      ...(template.metadata?.labels && { labels: template.metadata.labels }),
      ...(template.metadata?.annotations && { annotations: template.metadata.annotations }),
      ...ownedBy(deployment),
    },
    spec: { ...template.spec, nodeName },
  };
}

function ownedBy({ metadata }: Workload): object {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: metadata.name, uid: metadata.uid ?? '' };
  return { ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }] };
}

/** Uid of what a pod belongs to; undefined for a pod of its own. */
export function ownerUid(pod: Pod): string | undefined {
  return ownerOf(pod)?.uid;
}

/** Name of the Deployment a pod belongs to; undefined for a pod of its own or of something else. */
export function ownerName(pod: Pod): string | undefined {
  const owner = ownerOf(pod);
  return owner?.kind === 'Deployment' ? owner.name : undefined;
}

function ownerOf({ metadata }: Pod): { uid: string; kind: string; name: string } | undefined {
  const { ownerReferences } = metadata as {
    ownerReferences?: readonly { uid: string; kind: string; name: string; controller?: boolean }[];
  };
  return ownerReferences?.find(({ controller }) => controller === true);
}

/**
 * The node for one more pod: the one with the fewest of the same owner, then the fewest at all, then by name.
 * Undefined when no node is ready.
 */
export function chooseNode(
  nodes: readonly string[],
  pods: readonly Pod[],
  owner: string | undefined,
): string | undefined {
  const load = (node: string): [number, number] => {
    const here = pods.filter(({ spec }) => spec.nodeName === node);
    return [here.filter((pod) => ownerUid(pod) === owner).length, here.length];
  };
  const ranked = nodes
    .map((node) => ({ node, load: load(node) }))
    .sort((a, b) => a.load[0] - b.load[0] || a.load[1] - b.load[1] || a.node.localeCompare(b.node));
  return ranked[0]?.node;
}

/**
 * Ports the pod's servers listen on. A pod that declares none listens on 80, as the image most people try does
 * (`kubectl create deployment web --image nginx`).
 */
export function listeningPorts(pod: Pod): PodPort[] {
  const declared = containerPorts(pod).flatMap(({ containerPort, protocol = 'TCP' }) =>
    protocol === 'SCTP' ? [] : [{ port: containerPort, protocol }],
  );
  return declared.length === 0 ? [{ port: 80, protocol: 'TCP' }] : declared;
}

/** The number behind a Service's `targetPort` in this pod. Undefined for a name the pod does not have. */
export function targetPortIn(pod: Pod, { port, targetPort, protocol = 'TCP' }: ServicePort): number | undefined {
  if (targetPort === undefined || targetPort === '' || targetPort === 0) return port;
  if (typeof targetPort === 'number') return targetPort;
  return containerPorts(pod).find(
    (candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol,
  )?.containerPort;
}

function containerPorts(pod: Pod): ContainerPort[] {
  return pod.spec.containers.flatMap(({ ports = [] }) => ports);
}

/** First free address of a node's pod prefix (`10.88.11.0/24`) that no pod in `used` has. */
export function freePodIp(prefix: string, used: ReadonlySet<string>): string | undefined {
  const base = prefix.slice(0, prefix.lastIndexOf('.'));
  for (let host = 2; host < 255; host++) if (!used.has(`${base}.${host}`)) return `${base}.${host}`;
  return undefined;
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

export function selects(selector: Readonly<Record<string, string>> | undefined, pod: Pod): boolean {
  if (selector === undefined) return false;
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

/** Whether both are in the same namespace. */
export function sameNamespace(a: KubeObject, b: KubeObject): boolean {
  return (a.metadata.namespace ?? 'default') === (b.metadata.namespace ?? 'default');
}
