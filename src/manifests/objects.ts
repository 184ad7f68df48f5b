/** The Kubernetes objects that are printed and applied, with the fields that we set and no others. */
import type { KubeObject, ObjectMeta } from '../model/kubernetes.ts';

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?:
    | { readonly fieldRef: { readonly fieldPath: string } }
    | { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

export interface Probe {
  readonly httpGet: { readonly host?: string; readonly path: string; readonly port: number };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

export interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: 'RuntimeDefault' };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: 'IfNotPresent';
  readonly args?: readonly string[];
  readonly env: readonly EnvVar[];
  readonly securityContext: SecurityContext;
  readonly ports?: readonly {
    readonly containerPort: number;
    readonly hostPort: number;
    readonly name: string;
    readonly protocol: 'TCP' | 'UDP';
  }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly resources: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

export interface Toleration {
  readonly operator: 'Exists';
  readonly effect?: 'NoSchedule' | 'NoExecute';
}

export interface HostPathVolume {
  readonly name: string;
  readonly hostPath: { readonly path: string; readonly type?: 'Directory' | 'DirectoryOrCreate' | 'File' };
}

/** As long as the pod is on its node, restarts of its containers and of the node included. */
export interface EmptyDirVolume {
  readonly name: string;
  readonly emptyDir: Readonly<Record<string, never>>;
  readonly hostPath?: undefined;
}

export interface AgentPodSpec {
  readonly affinity?: {
    readonly nodeAffinity: {
      readonly requiredDuringSchedulingIgnoredDuringExecution: {
        readonly nodeSelectorTerms: readonly {
          readonly matchExpressions: readonly { readonly key: string; readonly operator: 'Exists' | 'DoesNotExist' }[];
        }[];
      };
    };
  };
  readonly containers: readonly Container[];
  readonly dnsPolicy?: 'ClusterFirstWithHostNet';
  readonly hostAliases?: readonly { readonly hostnames: readonly string[]; readonly ip: string }[];
  readonly hostNetwork: true;
  readonly priorityClassName?: string;
  readonly serviceAccountName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly tolerations?: readonly Toleration[];
  readonly volumes?: readonly (HostPathVolume | EmptyDirVolume)[];
}

interface Manifest<ApiVersion extends string, Kind extends string> extends KubeObject {
  readonly apiVersion: ApiVersion;
  readonly kind: Kind;
  readonly metadata: ObjectMeta;
}

export interface PodManifest extends Manifest<'v1', 'Pod'> {
  readonly spec: AgentPodSpec;
}

export interface DaemonSetManifest extends Manifest<'apps/v1', 'DaemonSet'> {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: AgentPodSpec;
    };
    readonly updateStrategy: {
      readonly type?: 'RollingUpdate';
      readonly rollingUpdate?: { readonly maxUnavailable: number };
    };
  };
}

export type ServiceAccountManifest = Manifest<'v1', 'ServiceAccount'>;

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

type Rbac = 'rbac.authorization.k8s.io/v1';

export interface RoleManifest extends Manifest<Rbac, 'ClusterRole' | 'Role'> {
  readonly rules: readonly PolicyRule[];
}

export type Subject =
  | { readonly kind: 'ServiceAccount'; readonly name: string; readonly namespace: string }
  | { readonly kind: 'Group'; readonly name: string; readonly apiGroup: 'rbac.authorization.k8s.io' };

export interface RoleBindingManifest extends Manifest<Rbac, 'ClusterRoleBinding' | 'RoleBinding'> {
  readonly roleRef: {
    readonly apiGroup: 'rbac.authorization.k8s.io';
    readonly kind: 'ClusterRole' | 'Role';
    readonly name: string;
  };
  readonly subjects: readonly Subject[];
}

export interface ConfigMapManifest extends Manifest<'v1', 'ConfigMap'> {
  readonly data: Readonly<Record<string, string>>;
}

export type AnyManifest =
  PodManifest | DaemonSetManifest | ServiceAccountManifest | RoleManifest | RoleBindingManifest | ConfigMapManifest;
