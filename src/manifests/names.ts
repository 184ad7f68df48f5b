/** Names that several objects, commands and guides agree on. */
import { VERSION } from '../model/version.ts';

/** Who owns the fields of what we apply. */
export const FIELD_MANAGER = 'kubevip';
/** Where the agents and their Leases live. */
export const NAMESPACE = 'kube-system';
/** Name of what `init` and `install` put into a cluster: DaemonSet, ServiceAccount, Role, static pod. */
export const NAME = 'kubevip';
/** The control-plane agent's name, where both parts stand in one cluster as DaemonSets. */
export const CONTROL_PLANE_NAME = 'kubevip-control-plane';
/** kubeadm's label of control planes, and k3s's. */
export const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';
/** Organisation (and so group) in the client certificate of the control-plane agent. */
export const CONTROL_PLANE_GROUP = 'kubevip:control-plane';
/** kubeadm's group of machines that join, as their bootstrap tokens say it. */
export const JOINING_GROUP = 'system:bootstrappers:kubeadm:default-node-token';
/** kube-vip's name of the Lease behind the control plane's address. */
export const CONTROL_PLANE_LEASE = 'plndr-cp-lock';

/** Where a release publishes the image of this version. */
export const IMAGE = `ghcr.io/kubevip/kubevip:${VERSION}`;

/** On a control-plane node: the folder that the static pod sees, and the kubeconfig in it. */
export const AGENT_FOLDER = '/etc/kubernetes/kubevip';
export const AGENT_KUBECONFIG = `${AGENT_FOLDER}/agent.conf`;

/**
 * Two agents may stand on one node in its network, so each needs a port of its own for metrics and health:
 * kube-vip's for Services, and the next one for the control plane.
 */
export const SERVICES_PORT = 2112;
export const CONTROL_PLANE_PORT = 2113;

/** On every node: what agents remember, to serve it again when they start without an API server. */
export const AGENT_STATE_FOLDER = '/var/lib/kubevip/agent';

/** UDP ports of the heartbeats between agents: about Services, and about the control plane. */
export const HEARTBEAT_PORTS = { services: 10_471, controlPlane: 10_472 } as const;
/** The Secret with the key that they are signed with, in the namespace of the Leases. The first agent makes it. */
export const HEARTBEAT_SECRET = 'kubevip-heartbeat';
/** The Secret with passwords of BGP peers, by keys that the ConfigMap names. */
export const BGP_SECRET = 'kubevip-bgp';

/** kube-vip's Secret with the tunnels of WireGuard, and the key in it. */
export const TUNNEL_SECRET = 'wireguard';
export const TUNNEL_SECRET_KEY = 'tunnels';

/** What tells our objects from others: for `kubectl get -l`, and for the selector of the DaemonSet. */
export function labels(component: 'agent' | 'control-plane'): Readonly<Record<string, string>> {
  const name = component === 'agent' ? NAME : CONTROL_PLANE_NAME;
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': component };
}
