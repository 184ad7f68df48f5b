/** In place of the kubelet's reports and the node life cycle controller: what the API says of a node and its pods. */
import { isApiError } from '../../kube/errors.ts';
import type { Node, Pod } from '../../model/kubernetes.ts';
import { nodeAddresses } from '../layout.ts';
import { condition, seconds, type ClusterContext } from './context.ts';
import { isReady } from './pods.ts';

/** Makes the Node object exist and tell whether the node is heard of. */
export async function syncNode(context: ClusterContext, name: string, ready: boolean): Promise<void> {
  const nodes = context.cluster.resource('Node');
  const before = context.seen.nodes.get(name);
  if (before === undefined) {
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': arch() };
    try {
      await nodes.create({ metadata: { name, labels }, spec: podCidrs(context, name) });
    } catch (error) {
      if (!isApiError(error, 'ALREADY_EXISTS')) throw error;
    }
  }
  const known = before?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (known === (ready ? 'True' : 'Unknown')) return;
  await nodes.patch(
    { name },
    { status: nodeStatus(context, name, before, ready) },
    { type: 'merge', subresource: 'status' },
  );
}

function podCidrs({ ipv6 }: ClusterContext, name: string): object {
  const { pods, pods6 } = nodeAddresses(name);
  return { podCIDR: pods, podCIDRs: ipv6 ? [pods, pods6] : [pods] };
}

function hostIps({ ipv6 }: ClusterContext, name: string): string[] {
  const { lan, lan6 } = nodeAddresses(name);
  return ipv6 ? [lan, lan6] : [lan];
}

function nodeStatus(context: ClusterContext, name: string, before: Node | undefined, ready: boolean): object {
  return {
    addresses: [
      ...hostIps(context, name).map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: name },
    ],
    conditions: [
      condition(context.clock, before?.status?.conditions, {
        type: 'Ready',
        status: ready ? 'True' : 'Unknown',
        reason: ready ? 'KubeletReady' : 'NodeStatusUnknown',
        message: ready ? 'the machine process answers' : 'the machine process has gone silent',
      }),
    ],
    nodeInfo: {
      ...{ architecture: arch(), operatingSystem: 'linux', osImage: 'kubevip lab', kernelVersion: '' },
      ...{ kubeletVersion: 'v1.36.0', containerRuntimeVersion: 'kubevip-lab://1', kubeProxyVersion: '' },
      ...{ bootID: '', machineID: '', systemUUID: '' },
    },
  };
}

/** Writes what became of a pod: its addresses, and whether it serves. */
export async function reportPod(
  context: ClusterContext,
  pod: Pod,
  ips: readonly string[],
  serving: boolean,
): Promise<void> {
  const podIP = ips[0] ?? '';
  const hosts = hostIps(context, pod.spec.nodeName ?? '');
  const { phase, podIP: knownIp, conditions: before } = pod.status ?? {};
  if (phase === 'Running' && knownIp === podIP && isReady(pod) === serving) return;
  // Never seen serving: still starting.
  if (phase !== 'Running' && !serving && knownIp === podIP) return;
  const status = serving ? 'True' : 'False';
  const reason = serving ? 'Serving' : 'NotServing';
  const message = serving ? 'its ports answer' : 'its node or its servers are gone';
  const startedAt = seconds(context.clock.wall());
  const body = {
    phase: serving || phase === 'Running' ? 'Running' : 'Pending',
    podIP,
    podIPs: ips.map((ip) => ({ ip })),
    hostIP: hosts[0],
    hostIPs: hosts.map((ip) => ({ ip })),
    startTime: startedAt,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) =>
      condition(context.clock, before, {
        ...{ type, reason, message },
        status: type === 'PodScheduled' || type === 'Initialized' ? 'True' : status,
      }),
    ),
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      ...{ name, image, imageID: '', ready: serving, started: serving, restartCount: 0 },
      state: serving ? { running: { startedAt } } : { waiting: { reason: 'ContainerCreating' } },
    })),
  };
  try {
    await context.cluster
      .resource('Pod')
      .patch(pod.metadata, { status: body }, { type: 'merge', subresource: 'status' });
  } catch (error) {
    if (!isApiError(error, 'NOT_FOUND')) throw error;
  }
}

function arch(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}
