/** What kubeadm looks at before it begins (preflight/checks.go): the same names, and the same words. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { trace, type NodeFacts } from '../node/facts.ts';
import type { NodeRegistration } from './config.ts';
import { Failure, say, warn } from './failure.ts';
import { COMPONENTS, CONF, ETCD_DATA, manifestOf, MANIFESTS, PKI } from './paths.ts';
import type { KubeadmRules } from './rules.ts';

interface Check {
  readonly name: string;
  readonly run: () => Promise<Found> | Found;
}
type Found = { readonly warning?: string; readonly error?: string } | undefined;

const CONTROL_PLANE_CPUS = 2;
const CONTROL_PLANE_MEMORY_MB = 1700;
/** kubelet, the secure ports of scheduler and controller manager, etcd for clients and peers */
const PORTS = { kubelet: 10250, scheduler: 10259, controllerManager: 10257, etcd: [2379, 2380] } as const;

export interface ControlPlaneInput {
  readonly bindPort: number;
  readonly kubernetesVersion: string;
}

/** Of `init`. */
export async function checkInit(
  facts: NodeFacts,
  rules: KubeadmRules,
  node: NodeRegistration,
  plane: ControlPlaneInput,
): Promise<void> {
  say('[preflight] Running pre-flight checks');
  await run(facts, 'init', node, [...controlPlaneChecks(rules, plane), ...commonChecks(facts, node), ...etcdChecks()]);
}

/** Of `join`, before it has asked the cluster for anything. */
export async function checkJoin(
  facts: NodeFacts,
  rules: KubeadmRules,
  node: NodeRegistration,
  worker: boolean,
): Promise<void> {
  say('[preflight] Running pre-flight checks');
  await run(facts, 'join', node, [
    ...(rules.manifestsEmptyAtJoin ? [dirAvailable(MANIFESTS)] : []),
    fileAvailable(CONF.kubelet),
    fileAvailable(CONF.bootstrapKubelet),
    ...commonChecks(facts, node),
    ...(worker ? [fileAvailable(`${PKI}/ca.crt`)] : []),
  ]);
}

/** Of `join --control-plane`, once the configuration of the cluster is known. */
export async function checkJoinControlPlane(
  facts: NodeFacts,
  rules: KubeadmRules,
  node: NodeRegistration,
  plane: ControlPlaneInput,
): Promise<void> {
  say('[preflight] Running pre-flight checks before initializing the new control plane instance');
  await run(facts, 'join-control-plane', node, [...controlPlaneChecks(rules, plane), ...etcdChecks()]);
}

function controlPlaneChecks(rules: KubeadmRules, { bindPort, kubernetesVersion }: ControlPlaneInput): Check[] {
  return [
    {
      name: 'NumCPU',
      run: () =>
        cpus().length < CONTROL_PLANE_CPUS
          ? { error: `the number of available CPUs ${cpus().length} is less than the required ${CONTROL_PLANE_CPUS}` }
          : undefined,
    },
    {
      name: 'Mem',
      run: () => {
        const mb = Math.floor(totalmem() / 1024 / 1024);
        return mb < CONTROL_PLANE_MEMORY_MB
          ? { error: `the system RAM (${mb} MB) is less than the minimum ${CONTROL_PLANE_MEMORY_MB} MB` }
          : undefined;
      },
    },
    {
      name: 'KubernetesVersion',
      run: () => {
        const [own, wanted] = [rules.version, kubernetesVersion].map(minorOf);
        return (wanted ?? 0) > (own ?? 0)
          ? {
              warning: `Kubernetes version is greater than kubeadm version. Please consider to upgrade kubeadm. Kubernetes version: ${kubernetesVersion.slice(1)}. Kubeadm version: 1.${own}.x`,
            }
          : undefined;
      },
    },
    ...[bindPort, PORTS.scheduler, PORTS.controllerManager].map(portFree),
    ...COMPONENTS.map((component) => fileAvailable(manifestOf(component))),
  ];
}

