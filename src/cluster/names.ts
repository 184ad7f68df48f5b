/** Paths and names on the node and in the cluster that several steps agree on. */
import { AGENT_FOLDER } from '../manifests/names.ts';

export const KUBERNETES_FOLDER = '/etc/kubernetes';
export const MANIFESTS_FOLDER = `${KUBERNETES_FOLDER}/manifests`;
export const PKI_FOLDER = `${KUBERNETES_FOLDER}/pki`;
export const CA_CERTIFICATE = `${PKI_FOLDER}/ca.crt`;
export const ADMIN_KUBECONFIG = `${KUBERNETES_FOLDER}/admin.conf`;
/** Member of system:masters; only since kubeadm 1.29 and only on the first control plane. */
export const SUPER_ADMIN_KUBECONFIG = `${KUBERNETES_FOLDER}/super-admin.conf`;
export const KUBELET_KUBECONFIG = `${KUBERNETES_FOLDER}/kubelet.conf`;

export const NODE_CONFIG = `${AGENT_FOLDER}/config.yaml`;
export const STATIC_POD = `${MANIFESTS_FOLDER}/kubevip.yaml`;

export const STATE_FOLDER = '/var/lib/kubevip';
export const JOURNAL = `${STATE_FOLDER}/journal.jsonl`;
/** What kubeadm said, without secrets. */
export const KUBEADM_LOG = `${STATE_FOLDER}/kubeadm.log`;

/** ConfigMap in kube-system from which machines that join take what concerns all of them. */
export const CLUSTER_RECORD = 'kubevip-cluster';

/** The cluster's own name on the LAN is `<clusterName>.local` (RFC 6762). */
export const LAN_DOMAIN = 'local';
