/** v1 Pod and PodTemplateSpec. What only a kubelet or a scheduler looks into is kept as it is. */
import {
  appArmorProfile,
  container,
  ephemeralContainer,
  hostAliases,
  imagePullSecrets,
  resourceRequirements,
  seccompProfile,
  seLinuxOptions,
} from './container.ts';
import { kindSchema, labelSelector, objectMeta } from './meta.ts';
import {
  any,
  atomic,
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  patchList,
  quantity,
  string,
  struct,
  time,
} from './schema.ts';

const CORE = 'io.k8s.api.core.v1';

const keyToPath = list(struct(`${CORE}.KeyToPath`, { key: string, path: string, mode: int32 }));

const volume = struct(
  `${CORE}.Volume`,
  {
    name: string,
    hostPath: struct(`${CORE}.HostPathVolumeSource`, { path: string, type: string }),
    emptyDir: struct(`${CORE}.EmptyDirVolumeSource`, { medium: string, sizeLimit: quantity }),
    configMap: struct(`${CORE}.ConfigMapVolumeSource`, {
      name: string,
      items: keyToPath,
      defaultMode: int32,
      optional: bool,
    }),
    secret: struct(`${CORE}.SecretVolumeSource`, {
      secretName: string,
      items: keyToPath,
      defaultMode: int32,
      optional: bool,
    }),
    persistentVolumeClaim: struct(`${CORE}.PersistentVolumeClaimVolumeSource`, { claimName: string, readOnly: bool }),
    projected: any,
    downwardAPI: any,
    nfs: any,
    iscsi: any,
    csi: any,
    ephemeral: any,
    image: any,
  },
  { required: ['name'], retainKeys: true },
);

const podResourceClaim = struct(
  `${CORE}.PodResourceClaim`,
  { name: string, resourceClaimName: string, resourceClaimTemplateName: string },
  { retainKeys: true },
);

const podResourceClaimStatus = struct(
  `${CORE}.PodResourceClaimStatus`,
  { name: string, resourceClaimName: string },
  { retainKeys: true },
);

const toleration = struct(`${CORE}.Toleration`, {
  key: string,
  operator: string,
  value: string,
  effect: string,
  tolerationSeconds: int64,
});

const topologySpreadConstraint = struct(`${CORE}.TopologySpreadConstraint`, {
  maxSkew: int32,
  topologyKey: string,
  whenUnsatisfiable: string,
  labelSelector,
  minDomains: int32,
  nodeAffinityPolicy: string,
  nodeTaintsPolicy: string,
  matchLabelKeys: list(string),
});

const podSecurityContext = struct(`${CORE}.PodSecurityContext`, {
  seLinuxOptions,
  windowsOptions: any,
  runAsUser: int64,
  runAsGroup: int64,
  runAsNonRoot: bool,
  supplementalGroups: list(int64),
  supplementalGroupsPolicy: string,
  fsGroup: int64,
  sysctls: list(struct(`${CORE}.Sysctl`, { name: string, value: string })),
  fsGroupChangePolicy: string,
  seccompProfile,
  appArmorProfile,
  seLinuxChangePolicy: string,
});

export const podSpec = struct(
  `${CORE}.PodSpec`,
  {
    volumes: listMap(volume, ['name']),
    initContainers: listMap(container, ['name']),
    containers: listMap(container, ['name']),
    ephemeralContainers: listMap(ephemeralContainer, ['name']),
    restartPolicy: string,
    terminationGracePeriodSeconds: int64,
    activeDeadlineSeconds: int64,
    dnsPolicy: string,
    nodeSelector: atomic(map(string)),
    serviceAccountName: string,
    serviceAccount: string,
    automountServiceAccountToken: bool,
    nodeName: string,
    hostNetwork: bool,
    hostPID: bool,
    hostIPC: bool,
    shareProcessNamespace: bool,
    securityContext: podSecurityContext,
    imagePullSecrets,
    hostname: string,
    hostnameOverride: string,
    subdomain: string,
    affinity: struct(`${CORE}.Affinity`, { nodeAffinity: any, podAffinity: any, podAntiAffinity: any }),
    schedulerName: string,
    tolerations: list(toleration),
    hostAliases,
    priorityClassName: string,
    priority: int32,
    dnsConfig: struct(`${CORE}.PodDNSConfig`, {
      nameservers: list(string),
      searches: list(string),
      options: list(struct(`${CORE}.PodDNSConfigOption`, { name: string, value: string })),
    }),
    readinessGates: list(struct(`${CORE}.PodReadinessGate`, { conditionType: string })),
    runtimeClassName: string,
    enableServiceLinks: bool,
    preemptionPolicy: string,
    overhead: map(quantity),
    topologySpreadConstraints: listMap(topologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable'], 'topologyKey'),
    setHostnameAsFQDN: bool,
    os: struct(`${CORE}.PodOS`, { name: string }),
    hostUsers: bool,
    schedulingGates: listMap(struct(`${CORE}.PodSchedulingGate`, { name: string }), ['name']),
    resourceClaims: listMap(podResourceClaim, ['name']),
    resources: resourceRequirements,
  },
  { required: ['containers'] },
);

const podCondition = struct(`${CORE}.PodCondition`, {
  type: string,
  observedGeneration: int64,
  status: string,
  lastProbeTime: time,
  lastTransitionTime: time,
  reason: string,
  message: string,
});

const containerStatuses = list(any);

const podStatus = struct(`${CORE}.PodStatus`, {
  observedGeneration: int64,
  phase: string,
  conditions: listMap(podCondition, ['type']),
  message: string,
  reason: string,
  nominatedNodeName: string,
  hostIP: string,
  hostIPs: patchList(struct(`${CORE}.HostIP`, { ip: string }), 'ip'),
  podIP: string,
  podIPs: listMap(struct(`${CORE}.PodIP`, { ip: string }), ['ip']),
  startTime: time,
  initContainerStatuses: containerStatuses,
  containerStatuses,
  qosClass: string,
  ephemeralContainerStatuses: containerStatuses,
  resize: string,
  resourceClaimStatuses: listMap(podResourceClaimStatus, ['name']),
});

export const pod = kindSchema(`${CORE}.Pod`, { spec: podSpec, status: podStatus });

export const podTemplateSpec = struct(`${CORE}.PodTemplateSpec`, { metadata: objectMeta, spec: podSpec });
