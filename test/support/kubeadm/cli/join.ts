/** `kubeadm join`, as control plane or worker (cmd/join.go, cmd/phases/join). */
import { existsSync, rmSync } from 'node:fs';
import { parse } from 'yaml';
import { trace, type NodeFacts } from '../node/facts.ts';
import { Api } from './api.ts';
import {
  apiServerSans,
  at,
  clusterConfig,
  joinConfig,
  readDocuments,
  text,
  type ClusterConfig,
  type Doc,
  type JoinConfig,
  list,
} from './config.ts';
import { discover, sayJoin } from './discovery.ts';
import { Etcd, peerUrlOf } from './etcd.ts';
import { Failure, phase, poll, say } from './failure.ts';
import {
  ensureKubeconfigs,
  JOIN_CONFS,
  kubeconfigYaml,
  pointToLocal,
  readKubeconfig,
  type Access,
} from './kubeconfig.ts';
import { writeControlPlane, writeEtcd } from './manifests.ts';
import { downloadCerts } from './objects.ts';
import { CONF, PKI } from './paths.ts';
import { markControlPlane, startKubelet, systemctl, waitForComponents, waitForKubelet } from './phases.ts';
import { ensurePki, writeSecretFile } from './pki.ts';
import { checkJoin, checkJoinControlPlane } from './preflight.ts';
import type { KubeadmRules } from './rules.ts';

interface Joining {
  readonly facts: NodeFacts;
  readonly rules: KubeadmRules;
  readonly config: JoinConfig;
  readonly access: Access;
  readonly cluster: ClusterConfig;
  readonly kubelet: Doc;
}

const RETRY_MS = 1000;

export async function join(
  facts: NodeFacts,
  rules: KubeadmRules,
  path: string,
  ignorePreflightErrors: readonly string[],
): Promise<void> {
  const read = joinConfig(readDocuments(path, rules), facts.patience);
  const ignored = [...read.node.ignorePreflightErrors, ...ignorePreflightErrors];
  const config: JoinConfig = { ...read, node: { ...read.node, ignorePreflightErrors: ignored } };
  const { node, controlPlane, skipPhases } = config;
  trace(facts, { event: 'join', node: node.name, controlPlane: controlPlane !== undefined });
  const step = async <T>(name: string, run: () => T | Promise<T>): Promise<T | undefined> => {
    if (skipPhases.includes(name)) return undefined;
    trace(facts, { event: 'phase', command: 'join', name });
    return await phase(name, run);
  };

  if (!skipPhases.includes('preflight')) {
    trace(facts, { event: 'phase', command: 'join', name: 'preflight' });
    await phase('preflight', () => checkJoin(facts, rules, node, controlPlane === undefined));
  }
  const joining = await phase('preflight', async () => {
    const found = await fetchCluster(facts, rules, config);
    if (controlPlane !== undefined) await checkControlPlane(found, controlPlane);
    return found;
  });
  if (controlPlane === undefined) {
    await step('kubelet-start', () => kubeletStart(joining));
    await step('kubelet-wait-bootstrap', () => kubeletBootstrapped(joining));
    say('\nThis node has joined the cluster:');
    return;
  }
  // Its parts name themselves when they fail.
  trace(facts, { event: 'phase', command: 'join', name: 'control-plane-prepare' });
  await prepare(joining, controlPlane);
  await step('check-etcd', async () => {
    say('[check-etcd] Checking that the etcd cluster is healthy');
    await (await Etcd.fromCluster(adminApi(), config.timeouts)).checkHealth();
  });
  await step('kubelet-start', () => kubeletStart(joining));
  // With a kubelet that asks its own API server etcd must be there first, otherwise it was the other way round.
  if (!rules.kubeletLocal) await step('kubelet-wait-bootstrap', () => kubeletBootstrapped(joining));
  await step('etcd-join', () => etcdJoin(joining, controlPlane));
  if (rules.kubeletLocal) await step('kubelet-wait-bootstrap', () => kubeletBootstrapped(joining));
  await step('control-plane-join', () => markControlPlane(adminApi(), node, config.timeouts));
  await step('wait-control-plane', () =>
    waitForComponents(
      new Api(pointToLocal(readKubeconfig(CONF.admin), controlPlane.endpoint)),
      controlPlane.endpoint,
      config.timeouts.controlPlaneComponentHealthCheck,
    ),
  );
  say('\nThis node has joined the cluster and a new control plane instance was created:');
}

/** By admin.conf, and so over the control-plane endpoint. */
function adminApi(): Api {
  return new Api(readKubeconfig(CONF.admin));
}

