/** What our agents may do: what they need, and of Secrets the one with the key of their heartbeats. */
import {
  BGP_SECRET,
  CONTROL_PLANE_GROUP,
  CONTROL_PLANE_NAME,
  HEARTBEAT_SECRET,
  JOINING_GROUP,
  NAME,
  NAMESPACE,
  TUNNEL_SECRET,
} from './names.ts';
import type { PolicyRule, RoleBindingManifest, RoleManifest, ServiceAccountManifest, Subject } from './objects.ts';

export interface RbacConfig {
  readonly namespace?: string;
}

export interface ServicesRbacConfig extends RbacConfig {
  /** Names of the ServiceAccount (and Role) and of the ClusterRole and its binding; ours by default. */
  readonly names?: { readonly account: string; readonly clusterRole: string; readonly clusterBinding: string };
  /** Services of this namespace alone: Roles in it instead of the ClusterRole. */
  readonly within?: string;
  /** Passwords of BGP peers may be read. */
  readonly bgp?: boolean;
  /** The Secret with the tunnels of WireGuard may be read. */
  readonly wireguard?: boolean;
  /**
   * The agents of the control plane serve Services, too: the group {@link CONTROL_PLANE_GROUP} has the same rights; or they
   * alone do, and there is no ServiceAccount.
   */
  readonly onControlPlanes?: boolean | 'alone';
  /** `enable_node_labeling`: nodes may be patched. */
  readonly labelsNodes?: boolean;
}

export interface ControlPlaneRbacConfig extends RbacConfig {
  /** Who besides the group {@link CONTROL_PLANE_GROUP}: the account of a DaemonSet. */
  readonly serviceAccount?: string;
  /** ConfigMaps with peers, and passwords of peers, may be read. */
  readonly bgp?: boolean;
  /** The Secret with the tunnels of WireGuard may be read. */
  readonly wireguard?: boolean;
}

const API_GROUP = 'rbac.authorization.k8s.io';
const CONTROL_PLANES: Subject = { kind: 'Group', name: CONTROL_PLANE_GROUP, apiGroup: API_GROUP };
const CONFIG_MAPS: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] };
const EVENTS: PolicyRule = { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] };
/** Kubernetes cannot limit `create` to a name: who may create any Secret sees none by that. */
const HEARTBEAT_KEY: readonly PolicyRule[] = [
  secret(HEARTBEAT_SECRET),
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
];
/** They belong to no namespace, so a Role cannot grant it. */
const NODES: PolicyRule = { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] };
const BGP_PASSWORDS = secret(BGP_SECRET);
const TUNNEL_KEYS = secret(TUNNEL_SECRET);
const NODES_TO_LABEL: PolicyRule = { ...NODES, verbs: [...NODES.verbs, 'patch'] };

/** ServiceAccount, ClusterRole and Role with their bindings, of the agents that serve Services. */
export function servicesRbac(
  config: ServicesRbacConfig = {},
): (ServiceAccountManifest | RoleManifest | RoleBindingManifest)[] {
  const { namespace = NAMESPACE, names = OUR_NAMES } = config;
  const account: Subject = { kind: 'ServiceAccount', name: names.account, namespace };
  const { onControlPlanes = false } = config;
  const isAlone = onControlPlanes === 'alone';
  const subjects = [...(isAlone ? [] : [account]), ...(onControlPlanes === false ? [] : [CONTROL_PLANES])];
  const services: PolicyRule[] = [
    { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch', 'patch'] },
    { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    EVENTS,
  ];
  return [
    ...(isAlone ? [] : [serviceAccount(names.account, namespace)]),
    ...(config.within === undefined
      ? // Nodes that are to be left alone say so themselves.
        clusterWide(names, subjects, [...services, config.labelsNodes === true ? NODES_TO_LABEL : NODES])
      : within(config.within, `${names.account}-services`, subjects, services)),
    ...within(namespace, names.account, subjects, [
      CONFIG_MAPS,
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
      },
      ...HEARTBEAT_KEY,
      ...(config.bgp === true ? [BGP_PASSWORDS] : []),
      ...(config.wireguard === true ? [TUNNEL_KEYS] : []),
    ]),
  ];
}

function serviceAccount(name: string, namespace: string): ServiceAccountManifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

const OUR_NAMES = { account: NAME, clusterRole: `system:${NAME}`, clusterBinding: `system:${NAME}` };

/**
 * Roles and bindings of the control plane's agent: its Lease, and who else has an API server. It knows its group from
 * the client certificate in its kubeconfig, so that it works before any ServiceAccount has a token.
 */
export function controlPlaneRbac(config: ControlPlaneRbacConfig = {}): (RoleManifest | RoleBindingManifest)[] {
  const { namespace = NAMESPACE, serviceAccount, bgp = false, wireguard = false } = config;
  const subjects: Subject[] = [
    CONTROL_PLANES,
    ...(serviceAccount === undefined ? [] : [{ kind: 'ServiceAccount' as const, name: serviceAccount, namespace }]),
  ];
  return [
    ...within(namespace, CONTROL_PLANE_NAME, subjects, [
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
      },
      ...HEARTBEAT_KEY,
      EVENTS,
      ...(bgp ? [CONFIG_MAPS, BGP_PASSWORDS] : []),
      ...(wireguard ? [TUNNEL_KEYS] : []),
    ]),
    ...within('default', `${CONTROL_PLANE_NAME}-api-servers`, subjects, [
      {
        apiGroups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        resourceNames: ['kubernetes'],
        verbs: ['get', 'list', 'watch'],
      },
    ]),
    // API servers write one address of themselves; the other family is with the nodes.
    ...clusterWide(CONTROL_PLANE_CLUSTER_ROLE, subjects, [NODES]),
  ];
}

/** Machines that join may read this one ConfigMap, in which there is no secret: as with kubeadm's own settings. */
export function joiningRbac(configMap: string): (RoleManifest | RoleBindingManifest)[] {
  const joining: Subject = { kind: 'Group', name: JOINING_GROUP, apiGroup: API_GROUP };
  const rule = { apiGroups: [''], resources: ['configmaps'], resourceNames: [configMap], verbs: ['get'] };
  return within(NAMESPACE, configMap, [joining], [rule]);
}

const CONTROL_PLANE_CLUSTER_ROLE = {
  clusterRole: `system:${CONTROL_PLANE_NAME}`,
  clusterBinding: `system:${CONTROL_PLANE_NAME}`,
};

export function clusterWide(
  names: { readonly clusterRole: string; readonly clusterBinding: string },
  subjects: readonly Subject[],
  rules: readonly PolicyRule[],
): [RoleManifest, RoleBindingManifest] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion, kind: 'ClusterRole', metadata: { name: names.clusterRole }, rules },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: names.clusterBinding },
      roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name: names.clusterRole },
      subjects,
    },
  ];
}

export function within(
  namespace: string,
  name: string,
  subjects: readonly Subject[],
  rules: readonly PolicyRule[],
): [RoleManifest, RoleBindingManifest] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion, kind: 'Role', metadata: { name, namespace }, rules },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: API_GROUP, kind: 'Role', name },
      subjects,
    },
  ];
}

/** To read one Secret. A list, and so a watch, is granted where it asks for just that name. */
function secret(name: string): PolicyRule {
  return { apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get', 'list', 'watch'] };
}
