/** What `kubevip install` puts into a cluster, in the order in which it is needed. */
import { controlPlaneAccount, controlPlaneDaemonSet } from '../../manifests/control-plane-daemon-set.ts';
import { servicesDaemonSet } from '../../manifests/daemon-set.ts';
import { CONTROL_PLANE_NAME } from '../../manifests/names.ts';
import type { AnyManifest } from '../../manifests/objects.ts';
import { poolsConfigMap, type Pools } from '../../manifests/pools.ts';
import { controlPlaneRbac, servicesRbac } from '../../manifests/rbac.ts';

export interface InstallConfig {
  readonly image?: string;
  /** Absent: the ConfigMap stays as it is, or is made later. */
  readonly pools?: Pools;
  readonly interface?: string;
  readonly excludeLabel?: 'ignore' | 'honor';
  /** Addresses are announced through tunnels of WireGuard. */
  readonly wireguard?: boolean;
  /** Hold this address for the API servers, too. */
  readonly controlPlane?: { readonly address: string; readonly port?: number; readonly interface?: string };
}

/** @throws KubevipError BAD_POOL */
export function installObjects(config: InstallConfig): AnyManifest[] {
  const { controlPlane, pools } = config;
  const image = config.image === undefined ? {} : { image: config.image };
  const label = config.excludeLabel === undefined ? {} : { excludeLabel: config.excludeLabel };
  const link = config.interface === undefined ? {} : { interface: config.interface };
  const tunnels = config.wireguard === true ? { wireguard: true } : {};
  return [
    ...servicesRbac(tunnels),
    ...(controlPlane === undefined
      ? []
      : [controlPlaneAccount(), ...controlPlaneRbac({ serviceAccount: CONTROL_PLANE_NAME, ...tunnels })]),
    ...(pools === undefined ? [] : [poolsConfigMap(pools)]),
    servicesDaemonSet({ ...image, ...label, ...link, ...tunnels }),
    ...(controlPlane === undefined ? [] : [controlPlaneDaemonSet({ ...image, ...controlPlane, ...tunnels })]),
  ];
}

/** `DaemonSet kube-system/kubevip` */
export function labelOf({ kind, metadata }: AnyManifest): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}
