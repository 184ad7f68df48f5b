/** `kubeadm init`, whole or by phases (cmd/init.go, cmd/phases/init). */
import { randomBytes } from 'node:crypto';
import { trace, type NodeFacts } from '../node/facts.ts';
import { Api, ApiFailure } from './api.ts';
import { apiServerSans, exists, initConfig, readDocuments, type Doc, type InitConfig } from './config.ts';
import { Failure, phase, poll, say } from './failure.ts';
import { ensureKubeconfigs, INIT_CONFS, pointToLocal, readKubeconfig } from './kubeconfig.ts';
import { writeControlPlane, writeEtcd } from './manifests.ts';
import { addons, bootstrapTokens, CLUSTER_ROLE_BINDINGS, clusterAdmins, uploadCerts, uploadConfig } from './objects.ts';
import { CONF, MANIFESTS, PKI } from './paths.ts';
import { markControlPlane, startKubelet, waitForComponents, waitForKubelet } from './phases.ts';
import { ensurePki, load, publicKeyPin } from './pki.ts';
import { checkInit } from './preflight.ts';
import type { KubeadmRules } from './rules.ts';

export interface InitFlags {
  readonly config: string | undefined;
  readonly uploadCerts: boolean;
  readonly skipTokenPrint: boolean;
  readonly skipCertificateKeyPrint: boolean;
  readonly skipPhases: readonly string[];
  readonly ignorePreflightErrors: readonly string[];
  readonly certificateKey: string;
  /** Instead of that of the file; empty: none. */
  readonly nodeName: string;
}

export interface Context {
  readonly facts: NodeFacts;
  readonly rules: KubeadmRules;
  readonly flags: InitFlags;
  readonly config: InitConfig;
}

const RETRY_MS = 500;

export function initContext(facts: NodeFacts, rules: KubeadmRules, flags: InitFlags): Context {
  const documents: readonly Doc[] = flags.config === undefined ? [] : readDocuments(flags.config, rules);
  const config = initConfig(documents, rules, facts.patience);
  const key = flags.certificateKey || config.certificateKey;
  const ignored = [...config.node.ignorePreflightErrors, ...flags.ignorePreflightErrors];
  const node = { ...config.node, name: flags.nodeName || config.node.name, ignorePreflightErrors: ignored };
  return { facts, rules, flags, config: { ...config, certificateKey: key, node } };
}

type Phase = readonly [name: string, run: (context: Context) => Promise<void> | void];

/** In their order; also those that can be called alone. */
const PHASES: readonly Phase[] = [
  [
    'preflight',
    async ({ facts, rules, config: { node, endpoint, cluster } }) => {
      await checkInit(facts, rules, node, {
        bindPort: endpoint.bindPort,
        kubernetesVersion: cluster.kubernetesVersion,
      });
      say('[preflight] Pulling images required for setting up a Kubernetes cluster');
    },
  ],
  [
    'certs',
    async ({ config: { cluster, node, endpoint } }) => {
      say(`[certs] Using certificateDir folder "${PKI}"`);
      await ensurePki({
        nodeName: node.name,
        advertiseAddress: endpoint.advertiseAddress,
        apiServerSans: apiServerSans(cluster, node, endpoint),
      });
    },
  ],
  [
    'kubeconfig',
    async ({ config, rules }) => {
      say('[kubeconfig] Using kubeconfig folder "/etc/kubernetes"');
      await ensureKubeconfigs(config, rules, INIT_CONFS(rules));
    },
  ],
  [
    'etcd',
    ({ config: { cluster, node, endpoint } }) => {
      say(`[etcd] Creating static Pod manifest for local etcd in "${MANIFESTS}"`);
      writeEtcd(cluster, endpoint, node.name, []);
    },
  ],
  ['control-plane', ({ config: { cluster, endpoint } }) => writeControlPlane(cluster, endpoint)],
  ['kubelet-start', ({ config: { node, documents } }) => startKubelet(node, documents, false)],
  ['wait-control-plane', waitControlPlane],
  ['upload-config', async (context) => await uploadConfig(await client(context), context.config)],
  [
    'upload-certs',
    async (context) => {
      if (!context.flags.uploadCerts) {
        say('[upload-certs] Skipping phase. Please see --upload-certs');
        return;
      }
      const key = context.config.certificateKey || randomBytes(32).toString('hex');
      await uploadCerts(await client(context), key);
      if (!context.flags.skipCertificateKeyPrint) say(`[upload-certs] Using certificate key:\n${key}`);
    },
  ],
  [
    'mark-control-plane',
    async (context) => await markControlPlane(await client(context), context.config.node, context.config.timeouts),
  ],
  [
    'bootstrap-token',
    async (context) => {
      const { tokens } = context.config;
      if (!context.flags.skipTokenPrint)
        say(`[bootstrap-token] Using token: ${tokens.map(({ token }) => token).join(' ')}`);
      const { server, ca = '' } = readKubeconfig(CONF.admin);
      await bootstrapTokens(await client(context), context.config, { server, ca });
    },
  ],
  [
    'addon',
    async (context) => {
      const skipped = [...context.flags.skipPhases, ...context.config.skipPhases];
      await addons(await client(context), context.config, (addon) => skipped.includes(`addon/${addon}`));
    },
  ],
];

