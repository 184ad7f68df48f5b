/**
 * A static pod in the form that Cluster API's KubeadmControlPlane takes: a file on every control plane, there before
 * kubeadm runs, and the commands around kubeadm.
 */
import { stringify } from 'yaml';
import type { PodManifest } from './objects.ts';

/** The part of the object that is ours; the rest is whoever made the cluster's. */
export interface KubeadmControlPlanePatch {
  readonly apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2';
  readonly kind: 'KubeadmControlPlane';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly kubeadmConfigSpec: {
      readonly files: readonly {
        readonly path: string;
        readonly owner: string;
        readonly permissions: string;
        readonly content: string;
      }[];
      readonly preKubeadmCommands?: readonly string[];
      readonly postKubeadmCommands?: readonly string[];
    };
  };
}

const ADMIN_CONF = '/etc/kubernetes/admin.conf';
const SUPER_ADMIN_CONF = '/etc/kubernetes/super-admin.conf';
/** Where the bootstrap provider puts kubeadm's configuration, on the machine that makes the cluster and on no other. */
const INIT_CONFIG = '/run/kubeadm/kubeadm.yaml';

/** Kubernetes' parser still knows words of YAML 1.1 (`on`, `no`): they are quoted. */
const YAML = { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' } as const;

/** @param name of the KubeadmControlPlane */
export function kubeadmControlPlane(pod: PodManifest, name: string): KubeadmControlPlanePatch {
  const path = `/etc/kubernetes/manifests/${pod.metadata.name}.yaml`;
  const volumes = pod.spec.volumes ?? [];
  const needsAdmin = volumes.some(({ hostPath }) => hostPath?.path === ADMIN_CONF);
  return {
    apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
    kind: 'KubeadmControlPlane',
    metadata: { name },
    spec: {
      kubeadmConfigSpec: {
        files: [{ path, owner: 'root:root', permissions: '0600', content: stringify(pod, YAML) }],
        ...(needsAdmin
          ? {
              preKubeadmCommands: [whileMaking(path, ADMIN_CONF, SUPER_ADMIN_CONF)],
              postKubeadmCommands: [whileMaking(path, SUPER_ADMIN_CONF, ADMIN_CONF)],
            }
          : {}),
      },
    },
  };
}

/**
 * From kubeadm v1.29 on admin.conf may do nothing before `kubeadm init` has got far enough, and some releases want the
 * address to answer before that. The file that may do everything is only on the first machine.
 */
function whileMaking(path: string, from: string, to: string): string {
  const newEnough = 'kubeadm version -o short | grep -Eq "^v1\\.(29|[3-9][0-9]|[1-9][0-9]{2})\\."';
  return `if [ -f ${INIT_CONFIG} ] && ${newEnough}; then sed -i "s#path: ${from}\\$#path: ${to}#" ${path}; fi`;
}
