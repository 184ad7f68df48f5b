/** v1 Container and what belongs to one. */
import { any, bool, int32, int64, intOrString, list, listMap, map, quantity, string, struct } from './schema.ts';

const CORE = 'io.k8s.api.core.v1';

const containerPort = struct(
  `${CORE}.ContainerPort`,
  { name: string, hostPort: int32, containerPort: int32, protocol: string, hostIP: string },
  { required: ['containerPort'] },
);

const keySelector = (name: string) => struct(`${CORE}.${name}`, { name: string, key: string, optional: bool });

const envVarSource = struct(`${CORE}.EnvVarSource`, {
  fieldRef: struct(`${CORE}.ObjectFieldSelector`, { apiVersion: string, fieldPath: string }),
  resourceFieldRef: struct(`${CORE}.ResourceFieldSelector`, {
    containerName: string,
    resource: string,
    divisor: quantity,
  }),
  configMapKeyRef: keySelector('ConfigMapKeySelector'),
  secretKeyRef: keySelector('SecretKeySelector'),
  fileKeyRef: any,
});

const envFromSource = struct(`${CORE}.EnvFromSource`, {
  prefix: string,
  configMapRef: struct(`${CORE}.ConfigMapEnvSource`, { name: string, optional: bool }),
  secretRef: struct(`${CORE}.SecretEnvSource`, { name: string, optional: bool }),
});

export const resourceRequirements = struct(`${CORE}.ResourceRequirements`, {
  limits: map(quantity),
  requests: map(quantity),
  claims: listMap(struct(`${CORE}.ResourceClaim`, { name: string, request: string }), ['name'], null),
});

const httpGet = struct(`${CORE}.HTTPGetAction`, {
  path: string,
  port: intOrString,
  host: string,
  scheme: string,
  httpHeaders: list(struct(`${CORE}.HTTPHeader`, { name: string, value: string })),
});
const tcpSocket = struct(`${CORE}.TCPSocketAction`, { port: intOrString, host: string });
const exec = struct(`${CORE}.ExecAction`, { command: list(string) });
const sleep = struct(`${CORE}.SleepAction`, { seconds: int64 });
const grpc = struct(`${CORE}.GRPCAction`, { port: int32, service: string });

const probe = struct(`${CORE}.Probe`, {
  exec,
  httpGet,
  tcpSocket,
  grpc,
  initialDelaySeconds: int32,
  timeoutSeconds: int32,
  periodSeconds: int32,
  successThreshold: int32,
  failureThreshold: int32,
  terminationGracePeriodSeconds: int64,
});

const lifecycleHandler = struct(`${CORE}.LifecycleHandler`, { exec, httpGet, tcpSocket, sleep });

const capabilities = struct(`${CORE}.Capabilities`, { add: list(string), drop: list(string) });

export const seccompProfile = struct(`${CORE}.SeccompProfile`, { type: string, localhostProfile: string });
export const appArmorProfile = struct(`${CORE}.AppArmorProfile`, { type: string, localhostProfile: string });
export const seLinuxOptions = struct(`${CORE}.SELinuxOptions`, {
  user: string,
  role: string,
  type: string,
  level: string,
});

const securityContext = struct(`${CORE}.SecurityContext`, {
  capabilities,
  privileged: bool,
  seLinuxOptions,
  windowsOptions: any,
  runAsUser: int64,
  runAsGroup: int64,
  runAsNonRoot: bool,
  readOnlyRootFilesystem: bool,
  allowPrivilegeEscalation: bool,
  procMount: string,
  seccompProfile,
  appArmorProfile,
});

const volumeMount = struct(
  `${CORE}.VolumeMount`,
  {
    name: string,
    readOnly: bool,
    recursiveReadOnly: string,
    mountPath: string,
    subPath: string,
    mountPropagation: string,
    subPathExpr: string,
  },
  { required: ['name', 'mountPath'] },
);

const envVar = struct(
  `${CORE}.EnvVar`,
  { name: string, value: string, valueFrom: envVarSource },
  { required: ['name'] },
);

const fields = {
  name: string,
  image: string,
  command: list(string),
  args: list(string),
  workingDir: string,
  ports: listMap(containerPort, { containerPort: undefined, protocol: 'TCP' }),
  envFrom: list(envFromSource),
  env: listMap(envVar, ['name']),
  resources: resourceRequirements,
  resizePolicy: list(struct(`${CORE}.ContainerResizePolicy`, { resourceName: string, restartPolicy: string })),
  restartPolicy: string,
  restartPolicyRules: list(any),
  volumeMounts: listMap(volumeMount, ['mountPath']),
  volumeDevices: listMap(struct(`${CORE}.VolumeDevice`, { name: string, devicePath: string }), ['devicePath']),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: struct(`${CORE}.Lifecycle`, {
    postStart: lifecycleHandler,
    preStop: lifecycleHandler,
    stopSignal: string,
  }),
  terminationMessagePath: string,
  terminationMessagePolicy: string,
  imagePullPolicy: string,
  securityContext,
  stdin: bool,
  stdinOnce: bool,
  tty: bool,
};

export const container = struct(`${CORE}.Container`, fields, { required: ['name'] });

export const ephemeralContainer = struct(
  `${CORE}.EphemeralContainer`,
  { ...fields, targetContainerName: string },
  { required: ['name'] },
);

export const localObjectReference = struct(`${CORE}.LocalObjectReference`, { name: string });
export const imagePullSecrets = listMap(localObjectReference, ['name']);
export const secretReferences = listMap(
  struct(`${CORE}.ObjectReference`, {
    kind: string,
    namespace: string,
    name: string,
    uid: string,
    apiVersion: string,
    resourceVersion: string,
    fieldPath: string,
  }),
  ['name'],
);

export const hostAliases = listMap(struct(`${CORE}.HostAlias`, { ip: string, hostnames: list(string) }), ['ip']);