async function fetchCluster(facts: NodeFacts, rules: KubeadmRules, config: JoinConfig): Promise<Joining> {
  const access = await discover(config);
  sayJoin();
  const api = new Api(access);
  const read = async (name: string, key: string): Promise<Doc> => {
    const found = await api.call('GET', `/api/v1/namespaces/kube-system/configmaps/${name}`).catch((error: unknown) => {
      throw new Failure(
        `unable to fetch the kubeadm-config ConfigMap: failed to get config map: ${(error as Error).message}`,
      );
    });
    return parse(text(at(found, 'data'), key)) as Doc;
  };
  const cluster = clusterConfig(await read('kubeadm-config', 'ClusterConfiguration'), rules);
  return { facts, rules, config, access, cluster, kubelet: await read('kubelet-config', 'kubelet') };
}

type ControlPlane = NonNullable<JoinConfig['controlPlane']>;

async function checkControlPlane({ facts, rules, config, cluster }: Joining, plane: ControlPlane): Promise<void> {
  const unfit = (why: string): Failure =>
    new Failure(
      `\nOne or more conditions for hosting a new control plane instance is not satisfied.\n\n${why}\n\nPlease ensure that:\n* The cluster has a stable controlPlaneEndpoint address.\n* The certificates that must be shared among control plane instances are provided.\n`,
    );
  if (cluster.controlPlaneEndpoint === '') {
    throw unfit(
      "unable to add a new control plane instance to a cluster that doesn't have a stable controlPlaneEndpoint address",
    );
  }
  if (plane.certificateKey === '' && !existsSync(`${PKI}/ca.key`)) {
    throw unfit(
      `failure loading certificate for CA: couldn't load the certificate file ${PKI}/ca.crt: open ${PKI}/ca.crt: no such file or directory`,
    );
  }
  await checkJoinControlPlane(facts, rules, config.node, {
    bindPort: plane.endpoint.bindPort,
    kubernetesVersion: cluster.kubernetesVersion,
  });
}

async function prepare({ rules, config, cluster, access }: Joining, plane: ControlPlane): Promise<void> {
  const { node } = config;
  const { endpoint, certificateKey } = plane;
  if (certificateKey !== '') {
    await phase('control-plane-prepare/download-certs', async () => downloadCerts(new Api(access), certificateKey));
  }
  say(`[certs] Using certificateDir folder "${PKI}"`);
  await ensurePki({
    nodeName: node.name,
    advertiseAddress: endpoint.advertiseAddress,
    apiServerSans: apiServerSans(cluster, node, endpoint),
  });
  say('[kubeconfig] Generating kubeconfig files');
  await ensureKubeconfigs({ cluster, node, endpoint }, rules, JOIN_CONFS);
  writeControlPlane(cluster, endpoint);
}

async function kubeletStart({ rules, config, access, cluster, kubelet }: Joining): Promise<void> {
  const { node, controlPlane } = config;
  const own = controlPlane !== undefined && rules.kubeletLocal ? pointToLocal(access, controlPlane.endpoint) : access;
  writeSecretFile(CONF.bootstrapKubelet, kubeconfigYaml(own, cluster.clusterName, 'tls-bootstrap-token-user'));
  if (!existsSync(`${PKI}/ca.crt`)) writeSecretFile(`${PKI}/ca.crt`, access.ca ?? '', 0o644);
  const { code, body } = await new Api(access).ask('GET', `/api/v1/nodes/${node.name}`);
  if (code !== 200 && code !== 404) throw new Failure(`cannot get Node "${node.name}": ${text(body, 'message')}`);
  const ready = list(body, 'status.conditions').some(({ type, status }) => type === 'Ready' && status === 'True');
  if (code === 200 && ready) {
    throw new Failure(
      `a Node with name "${node.name}" and status "Ready" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node`,
    );
  }
  systemctl('stop', 'kubelet');
  startKubelet(node, [{ ...kubelet, kind: 'KubeletConfiguration' }], controlPlane === undefined);
}

async function etcdJoin({ rules, config, cluster }: Joining, { endpoint }: ControlPlane): Promise<void> {
  const etcd = await Etcd.fromCluster(adminApi(), config.timeouts);
  const peer = peerUrlOf(endpoint);
  const members = await etcd.add(config.node.name, peer, rules.etcdLearner);
  say('[etcd] Creating static Pod manifest for "etcd"');
  writeEtcd(cluster, endpoint, config.node.name, members);
  if (rules.etcdLearner) await etcd.promote(peer);
  say('[etcd] Waiting for the new etcd member to join the cluster. This can take up to 40s');
  await poll(RETRY_MS, config.timeouts.etcdAPICall, async () => {
    await etcd.checkHealth();
    return true;
  });
}

async function kubeletBootstrapped({ config }: Joining): Promise<void> {
  try {
    await waitForKubelet(config.timeouts.kubeletHealthCheck);
    say('[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap');
    await poll(RETRY_MS, config.timeouts.tlsBootstrap, async () => {
      await Promise.resolve();
      return existsSync(CONF.kubelet) ? true : undefined;
    });
  } catch (error) {
    throw new Failure(`failed while waiting for TLS bootstrap: ${(error as Error).message}`);
  } finally {
    rmSync(CONF.bootstrapKubelet, { force: true });
  }
}