function etcdChecks(): Check[] {
  return [...PORTS.etcd.map(portFree), dirAvailable(ETCD_DATA)];
}

function commonChecks(facts: NodeFacts, node: NodeRegistration): Check[] {
  const socket = node.criSocket.replace(/^unix:\/\//, '');
  return [
    {
      name: 'CRI',
      run: () =>
        existsSync(socket) && statSync(socket).isSocket()
          ? undefined
          : {
              error: `could not connect to the container runtime: failed to create new CRI runtime service: validate service connection: validate CRI v1 runtime API for endpoint "${node.criSocket}": rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix ${socket}: connect: no such file or directory"`,
            },
    },
    {
      name: 'FileContent--proc-sys-net-ipv4-ip_forward',
      run: () =>
        readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').startsWith('1')
          ? undefined
          : { error: '/proc/sys/net/ipv4/ip_forward contents are not set to 1' },
    },
    {
      name: 'Swap',
      run: () =>
        readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1
          ? { warning: 'swap is supported for cgroup v2 only. The kubelet must be properly configured to use swap.' }
          : undefined,
    },
    ...['losetup', 'mount', 'cp'].map(inPath),
    {
      name: 'KubeletVersion',
      run: () =>
        findInPath('kubelet')
          ? undefined
          : {
              error:
                "couldn't get kubelet version: cannot execute 'kubelet --version': executable file not found in $PATH",
            },
    },
    {
      name: 'Hostname',
      run: () => (node.name === facts.name ? undefined : { warning: `hostname "${node.name}" could not be reached` }),
    },
    portFree(PORTS.kubelet),
  ];
}

function minorOf(version: string): number {
  return Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? 0);
}

function portFree(port: number): Check {
  const listen = async (): Promise<Found> => {
    const server = createServer();
    return await new Promise<Found>((resolve) => {
      server.once('error', () => resolve({ error: `Port ${port} is in use` }));
      server.listen({ port, host: '::', exclusive: true }, () => server.close(() => resolve(undefined)));
    });
  };
  return { name: `Port-${port}`, run: listen };
}

function fileAvailable(path: string): Check {
  return {
    name: `FileAvailable-${path.replaceAll('/', '-')}`,
    run: () => (existsSync(path) ? { error: `${path} already exists` } : undefined),
  };
}

function dirAvailable(path: string): Check {
  return {
    name: `DirAvailable-${path.replaceAll('/', '-')}`,
    run: () => (existsSync(path) && readdirSync(path).length > 0 ? { error: `${path} is not empty` } : undefined),
  };
}

function inPath(program: string): Check {
  return {
    name: `FileExisting-${program}`,
    run: () => (findInPath(program) ? undefined : { error: `${program} not found in system path` }),
  };
}

function findInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** All of them, before it ends because of any. */
async function run(facts: NodeFacts, command: string, node: NodeRegistration, checks: readonly Check[]): Promise<void> {
  // What was in the folder when kubeadm looked: by this a test sees that a static pod came after `join`, not before.
  const manifests = existsSync(MANIFESTS) ? readdirSync(MANIFESTS).sort() : [];
  trace(facts, { event: 'preflight', command, manifests });
  const errors: string[] = [];
  const ignored = node.ignorePreflightErrors.map((name) => name.toLowerCase());
  if (process.getuid?.() !== 0) errors.push('\t[ERROR IsPrivilegedUser]: user is not running as root');
  for (const check of checks) {
    const { warning, error } = (await check.run()) ?? {};
    const passed = ignored.includes('all') || ignored.includes(check.name.toLowerCase());
    for (const line of [warning, passed ? error : undefined]) {
      if (line !== undefined) warn(`\t[WARNING ${check.name}]: ${line}`);
    }
    if (error !== undefined && !passed) errors.push(`\t[ERROR ${check.name}]: ${error}`);
  }
  if (errors.length === 0) return;
  warn(`[preflight] Some fatal errors occurred:\n${errors.join('\n')}`);
  warn(
    '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
  );
  throw new Failure('preflight checks failed');
}
