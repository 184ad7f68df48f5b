/** What stands behind a Service: the pods a target selects, and the ports they declare. */
import type { Cluster } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import { KubevipError } from '../../model/errors.ts';
import type { ContainerPort, Pod, PodSpec, Service, Workload } from '../../model/kubernetes.ts';
import type { Target } from './request.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Backend {
  readonly target: Target;
  /** What selects the pods. */
  readonly selector: Labels;
  /** Labels of the pods. */
  readonly labels: Labels;
  /** Ports that the pods declare; empty when they declare none, which Kubernetes allows. */
  readonly ports: readonly ContainerPort[];
}

/** For a Service its own selector, without looking at pods. @throws KubevipError NO_SUCH_TARGET, NO_SELECTOR */
export async function readBackend(
  cluster: Pick<Cluster, 'resource'>,
  namespace: string,
  target: Target,
  signal?: AbortSignal,
): Promise<Backend> {
  const resource = cluster.resource(target.kind);
  const found = await resource.find({ namespace, name: target.name }, { signal });
  if (found === undefined) throw await noSuchTarget(cluster, namespace, target, signal);
  const backend = describeBackend(target, found);
  if (Object.keys(backend.selector).length === 0 && target.kind !== 'Service') {
    throw new KubevipError(`${named(target)} has no labels by which a Service could find its pods`, {
      code: 'NO_SELECTOR',
      hints: ['Make a Service by hand and expose that: kubevip expose service/NAME'],
    });
  }
  return backend;
}

function describeBackend(target: Target, found: Workload | Pod | Service): Backend {
  if (target.kind === 'Service') {
    const selector = (found as Service).spec.selector ?? {};
    return { target, selector, labels: selector, ports: [] };
  }
  if (target.kind === 'Pod') {
    const { metadata, spec } = found as Pod;
    return { target, selector: metadata.labels ?? {}, labels: metadata.labels ?? {}, ports: portsOf(spec) };
  }
  const { selector, template } = (found as Workload).spec;
  return {
    target,
    selector: selector.matchLabels ?? {},
    labels: template.metadata?.labels ?? selector.matchLabels ?? {},
    ports: portsOf(template.spec),
  };
}

function portsOf(spec: PodSpec): ContainerPort[] {
  return spec.containers.flatMap(({ ports }) => ports ?? []);
}

/** `deployment web` */
export function named(target: Target): string {
  return `${target.kind.toLowerCase()} ${target.name}`;
}

async function noSuchTarget(
  cluster: Pick<Cluster, 'resource'>,
  namespace: string,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<KubevipError> {
  const names = await namesOf(cluster, namespace, target, signal);
  const kind = target.kind.toLowerCase();
  const there =
    names.length === 0
      ? `There is no ${kind} in namespace ${namespace} at all; -n chooses another namespace.`
      : `In namespace ${namespace} there is: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
  return new KubevipError(`there is no ${named(target)} in namespace ${namespace}`, {
    code: 'NO_SUCH_TARGET',
    hints: [there],
  });
}

/** Only for a hint: whoever may not list, or has no such kind in the cluster, gets the error without it. */
async function namesOf(
  cluster: Pick<Cluster, 'resource'>,
  namespace: string,
  { kind }: Target,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  try {
    return (await cluster.resource(kind).list({ namespace }, { signal })).items.map(({ metadata }) => metadata.name);
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN', 'NOT_FOUND')) return [];
    throw error;
  }
}
