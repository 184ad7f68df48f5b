/** In place of the deployment and replica set controllers and the scheduler. */
import { isApiError } from '../../kube/errors.ts';
import type { Pod, Workload } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';
import { condition, type ClusterContext } from './context.ts';
import { chooseNode, isReady, isTerminating, ownerName, ownerUid, podNames, podOf } from './pods.ts';

/** How long to wait for a node to get ready. */
const NO_NODE_RETRY: Milliseconds = 500;

/**
 * Makes the pods of one Deployment be those it wants, and its status tell of them. Those of one that is gone go too.
 * @returns when to come again by itself.
 */
export async function syncDeployment(context: ClusterContext, key: string): Promise<Milliseconds | undefined> {
  const deployment = context.seen.deployments.get(key);
  const [namespace = '', name = ''] = key.split('/');
  const owned = context.seen.pods
    .list()
    .filter((pod) => pod.metadata.namespace === namespace && ownerName(pod) === name);
  const wanted = new Set(deployment === undefined ? [] : podNames(deployment));
  const surplus = owned.filter(
    (pod) => !isTerminating(pod) && (!wanted.has(pod.metadata.name) || ownerUid(pod) !== deployment?.metadata.uid),
  );
  await Promise.all(surplus.map((pod) => deletePod(context, pod)));
  if (deployment === undefined) return undefined;
  const missing = [...wanted].filter((pod) => !owned.some(({ metadata }) => metadata.name === pod));
  const unplaced = await createPods(context, deployment, missing);
  await writeStatus(
    context,
    deployment,
    owned.filter((pod) => wanted.has(pod.metadata.name) && !isTerminating(pod)),
  );
  return unplaced > 0 ? NO_NODE_RETRY : undefined;
}

/**
 * Gives a pod that nobody placed a node. A pod cannot be moved and the lab's API has no bindings, so it is replaced by
 * the same one in its place.
 * @returns when to come again by itself.
 */
export async function schedulePod(context: ClusterContext, key: string): Promise<Milliseconds | undefined> {
  const pod = context.seen.pods.get(key);
  if (pod === undefined || pod.spec.nodeName !== undefined || isTerminating(pod)) return undefined;
  const nodeName = chooseNode(context.readyNodes(), context.seen.pods.list(), undefined);
  if (nodeName === undefined) return NO_NODE_RETRY;
  const { name, namespace = 'default', labels, annotations } = pod.metadata;
  await deletePod(context, pod);
  await createPod(context, {
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: { ...pod.spec, nodeName },
  });
  return undefined;
}

/** @returns how many found no node. */
async function createPods(context: ClusterContext, deployment: Workload, names: readonly string[]): Promise<number> {
  // Those being created count when the next one is placed.
  const pods = [...context.seen.pods.list()];
  const created: Pod[] = [];
  for (const name of names) {
    const node = chooseNode(context.readyNodes(), [...pods, ...created], deployment.metadata.uid);
    if (node !== undefined) created.push(podOf(deployment, name, node));
  }
  await Promise.all(created.map((pod) => createPod(context, pod)));
  return names.length - created.length;
}

async function createPod(context: ClusterContext, pod: Pod): Promise<void> {
  try {
    await context.cluster.resource('Pod').create(pod);
  } catch (error) {
    // Created before, and not seen yet; or its predecessor is still terminating, whose end brings us here again.
    if (!isApiError(error, 'ALREADY_EXISTS')) throw error;
  }
}

async function deletePod(context: ClusterContext, { metadata }: Pod): Promise<void> {
  try {
    await context.cluster.resource('Pod').delete(metadata, { uid: metadata.uid });
  } catch (error) {
    if (!isApiError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
  }
}

async function writeStatus(context: ClusterContext, deployment: Workload, pods: readonly Pod[]): Promise<void> {
  const wanted = deployment.spec.replicas ?? 1;
  const ready = pods.filter(isReady).length;
  const before = deployment.status as { conditions?: readonly { type: string; status: string }[] } | undefined;
  const available = ready >= wanted;
  const status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: pods.length,
    updatedReplicas: pods.length,
    readyReplicas: ready,
    availableReplicas: ready,
    unavailableReplicas: Math.max(0, wanted - ready),
    conditions: [
      condition(context.clock, before?.conditions, {
        type: 'Available',
        status: available ? 'True' : 'False',
        reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        message: `${ready} of ${wanted} replicas are ready.`,
      }),
    ],
  };
  if (JSON.stringify(pick(before, status)) === JSON.stringify(status)) return;
  try {
    await context.cluster
      .resource('Deployment')
      .patch(deployment.metadata, { status }, { type: 'merge', subresource: 'status' });
  } catch (error) {
    if (!isApiError(error, 'NOT_FOUND')) throw error;
  }
}

/** The fields of `from` that `like` has, in its order. */
function pick(from: object | undefined, like: object): object {
  const source = new Map(Object.entries(from ?? {}));
  return Object.fromEntries(Object.keys(like).map((key) => [key, source.get(key)]));
}
