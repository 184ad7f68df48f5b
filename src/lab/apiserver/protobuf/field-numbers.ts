/**
 * Field numbers of the messages that clients encode these kinds in (generated.proto of k8s.io/api and apimachinery).
 * A star marks fields that are absent unless set; all others come as zero when they are not. Fields in parentheses are
 * in a message of their own there, and directly in the object in JSON.
 */
export const FIELD_NUMBERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'io.k8s.api.core.v1': {
    ConfigMap: 'metadata=1 data=2 binaryData=3 immutable=4*',
    Endpoints: 'metadata=1 subsets=2',
    EndpointSubset: 'addresses=1 notReadyAddresses=2 ports=3',
    EndpointAddress: 'ip=1 targetRef=2 hostname=3 nodeName=4',
    ObjectReference: 'kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7',
    EndpointPort: 'name=1 port=2 protocol=3 appProtocol=4',
    Event:
      'metadata=1 involvedObject=2 reason=3 message=4 source=5 firstTimestamp=6 lastTimestamp=7 count=8 type=9 eventTime=10 series=11 action=12 related=13 reportingComponent=14 reportingInstance=15',
    EventSource: 'component=1 host=2',
    EventSeries: 'count=1 lastObservedTime=2',
    Namespace: 'metadata=1 spec=2 status=3',
    NamespaceSpec: 'finalizers=1',
    NamespaceStatus: 'phase=1 conditions=2',
    NamespaceCondition: 'type=1 status=2 lastTransitionTime=4 reason=5 message=6',
    Node: 'metadata=1 spec=2 status=3',
    NodeSpec: 'podCIDR=1 externalID=2 providerID=3 unschedulable=4 taints=5 configSource=6 podCIDRs=7',
    Taint: 'key=1 value=2 effect=3 timeAdded=4',
    NodeStatus:
      'capacity=1 allocatable=2 phase=3 conditions=4 addresses=5 daemonEndpoints=6 nodeInfo=7 images=8 volumesInUse=9 volumesAttached=10 config=11 runtimeHandlers=12 features=13 declaredFeatures=14',
    NodeCondition: 'type=1 status=2 lastHeartbeatTime=3 lastTransitionTime=4 reason=5 message=6',
    NodeAddress: 'type=1 address=2',
    NodeDaemonEndpoints: 'kubeletEndpoint=1',
    DaemonEndpoint: 'Port=1',
    NodeSystemInfo:
      'machineID=1 systemUUID=2 bootID=3 kernelVersion=4 osImage=5 containerRuntimeVersion=6 kubeletVersion=7 kubeProxyVersion=8 operatingSystem=9 architecture=10 swap=11',
    ContainerImage: 'names=1 sizeBytes=2',
    Pod: 'metadata=1 spec=2 status=3',
    PodSpec:
      'volumes=1 containers=2 restartPolicy=3 terminationGracePeriodSeconds=4* activeDeadlineSeconds=5* dnsPolicy=6 nodeSelector=7 serviceAccountName=8 serviceAccount=9 nodeName=10 hostNetwork=11 hostPID=12 hostIPC=13 securityContext=14 imagePullSecrets=15 hostname=16 subdomain=17 affinity=18 schedulerName=19 initContainers=20 automountServiceAccountToken=21* tolerations=22 hostAliases=23 priorityClassName=24 priority=25* dnsConfig=26 shareProcessNamespace=27* readinessGates=28 runtimeClassName=29 enableServiceLinks=30* preemptionPolicy=31 overhead=32 topologySpreadConstraints=33 ephemeralContainers=34 setHostnameAsFQDN=35* os=36 hostUsers=37* schedulingGates=38 resourceClaims=39 resources=40 hostnameOverride=41',
    Volume:
      'name=1 (hostPath=1 emptyDir=2 secret=6 nfs=7 iscsi=8 persistentVolumeClaim=10 downwardAPI=16 configMap=19 projected=26 csi=28 ephemeral=29 image=30)=2',
    HostPathVolumeSource: 'path=1 type=2',
    EmptyDirVolumeSource: 'medium=1 sizeLimit=2',
    ConfigMapVolumeSource: '(name=1)=1 items=2 defaultMode=3* optional=4*',
    KeyToPath: 'key=1 path=2 mode=3*',
    SecretVolumeSource: 'secretName=1 items=2 defaultMode=3* optional=4*',
    PersistentVolumeClaimVolumeSource: 'claimName=1 readOnly=2',
    Container:
      'name=1 image=2 command=3 args=4 workingDir=5 ports=6 env=7 resources=8 volumeMounts=9 livenessProbe=10 readinessProbe=11 lifecycle=12 terminationMessagePath=13 imagePullPolicy=14 securityContext=15 stdin=16 stdinOnce=17 tty=18 envFrom=19 terminationMessagePolicy=20 volumeDevices=21 startupProbe=22 resizePolicy=23 restartPolicy=24 restartPolicyRules=25',
    ContainerPort: 'name=1 hostPort=2 containerPort=3 protocol=4 hostIP=5',
    EnvFromSource: 'prefix=1 configMapRef=2 secretRef=3',
    ConfigMapEnvSource: '(name=1)=1 optional=2*',
    SecretEnvSource: '(name=1)=1 optional=2*',
    EnvVar: 'name=1 value=2 valueFrom=3',
    EnvVarSource: 'fieldRef=1 resourceFieldRef=2 configMapKeyRef=3 secretKeyRef=4 fileKeyRef=5',
    ObjectFieldSelector: 'apiVersion=1 fieldPath=2',
    ResourceFieldSelector: 'containerName=1 resource=2 divisor=3',
    ConfigMapKeySelector: '(name=1)=1 key=2 optional=3*',
    SecretKeySelector: '(name=1)=1 key=2 optional=3*',
    ResourceRequirements: 'limits=1 requests=2 claims=3',
    ResourceClaim: 'name=1 request=2',
    ContainerResizePolicy: 'resourceName=1 restartPolicy=2',
    VolumeMount: 'name=1 readOnly=2 mountPath=3 subPath=4 mountPropagation=5 subPathExpr=6 recursiveReadOnly=7',
    VolumeDevice: 'name=1 devicePath=2',
    Probe:
      '(exec=1 httpGet=2 tcpSocket=3 grpc=4)=1 initialDelaySeconds=2 timeoutSeconds=3 periodSeconds=4 successThreshold=5 failureThreshold=6 terminationGracePeriodSeconds=7*',
    ExecAction: 'command=1',
    HTTPGetAction: 'path=1 port=2 host=3 scheme=4 httpHeaders=5',
    HTTPHeader: 'name=1 value=2',
    TCPSocketAction: 'port=1 host=2',
    GRPCAction: 'port=1 service=2',
    Lifecycle: 'postStart=1 preStop=2 stopSignal=3',
    LifecycleHandler: 'exec=1 httpGet=2 tcpSocket=3 sleep=4',
    SleepAction: 'seconds=1',
    SecurityContext:
      'capabilities=1 privileged=2* seLinuxOptions=3 runAsUser=4* runAsNonRoot=5* readOnlyRootFilesystem=6* allowPrivilegeEscalation=7* runAsGroup=8* procMount=9 windowsOptions=10 seccompProfile=11 appArmorProfile=12',
    Capabilities: 'add=1 drop=2',
    SELinuxOptions: 'user=1 role=2 type=3 level=4',
    SeccompProfile: 'type=1 localhostProfile=2',
    AppArmorProfile: 'type=1 localhostProfile=2',
    EphemeralContainer:
      '(name=1 image=2 command=3 args=4 workingDir=5 ports=6 env=7 resources=8 volumeMounts=9 livenessProbe=10 readinessProbe=11 lifecycle=12 terminationMessagePath=13 imagePullPolicy=14 securityContext=15 stdin=16 stdinOnce=17 tty=18 envFrom=19 terminationMessagePolicy=20 volumeDevices=21 startupProbe=22 resizePolicy=23 restartPolicy=24 restartPolicyRules=25)=1 targetContainerName=2',
    PodSecurityContext:
      'seLinuxOptions=1 runAsUser=2* runAsNonRoot=3* supplementalGroups=4 fsGroup=5* runAsGroup=6* sysctls=7 windowsOptions=8 fsGroupChangePolicy=9 seccompProfile=10 appArmorProfile=11 supplementalGroupsPolicy=12 seLinuxChangePolicy=13',
    Sysctl: 'name=1 value=2',
    LocalObjectReference: 'name=1',
    Affinity: 'nodeAffinity=1 podAffinity=2 podAntiAffinity=3',
    Toleration: 'key=1 operator=2 value=3 effect=4 tolerationSeconds=5*',
    HostAlias: 'ip=1 hostnames=2',
    PodDNSConfig: 'nameservers=1 searches=2 options=3',
    PodDNSConfigOption: 'name=1 value=2',
    PodReadinessGate: 'conditionType=1',
    TopologySpreadConstraint:
      'maxSkew=1 topologyKey=2 whenUnsatisfiable=3 labelSelector=4 minDomains=5* nodeAffinityPolicy=6 nodeTaintsPolicy=7 matchLabelKeys=8',
    PodOS: 'name=1',
    PodSchedulingGate: 'name=1',
    PodResourceClaim: 'name=1 resourceClaimName=3 resourceClaimTemplateName=4',
    PodStatus:
      'phase=1 conditions=2 message=3 reason=4 hostIP=5 podIP=6 startTime=7 containerStatuses=8 qosClass=9 initContainerStatuses=10 nominatedNodeName=11 podIPs=12 ephemeralContainerStatuses=13 resize=14 resourceClaimStatuses=15 hostIPs=16 observedGeneration=17',
    PodCondition: 'type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6 observedGeneration=7',
    HostIP: 'ip=1',
    PodIP: 'ip=1',
    PodResourceClaimStatus: 'name=1 resourceClaimName=2',
    Secret: 'metadata=1 data=2 type=3 stringData=4 immutable=5*',
    ServiceAccount: 'metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4*',
    Service: 'metadata=1 spec=2 status=3',
    ServiceSpec:
      'ports=1 selector=2 clusterIP=3 type=4 externalIPs=5 sessionAffinity=7 loadBalancerIP=8 loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11 healthCheckNodePort=12 publishNotReadyAddresses=13 sessionAffinityConfig=14 ipFamilyPolicy=17 clusterIPs=18 ipFamilies=19 allocateLoadBalancerNodePorts=20* loadBalancerClass=21 internalTrafficPolicy=22 trafficDistribution=23',
    ServicePort: 'name=1 protocol=2 port=3 targetPort=4 nodePort=5 appProtocol=6',
    SessionAffinityConfig: 'clientIP=1',
    ClientIPConfig: 'timeoutSeconds=1*',
    ServiceStatus: 'loadBalancer=1 conditions=2',
    LoadBalancerStatus: 'ingress=1',
    LoadBalancerIngress: 'ip=1 hostname=2 ipMode=3 ports=4',
    PortStatus: 'port=1 protocol=2 error=3',
    PodTemplateSpec: 'metadata=1 spec=2',
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1': {
    ObjectMeta:
      'name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7 creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10* labels=11 annotations=12 ownerReferences=13 finalizers=14 managedFields=17',
    OwnerReference: 'kind=1 name=3 uid=4 apiVersion=5 controller=6* blockOwnerDeletion=7*',
    ManagedFieldsEntry: 'manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8',
    LabelSelector: 'matchLabels=1 matchExpressions=2',
    LabelSelectorRequirement: 'key=1 operator=2 values=3',
    Condition: 'type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6',
    DeleteOptions:
      'gracePeriodSeconds=1* preconditions=2 orphanDependents=3* propagationPolicy=4 dryRun=5 ignoreStoreReadErrorWithClusterBreakingPotential=6*',
    Preconditions: 'uid=1 resourceVersion=2',
  },
  'io.k8s.api.apps.v1': {
    Deployment: 'metadata=1 spec=2 status=3',
    DeploymentSpec:
      'replicas=1* selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6* paused=7 progressDeadlineSeconds=9*',
    DeploymentStrategy: 'type=1 rollingUpdate=2',
    RollingUpdateDeployment: 'maxUnavailable=1 maxSurge=2',
    DeploymentStatus:
      'observedGeneration=1 replicas=2 updatedReplicas=3 availableReplicas=4 unavailableReplicas=5 conditions=6 readyReplicas=7 collisionCount=8* terminatingReplicas=9*',
    DeploymentCondition: 'type=1 status=2 reason=4 message=5 lastUpdateTime=6 lastTransitionTime=7',
    ReplicaSet: 'metadata=1 spec=2 status=3',
    ReplicaSetSpec: 'replicas=1* selector=2 template=3 minReadySeconds=4',
    ReplicaSetStatus:
      'replicas=1 fullyLabeledReplicas=2 observedGeneration=3 readyReplicas=4 availableReplicas=5 conditions=6 terminatingReplicas=7*',
    ReplicaSetCondition: 'type=1 status=2 lastTransitionTime=3 reason=4 message=5',
    DaemonSet: 'metadata=1 spec=2 status=3',
    DaemonSetSpec: 'selector=1 template=2 updateStrategy=3 minReadySeconds=4 revisionHistoryLimit=6*',
    DaemonSetUpdateStrategy: 'type=1 rollingUpdate=2',
    RollingUpdateDaemonSet: 'maxUnavailable=1 maxSurge=2',
    DaemonSetStatus:
      'currentNumberScheduled=1 numberMisscheduled=2 desiredNumberScheduled=3 numberReady=4 observedGeneration=5 updatedNumberScheduled=6 numberAvailable=7 numberUnavailable=8 collisionCount=9* conditions=10',
    DaemonSetCondition: 'type=1 status=2 lastTransitionTime=3 reason=4 message=5',
  },
  'io.k8s.api.discovery.v1': {
    EndpointSlice: 'metadata=1 endpoints=2 ports=3 addressType=4',
    Endpoint: 'addresses=1 conditions=2 hostname=3 targetRef=4 deprecatedTopology=5 nodeName=6 zone=7 hints=8',
    EndpointConditions: 'ready=1* serving=2* terminating=3*',
    EndpointHints: 'forZones=1 forNodes=2',
    ForZone: 'name=1',
    ForNode: 'name=1',
    EndpointPort: 'name=1 protocol=2 port=3* appProtocol=4',
  },
  'io.k8s.api.coordination.v1': {
    Lease: 'metadata=1 spec=2',
    LeaseSpec:
      'holderIdentity=1 leaseDurationSeconds=2* acquireTime=3 renewTime=4 leaseTransitions=5* strategy=6 preferredHolder=7',
  },
  'io.k8s.api.events.v1': {
    Event:
      'metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7 regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13 deprecatedLastTimestamp=14 deprecatedCount=15',
    EventSeries: 'count=1 lastObservedTime=2',
  },
  'io.k8s.api.rbac.v1': {
    Role: 'metadata=1 rules=2',
    PolicyRule: 'verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5',
    RoleBinding: 'metadata=1 subjects=2 roleRef=3',
    Subject: 'kind=1 apiGroup=2 name=3 namespace=4',
    RoleRef: 'apiGroup=1 kind=2 name=3',
    ClusterRole: 'metadata=1 rules=2 aggregationRule=3',
    ClusterRoleBinding: 'metadata=1 subjects=2 roleRef=3',
  },
  'io.k8s.api.authorization.v1': {
    SelfSubjectAccessReview: 'metadata=1 spec=2',
    SelfSubjectAccessReviewSpec: 'resourceAttributes=1 nonResourceAttributes=2',
    ResourceAttributes:
      'namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7 fieldSelector=8 labelSelector=9',
    NonResourceAttributes: 'path=1 verb=2',
    SelfSubjectRulesReview: 'metadata=1 spec=2',
    SelfSubjectRulesReviewSpec: 'namespace=1',
  },
  'io.k8s.api.authentication.v1': {
    TokenRequest: 'metadata=1 spec=2',
    TokenRequestSpec: 'audiences=1 boundObjectRef=3 expirationSeconds=4*',
  },
  'io.k8s.api.autoscaling.v1': {
    Scale: 'metadata=1 spec=2 status=3',
    ScaleSpec: 'replicas=1',
    ScaleStatus: 'replicas=1 selector=2',
  },
};