export async function init(context: Context): Promise<void> {
  const { facts, config, flags } = context;
  trace(facts, { event: 'init', node: config.node.name });
  say(`[init] Using Kubernetes version: ${config.cluster.kubernetesVersion}`);
  const skipped = [...flags.skipPhases, ...config.skipPhases];
  for (const [name, run] of PHASES) {
    if (!skipped.includes(name)) await traced(context, name, run);
  }
  say('\nYour Kubernetes control-plane has initialized successfully!\n');
  if (flags.skipTokenPrint) return;
  const pin = await publicKeyPin(load('ca').cert);
  say('Then you can join any number of worker nodes by running the following on each as root:\n');
  for (const { token } of config.tokens) {
    const endpoint =
      config.cluster.controlPlaneEndpoint || `${config.endpoint.advertiseAddress}:${config.endpoint.bindPort}`;
    say(`kubeadm join ${endpoint} --token ${token} \\\n\t--discovery-token-ca-cert-hash ${pin}`);
  }
}

/** `init phase NAME [all]` */
export async function initPhase(context: Context, name: string): Promise<void> {
  const found = PHASES.find(([own]) => own === name);
  if (found === undefined) throw new Failure(`unknown command "${name}" for "kubeadm init phase"`);
  await traced(context, name, found[1]);
}

async function traced(context: Context, name: string, run: Phase[1]): Promise<void> {
  trace(context.facts, { event: 'phase', command: 'init', name });
  await phase(name, () => run(context));
}

async function waitControlPlane(context: Context): Promise<void> {
  const { rules, config } = context;
  // The order tells when admin.conf gets its power: before there is anything to wait for, or after the endpoint answers.
  if (!rules.endpointDuringInit) await client(context);
  say(
    `[wait-control-plane] Waiting for the kubelet to boot up the control plane as static Pods from directory "${MANIFESTS}"`,
  );
  await waitForKubelet(config.timeouts.kubeletHealthCheck);
  const access = readKubeconfig(CONF.admin);
  const api = new Api(rules.endpointDuringInit ? access : pointToLocal(access, config.endpoint));
  await waitForComponents(api, config.endpoint, config.timeouts.controlPlaneComponentHealthCheck);
}

const clients = new WeakMap<Context, Api>();

/** A client with admin.conf, which it gives its power first if need be: EnsureAdminClusterRoleBinding. */
async function client(context: Context): Promise<Api> {
  const known = clients.get(context);
  if (known !== undefined) return known;
  const { rules, config } = context;
  const read = (path: string): Api => {
    const access = readKubeconfig(path);
    return new Api(rules.endpointDuringInit ? access : pointToLocal(access, config.endpoint));
  };
  const admin = read(CONF.admin);
  if (rules.superAdmin) await ensureAdmin(admin, exists(CONF.superAdmin) ? read(CONF.superAdmin) : undefined, context);
  clients.set(context, admin);
  return admin;
}

async function ensureAdmin(admin: Api, superAdmin: Api | undefined, { config }: Context): Promise<void> {
  const timeoutMs = config.timeouts.kubernetesAPICall;
  const create = async (api: Api): Promise<'bound' | 'forbidden'> =>
    await poll(RETRY_MS, timeoutMs, async () => {
      const { code, body } = await api.ask('POST', CLUSTER_ROLE_BINDINGS, clusterAdmins());
      if (code === 403) return 'forbidden';
      if (code < 300 || code === 409) return 'bound';
      throw new ApiFailure(code, body);
    });
  const where = 'could not bootstrap the admin user in file admin.conf: unable to create';
  const first = await create(admin).catch((error: unknown) => {
    throw new Failure(`${where} ClusterRoleBinding: ${(error as Error).message}`);
  });
  if (first === 'bound') return;
  if (superAdmin === undefined) {
    throw new Failure(
      'could not bootstrap the admin user in file admin.conf: the ClusterRoleBinding for the kubeadm:cluster-admins Group is missing but there is no super-admin.conf to create it',
    );
  }
  const second = await create(superAdmin).catch((error: unknown) => {
    throw new Failure(
      `${where} the kubeadm:cluster-admins ClusterRoleBinding by using super-admin.conf: ${(error as Error).message}`,
    );
  });
  if (second === 'forbidden') throw new Failure(`${where} the kubeadm:cluster-admins ClusterRoleBinding: forbidden`);
}
