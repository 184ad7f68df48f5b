/** What our agents may do: what they need, and nothing on Secrets. */
import { CONTROL_PLANE_GROUP, CONTROL_PLANE_NAME, NAME, NAMESPACE } from './names.ts';
import type { PolicyRule, RoleBindingManifest, RoleManifest, ServiceAccountManifest, Subject } from './objects.ts';

export interface RbacConfig {
  readonly namespace?: string;
}

export interface ServicesRbacConfig extends RbacConfig {
  /** Nodes are looked at only then. */
  readonly excludeLabel?: 'ignore' | 'honor';
}

export interface ControlPlaneRbacConfig extends RbacConfig {
  /** Who besides the group {@link CONTROL_PLANE_GROUP}: the account of a DaemonSet. */
  readonly serviceAccount?: string;
}

const EVENTS: PolicyRule = { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] };
const API_GROUP = 'rbac.authorization.k8s.io';

/** ServiceAccount, ClusterRole and Role with their bindings, of the agents that serve Services. */
export function servicesRbac(
  config: ServicesRbacConfig = {},
): (ServiceAccountManifest | RoleManifest | RoleBindingManifest)[] {
  const { namespace = NAMESPACE } = config;
  const account: Subject = { kind: 'ServiceAccount', name: NAME, namespace };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace } },
    ...clusterWide(`system:${NAME}`, account, [
      { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch', 'patch'] },
      { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      EVENTS,
      ...(config.excludeLabel === 'honor'
        ? [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] }]
        : []),
    ]),
    ...within(
      namespace,
      NAME,
      [account],
      [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] },
        {
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
        },
      ],
    ),
  ];
}

/**
 * Roles and bindings of the control plane's agent: its Lease, and who else has an API server. It knows its group from the client certificate in its kubeconfig,
 * so that it works before any ServiceAccount has a token.
 */
export function controlPlaneRbac(config: ControlPlaneRbacConfig = {}): (RoleManifest | RoleBindingManifest)[] {
  const { namespace = NAMESPACE, serviceAccount } = config;
  const subjects: Subject[] = [
    { kind: 'Group', name: CONTROL_PLANE_GROUP, apiGroup: API_GROUP },
    ...(serviceAccount === undefined ? [] : [{ kind: 'ServiceAccount' as const, name: serviceAccount, namespace }]),
  ];
  return [
    ...within(namespace, CONTROL_PLANE_NAME, subjects, [
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
      },
      EVENTS,
    ]),
    ...within('default', `${CONTROL_PLANE_NAME}-api-servers`, subjects, [
      {
        apiGroups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        resourceNames: ['kubernetes'],
        verbs: ['get', 'list', 'watch'],
      },
    ]),
  ];
}

function clusterWide(
  name: string,
  subject: Subject,
  rules: readonly PolicyRule[],
): [RoleManifest, RoleBindingManifest] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
      subjects: [subject],
    },
  ];
}

function within(
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
