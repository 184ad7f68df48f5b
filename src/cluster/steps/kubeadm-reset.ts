/** What takes back `kubeadm init` and `kubeadm join`. */
import { messageOf } from '../../model/errors.ts';
import type { KubeObject } from '../../model/kubernetes.ts';
import { pause } from '../../model/time.ts';
import type { StepContext } from '../engine/step.ts';
import type { Destination } from '../kubeconfig.ts';
import { ADMIN_KUBECONFIG } from '../names.ts';
import type { ClusterApi } from '../ports/api.ts';
import { VERIFY_TIMEOUT, withApiAt, type StepParts } from './parts.ts';

const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';
/** How long the virtual IP may take to another machine, in ms. */
const REMOVE_WITHIN = 30_000;

export interface ResetRequest {
  /** Undefined: the one that kubeadm finds. */
  readonly criSocket: string | undefined;
  /** The API server of this machine. */
  readonly server: Destination;
  /** Absent: the Node object is left alone. */
  readonly nodeName?: string;
}

/** kubeadm reset, and afterwards the Node object, where others are left to be told. */
export async function kubeadmReset(
  parts: StepParts,
  { criSocket, server, nodeName }: ResetRequest,
  context: StepContext,
): Promise<void> {
  const admin = await parts.files.read(ADMIN_KUBECONFIG);
  const others = nodeName !== undefined && admin !== undefined && (await hasOthers(parts, server, context, nodeName));
  const socket = criSocket === undefined ? [] : ['--cri-socket', criSocket];
  await parts.kubeadm.call({ args: ['reset', '--force', ...socket] }, context);
  if (!others) return;
  context.progress(`remove the node ${nodeName} from the cluster`);
  const api = parts.api.connect(admin);
  try {
    await removeNode(parts, api, nodeName, context);
  } finally {
    api.close();
  }
}

/** Whether another control plane goes on without this one. */
async function hasOthers(
  parts: StepParts,
  server: Destination,
  { progress }: StepContext,
  nodeName: string,
): Promise<boolean> {
  try {
    const nodes = await withApiAt(parts, server, async (api) =>
      api.list('Node', undefined, { timeoutMs: VERIFY_TIMEOUT }),
    );
    return nodes.some((node) => node.metadata.name !== nodeName && isControlPlane(node));
  } catch (error) {
    // Nobody can be told from here.
    const why = `the API of this machine does not say who else is in the cluster: ${messageOf(error)}`;
    progress(`${why}; if somebody is, on a control plane: kubectl delete node ${nodeName}`);
    return false;
  }
}

function isControlPlane(node: KubeObject): boolean {
  return Object.hasOwn(node.metadata.labels ?? {}, CONTROL_PLANE_LABEL);
}

async function removeNode(parts: StepParts, api: ClusterApi, name: string, context: StepContext): Promise<void> {
  const until = parts.clock.now() + REMOVE_WITHIN;
  for (;;) {
    try {
      await api.remove({ kind: 'Node', name }, { signal: context.signal, timeoutMs: VERIFY_TIMEOUT });
      return;
    } catch (error) {
      if (parts.clock.now() >= until || context.signal.aborted) {
        context.progress(`the node object stays (${messageOf(error)}): kubectl delete node ${name}`);
        return;
      }
    }
    await pause(parts.clock, 1000, context.signal);
  }
}
