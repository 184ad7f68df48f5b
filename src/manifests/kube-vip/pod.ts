/** Pod and DaemonSet in kube-vip's shape, for our agent or for kube-vip itself. */
import { agentContainer, value } from '../container.ts';
import type { AgentPodSpec, Container, DaemonSetManifest, EnvVar, HostPathVolume, PodManifest } from '../objects.ts';
import { environment } from './environment.ts';
import { readImage, type Image } from './image.ts';
import type { Given } from './read.ts';
import { ETCD, listenAddress, validate, type Target } from './validate.ts';

/** kube-vip's names, which people's scripts and selectors have. */
export const KUBE_VIP = { name: 'kube-vip', daemonSet: 'kube-vip-ds', account: 'kube-vip', namespace: 'kube-system' };
const ADMIN_CONF = '/etc/kubernetes/admin.conf';

/** @throws KubevipError with exit code 2 for settings that cannot be, before anything is printed. */
export function kubeVipPod(given: Given, target: 'pod' | 'kubeadm' = 'pod'): PodManifest {
  const namespace = given.values.svc_namespace || KUBE_VIP.namespace;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: KUBE_VIP.name, namespace },
    spec: podSpec(given, target),
  };
}

/** @throws KubevipError with exit code 2 for settings that cannot be. */
export function kubeVipDaemonSet(given: Given): DaemonSetManifest {
  const { version, agent } = readImage(given.values.image);
  const name = KUBE_VIP.daemonSet;
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/version': version };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { labels, name, namespace: given.values.svc_namespace || KUBE_VIP.namespace },
    spec: {
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      template: {
        metadata: { labels },
        spec: { ...podSpec(given, 'daemonset'), ...(given.values.taint ? ON_CONTROL_PLANES : {}) },
      },
      updateStrategy: agent === 'kubevip' ? { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } : {},
    },
  };
}

/** What `--taint` means: there, whatever is said against it. */
const ON_CONTROL_PLANES: Pick<AgentPodSpec, 'affinity' | 'tolerations'> = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: ['node-role.kubernetes.io/master', 'node-role.kubernetes.io/control-plane'].map((key) => ({
          matchExpressions: [{ key, operator: 'Exists' as const }],
        })),
      },
    },
  },
  tolerations: [
    { effect: 'NoSchedule', operator: 'Exists' },
    { effect: 'NoExecute', operator: 'Exists' },
  ],
};

function podSpec(given: Given, target: Target): AgentPodSpec {
  const { values } = given;
  const image = readImage(values.image);
  const endpoint = validate(given, target, image);
  const inCluster = values.inCluster;
  const path = kubeconfigPath(given, target);
  const named = image.agent === 'kubevip' && !inCluster && path !== ADMIN_CONF;
  const env = environment(given, {
    endpoint,
    fromSecret: inCluster || target === 'daemonset',
    ...(named ? { kubeconfig: path } : {}),
  });
  if (image.agent === 'kubevip') env.push(...moreVariables(given));
  const mounts = [...(inCluster ? [] : [kubeconfigMount(path, image)]), ...fileMounts(given)];
  const volumeMounts = mounts.map(({ mount }) => mount);
  const volumes = mounts.map(({ volume }) => volume);
  return {
    containers: [container(given, image, env, volumeMounts)],
    // kube-vip asks for the API server by the name in its certificate; our agent needs no name for it.
    ...(inCluster || image.agent === 'kubevip'
      ? {}
      : { hostAliases: [{ hostnames: ['kubernetes'], ip: '127.0.0.1' }] }),
    hostNetwork: true,
    priorityClassName: 'system-node-critical',
    ...(inCluster ? { serviceAccountName: KUBE_VIP.account } : {}),
    ...(image.agent === 'kubevip' ? { terminationGracePeriodSeconds: 10 } : {}),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

function kubeconfigPath({ values, given }: Given, target: Target): string {
  return target === 'kubeadm' && given.has('config') && !given.has('k8s_config_file')
    ? values.config
    : values.k8s_config_file;
}

interface Mount {
  readonly volume: HostPathVolume;
  readonly mount: { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean };
}

/** kube-vip trusts the address in any file but admin.conf, which at the first node leads to itself. */
function kubeconfigMount(path: string, { agent }: Image): Mount {
  const name = 'kubeconfig';
  return agent === 'kube-vip'
    ? { volume: { name, hostPath: { path } }, mount: { name, mountPath: ADMIN_CONF } }
    : { volume: { name, hostPath: { path, type: 'File' } }, mount: { name, mountPath: path, readOnly: true } };
}

/** Files that arguments name. */
function fileMounts({ values }: Given): Mount[] {
  const files = [
    ['etcd-ca', values.etcdCACert],
    ['etcd-cert', values.etcdCert],
    ['etcd-key', values.etcdKey],
    ['config-file', values.config_file],
  ] as const;
  return files.flatMap(([name, path]) =>
    path === ''
      ? []
      : [{ volume: { name, hostPath: { path, type: 'File' } }, mount: { name, mountPath: path, readOnly: true } }],
  );
}

function container(given: Given, image: Image, env: EnvVar[], mounts: Container['volumeMounts'] & object): Container {
  const volumeMounts = mounts.length === 0 ? {} : { volumeMounts: mounts };
  const common = { name: KUBE_VIP.name, image: image.reference, env, ...volumeMounts };
  if (image.agent === 'kubevip') {
    return agentContainer({ ...common, args: ['manager'], health: health(given.values.prometheus_server) });
  }
  const privileged = given.values.lb_enable && given.values.lb_fwdmethod === 'masquerade';
  return {
    args: ['manager', ...extraArguments(given)],
    ...common,
    imagePullPolicy: 'IfNotPresent',
    resources: {},
    securityContext: privileged
      ? { privileged: true }
      : { capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
  };
}

/** What kube-vip has no variables for, and our agent has. */
function moreVariables({ values }: Given): EnvVar[] {
  const etcd = values.leaderElectionType === 'etcd' ? (['leaderElectionType', ...ETCD] as const) : [];
  return [...etcd, 'config_file' as const].flatMap((name) => (values[name] === '' ? [] : [value(name, values[name])]));
}

/** What kube-vip's agent takes only this way. */
function extraArguments({ values, given }: Given): string[] {
  const etcd = values.leaderElectionType === 'etcd' ? (['leaderElectionType', ...ETCD] as const) : [];
  return [
    ...etcd.map((name) => `--${name}=${values[name]}`),
    ...(values.config_file === '' ? [] : [`--config-file=${values.config_file}`]),
    ...(given.has('debounce_time') ? [`--debounceTime=${values.debounce_time}`] : []),
    ...(values.prometheus_server === '' ? ['--prometheusHTTPServer='] : []),
  ];
}

function health(listen: string): { readonly host?: string; readonly port: number } | undefined {
  if (listen === '') return undefined;
  const { host, port } = listenAddress(listen);
  return ['', '0.0.0.0', '::'].includes(host) ? { port } : { host, port };
}
