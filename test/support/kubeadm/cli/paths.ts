/** Where kubeadm keeps things on a node. */
const KUBERNETES = '/etc/kubernetes';
export const MANIFESTS = `${KUBERNETES}/manifests`;
export const PKI = `${KUBERNETES}/pki`;
export const KUBELET = '/var/lib/kubelet';
export const KUBELET_FLAGS = `${KUBELET}/kubeadm-flags.env`;
export const KUBELET_CONFIG = `${KUBELET}/config.yaml`;
export const ETCD_DATA = '/var/lib/etcd';

export const CONF = {
  admin: `${KUBERNETES}/admin.conf`,
  superAdmin: `${KUBERNETES}/super-admin.conf`,
  kubelet: `${KUBERNETES}/kubelet.conf`,
  bootstrapKubelet: `${KUBERNETES}/bootstrap-kubelet.conf`,
  controllerManager: `${KUBERNETES}/controller-manager.conf`,
  scheduler: `${KUBERNETES}/scheduler.conf`,
} as const;

/** The manifests that kubeadm writes. */
export const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'] as const;

export function manifestOf(component: string): string {
  return `${MANIFESTS}/${component}.yaml`;
}
