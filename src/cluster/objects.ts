/** What is put into the cluster and onto its control planes, made from the configuration. */
import { stringify } from 'yaml';
import type { KubeObject } from '../model/kubernetes.ts';
import { servicesDaemonSet } from '../manifests/daemon-set.ts';
import { AGENT_KUBECONFIG, NAMESPACE } from '../manifests/names.ts';
import { poolsConfigMap } from '../manifests/pools.ts';
import { controlPlaneRbac, joiningRbac, servicesRbac } from '../manifests/rbac.ts';
import { staticPod } from '../manifests/static-pod.ts';
import { bgpOf, bgpOfMachine, SHARED_BGP_KEYS } from './bgp-config.ts';
import type { BootstrapConfig } from './config.ts';
import { CLUSTER_RECORD } from './names.ts';

/** The agent that holds the VIP, as kubelet reads it. */
export function staticPodText(config: BootstrapConfig): string {
  const { vip, port, interface: link } = config.controlPlane;
  const { enabled, excludeLabel } = config.services;
  const bgp = bgpOf(config);
  const pod = staticPod({
    address: vip.join(','),
    port,
    image: config.image,
    kubeconfig: AGENT_KUBECONFIG,
    // The agent announces the cluster under it, for `kubevip join` to find.
    env: {
      kubevip_cluster_name: config.clusterName,
      // `kubevip uninstall` cannot change this file, and says by the record that Services are served no more.
      ...(bgp !== undefined && enabled ? { kubevip_cluster_record: CLUSTER_RECORD } : {}),
    },
    ...(link === undefined ? {} : { interface: link }),
    ...(bgp === undefined
      ? {}
      : { bgp: { ...bgp, ...bgpOfMachine(config) }, ...(enabled ? { services: { excludeLabel } } : {}) }),
  });
  return stringify(pod, { lineWidth: 0 });
}

/** What agents of control planes may do: before anything else, since the virtual IP waits for it. */
export function agentRights(config: BootstrapConfig): KubeObject[] {
  const bgp = bgpOf(config) !== undefined;
  // By BGP they serve Services, too, and no router is spoken to before they know of these.
  return [...controlPlaneRbac({ bgp }), ...(bgp && config.services.enabled ? servicesRights(config) : [])];
}

function servicesRights(config: BootstrapConfig): ReturnType<typeof servicesRbac> {
  const bgp = bgpOf(config) !== undefined;
  return servicesRbac({ bgp, onControlPlanes: bgp });
}

/** Account, rights, pools and agents of the services part; none if it is not wanted. */
export function servicesObjects(config: BootstrapConfig): KubeObject[] {
  const { enabled, excludeLabel, pools, dhcp } = config.services;
  if (!enabled) return [];
  const bgp = bgpOf(config);
  return [
    ...servicesRights(config),
    poolsConfigMap({ ...pools, ...(dhcp ? { global: 'dhcp' } : {}) }),
    servicesDaemonSet({ image: config.image, excludeLabel, ...(bgp === undefined ? {} : { bgp }) }),
  ];
}

/** Everything of ours in the cluster. The record is last: where that is as wanted, the rest is there. */
export function clusterObjects(config: BootstrapConfig): KubeObject[] {
  const bgp = bgpOf(config) !== undefined;
  return [
    ...controlPlaneRbac({ bgp }),
    ...servicesObjects(config),
    ...joiningRbac(CLUSTER_RECORD),
    clusterRecord(config),
  ];
}

/** Of the whole cluster, not of one machine: what machines that join have to agree on. No secrets. */
const SHARED_KEYS = ['clusterName', 'podSubnet', 'serviceSubnet', 'services', 'image'] as const;

/** Where machines that join read the settings of the cluster. */
export function clusterRecord(config: BootstrapConfig): KubeObject & { readonly data: { readonly config: string } } {
  const { controlPlane } = config;
  const { vip, port, workloads } = controlPlane;
  // What is not said is not for a machine that joins to say.
  const bgp = Object.fromEntries(SHARED_BGP_KEYS.map((key) => [key, controlPlane[key] ?? null]));
  const shared = Object.fromEntries(SHARED_KEYS.map((key) => [key, config[key]]));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: CLUSTER_RECORD, namespace: NAMESPACE },
    data: {
      config: stringify({ ...shared, controlPlane: { vip, port, workloads, ...bgp } }, { lineWidth: 0 }),
    },
  };
}
