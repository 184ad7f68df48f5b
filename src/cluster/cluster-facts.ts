/**
 * What a machine that is about to join may know of the cluster: as much as a bootstrap token may read, which is the
 * ConfigMap kubeadm-config and single nodes by name (kubeadm's roles kubeadm:nodes-kubeadm-config and kubeadm:get-nodes),
 * and by a role of ours the settings that the cluster was made with.
 */
import { parse } from 'yaml';
import { NAMESPACE } from '../manifests/names.ts';
import { messageOf } from '../model/errors.ts';
import type { KubeObject } from '../model/kubernetes.ts';
import { parseBootstrapConfig, vipAddresses } from './config.ts';
import type { JoinCode } from './join-code.ts';
import { tokenKubeconfig } from './kubeconfig.ts';
import type { ApiConnector, ClusterApi } from './ports/api.ts';
import { CLUSTER_RECORD } from './names.ts';
import { routersOf } from './preflight/from-config.ts';
import type { PreflightRequest } from './preflight/request.ts';

const TIMEOUT_MS = 5000;

export interface ClusterFacts extends Pick<PreflightRequest, 'kubernetesVersion' | 'takenNames' | 'vips' | 'bgp'> {
  /** What could not be read, and why, for people. */
  readonly unknown: readonly string[];
}

/**
 * Never throws: what cannot be read is left to kubeadm, which looks at the same things.
 * @param authority certificate that the join code names (PEM): the token goes to nobody else.
 * @param nodeName name that this machine is to have.
 */
export async function readClusterFacts(
  connector: ApiConnector,
  code: JoinCode,
  authority: string,
  nodeName: string,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const unknown: string[] = [];
  const attempt = async <R>(what: string, read: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await read();
    } catch (error) {
      unknown.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const api = connector.connect(tokenKubeconfig(`https://${code.endpoint}`, authority, code.token));
  try {
    const [kubernetesVersion, node, announced] = await Promise.all([
      attempt('the version of Kubernetes of the cluster', async () => versionOf(api, signal)),
      attempt('whether the name of this machine is taken', async () =>
        api.find({ kind: 'Node', name: nodeName }, { signal, timeoutMs: TIMEOUT_MS }),
      ),
      attempt('how it announces its addresses', async () => announcedOf(api, code, signal)),
    ]);
    return {
      unknown,
      ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
      ...(node === undefined ? {} : { takenNames: [nodeName] }),
      ...announced,
    };
  } finally {
    api.close();
  }
}

/** The VIP where this machine is to have it, and routers where it is to tell any. */
async function announcedOf(
  api: ClusterApi,
  { role }: JoinCode,
  signal: AbortSignal,
): Promise<Pick<ClusterFacts, 'vips' | 'bgp'>> {
  const ref = { kind: 'ConfigMap', name: CLUSTER_RECORD, namespace: NAMESPACE };
  const found = await api.find(ref, { signal, timeoutMs: TIMEOUT_MS });
  const { data } = (found ?? {}) as { readonly data?: Readonly<Record<string, string>> };
  // Made by an `init` that has not come to its end: what comes after kubeadm says so.
  if (data?.['config'] === undefined) return {};
  const config = parseBootstrapConfig(parse(data['config']), 'worker', { name: `ConfigMap ${CLUSTER_RECORD}` });
  const bgp = role === 'control-plane' || config.services.enabled ? routersOf(config) : undefined;
  return { vips: vipAddresses(config), ...(bgp === undefined ? {} : { bgp }) };
}

async function versionOf(api: ClusterApi, signal: AbortSignal): Promise<string> {
  const ref = { kind: 'ConfigMap', name: 'kubeadm-config', namespace: 'kube-system' };
  const found = await api.find(ref, { signal, timeoutMs: TIMEOUT_MS });
  const version = found === undefined ? undefined : configuredVersion(found);
  if (version === undefined) throw new TypeError('the ConfigMap kubeadm-config does not say it');
  return version;
}

function configuredVersion(map: KubeObject): string | undefined {
  const { data } = map as { readonly data?: Readonly<Record<string, string>> };
  const content: unknown = parse(data?.['ClusterConfiguration'] ?? '');
  if (typeof content !== 'object' || content === null || !('kubernetesVersion' in content)) return undefined;
  return typeof content.kubernetesVersion === 'string' ? content.kubernetesVersion : undefined;
}
