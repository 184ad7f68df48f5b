/** What is put into the cluster and onto its control planes, made from the configuration. */
import { stringify } from 'yaml';
import type { KubeObject } from '../model/kubernetes.ts';
import { servicesDaemonSet } from '../manifests/daemon-set.ts';
import { AGENT_KUBECONFIG, NAMESPACE } from '../manifests/names.ts';
import { poolsConfigMap } from '../manifests/pools.ts';
import { servicesRbac } from '../manifests/rbac.ts';
import { staticPod } from '../manifests/static-pod.ts';
import type { BootstrapConfig } from './config.ts';
import { CLUSTER_RECORD } from './names.ts';

/** The agent that holds the VIP, as kubelet reads it. */
export function staticPodText(config: BootstrapConfig): string {
  const { vip, port, interface: link, bgpAs, bgpPeers } = config.controlPlane;
  const pod = staticPod({
    address: vip.join(','),
    port,
    image: config.image,
    kubeconfig: AGENT_KUBECONFIG,
    // The agent announces the cluster under it, for `kubevip join` to find.
    env: { kubevip_cluster_name: config.clusterName },
    ...(link === undefined ? {} : { interface: link }),
    ...(bgpPeers.length === 0 ? {} : { bgp: { as: bgpAs, peers: bgpPeers } }),
  });
  return stringify(pod, { lineWidth: 0 });
}

/** Account, rights, pools and agents of the services part; none if it is not wanted. */
export function servicesObjects(config: BootstrapConfig): KubeObject[] {
  const { enabled, excludeLabel, pools, dhcp } = config.services;
  if (!enabled) return [];
  return [
    ...servicesRbac(),
    poolsConfigMap({ ...pools, ...(dhcp ? { global: 'dhcp' } : {}) }),
    servicesDaemonSet({ image: config.image, excludeLabel }),
  ];
}

/** Of the whole cluster, not of one machine: what machines that join have to agree on. No secrets. */
const SHARED_KEYS = ['clusterName', 'podSubnet', 'serviceSubnet', 'services', 'image'] as const;

/** Where machines that join read the settings of the cluster. */
export function clusterRecord(config: BootstrapConfig): KubeObject & { readonly data: { readonly config: string } } {
  const { vip, port, workloads, bgpAs, bgpPeers } = config.controlPlane;
  const shared = Object.fromEntries(SHARED_KEYS.map((key) => [key, config[key]]));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: CLUSTER_RECORD, namespace: NAMESPACE },
    data: {
      config: stringify({ ...shared, controlPlane: { vip, port, workloads, bgpAs, bgpPeers } }, { lineWidth: 0 }),
    },
  };
}
