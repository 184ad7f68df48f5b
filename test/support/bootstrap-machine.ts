/**
 * A machine in memory for the plans of init and join: files, a kubeadm that keeps to the rules that matter here, and an
 * API server that is there while its manifest is. It loses its power at a chosen moment; what was written stays.
 */
import { randomBytes } from 'node:crypto';
import { parseAllDocuments, stringify } from 'yaml';
import type { Commands, CommandOutcome, CommandRequest } from '../../src/cluster/ports/commands.ts';
import type { ApiConnector, ClusterApi, ObjectRef } from '../../src/cluster/ports/api.ts';
import type { Files, JournalFile } from '../../src/cluster/ports/files.ts';
import type { MachineHands } from '../../src/cluster/ports/preflight.ts';
import { Kubeadm } from '../../src/cluster/kubeadm/kubeadm.ts';
import { KubevipError } from '../../src/model/errors.ts';
import { ip } from '../../src/model/ip.ts';
import type { KubeObject } from '../../src/model/kubernetes.ts';
import { parseMac } from '../../src/model/mac.ts';
import type { Clock } from '../../src/model/time.ts';
import { servingCertificate } from '../../src/lab/apiserver/certificates.ts';
import type { Machine } from '../../src/workflows/bootstrap/machine.ts';
import { Power } from './crash-world.ts';

type Doc = Readonly<Record<string, unknown>>;

export const CA = await servingCertificate(undefined, ['10.0.0.1'], new Date());
const CONTROL_PLANE_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];
const MANIFESTS = '/etc/kubernetes/manifests';
/** kubelet’s, of a static pod. */
const POD_LOG = '/var/log/pods/kube-system_etcd_1/etcd/0.log';
const CONFS = ['admin', 'super-admin', 'kubelet', 'controller-manager', 'scheduler'];

/** What outlives a process. */
export class Disk {
  readonly files = new Map<string, string>();
  /** What the API holds, by kind, namespace and name. */
  readonly objects = new Map<string, KubeObject>();
  /** Sub-commands of kubeadm that came to their end. */
  readonly calls: string[] = [];
  /** Everything that was an argument of a program. */
  readonly argv: string[] = [];
  power = new Power(Number.POSITIVE_INFINITY);
  version = 'v1.36.0';
  /** Nodes of the cluster that this machine joins. */
  readonly others: string[] = [];
  /** Said by kubeadm join, and when certificates are uploaded, instead of doing it. */
  refusal: string | undefined;
}

export function bootstrapMachine(disk: Disk, more: Partial<Machine> = {}): Machine {
  const files = filesOn(disk);
  const commands = commandsOn(disk);
  const api = apiOn(disk);
  const link = {
    name: 'eth0',
    index: 2,
    mac: parseMac('02:00:00:00:00:01') as NonNullable<ReturnType<typeof parseMac>>,
    up: true,
    addresses: [{ ip: ip('10.0.0.11'), prefixLength: 24 }],
    gateway: { v4: ip('10.0.0.254') },
  };
  return {
    parts: {
      files,
      commands,
      kubeadm: new Kubeadm(files, commands),
      api,
      kernel: {
        links: () => [link],
        traces: () => Promise.resolve([]),
        removeTraces: () => {
          disk.power.use();
          return Promise.resolve();
        },
      },
      clock: hurriedClock,
      hands: handsOn(disk, files),
    },
    journal: journalOn(disk),
    probe: { resolve: () => Promise.resolve([]) } as unknown as Machine['probe'],
    preflight: () => Promise.resolve({ ok: true, findings: [] }),
    entropy: { bytes: (length) => new Uint8Array(randomBytes(length)), fraction: () => 0.5 },
    hostname: 'n1',
    env: { HOME: '/root' },
    uid: 0,
    lock: () => Promise.resolve(() => undefined),
    ...more,
  };
}

/** Waits are over at once, but not before everybody else had a turn. */
const hurriedClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date('2026-01-01T00:00:00Z'),
  after: (_delay, callback) => {
    const timer = setImmediate(callback);
    return { cancel: () => clearImmediate(timer) };
  },
};

function filesOn(disk: Disk): Files {
  const { files } = disk;
  const below = (folder: string): string[] => [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
  return {
    read: (path) => Promise.resolve(files.get(path)),
    write: (path, text) => {
      disk.power.use();
      files.set(path, text);
      return Promise.resolve();
    },
    overwrite: (path, text) => {
      disk.power.use();
      files.set(path, text);
      return Promise.resolve();
    },
    remove: (path) => {
      disk.power.use();
      files.delete(path);
      return Promise.resolve();
    },
    exists: (path) => Promise.resolve(files.has(path) || below(path).length > 0),
    list: (path) => {
      const names = new Set(below(path).map((file) => file.slice(path.length + 1).split('/', 1)[0] ?? ''));
      return Promise.resolve(names.size === 0 ? undefined : [...names]);
    },
    removeTree: (path) => {
      disk.power.use();
      for (const file of [path, ...below(path)]) files.delete(file);
      return Promise.resolve();
    },
    removeEmptyDirectory: (path) => Promise.resolve(below(path).length === 0),
    privateFile: (name, text) => {
      disk.power.use();
      const path = `/run/kubevip/${name}`;
      files.set(path, text);
      return Promise.resolve({
        path,
        remove: () => {
          files.delete(path);
          return Promise.resolve();
        },
      });
    },
  };
}

/** Modules are lines of /proc/modules; other programs do nothing and are glad. */
function handsOn(disk: Disk, files: Files): MachineHands {
  const MODULES = '/proc/modules';
  return {
    read: async (path) => files.read(path),
    write: async (path, text) => files.write(path, text),
    remove: async (path) => files.remove(path),
    run: (program, args) => {
      disk.argv.push([program, ...args].join(' '));
      disk.power.use();
      const name = args.at(-1) ?? '';
      const others = (disk.files.get(MODULES) ?? '')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith(name));
      const lines = program !== 'modprobe' ? undefined : args[0] === '-r' ? others : [...others, `${name} 1 0`];
      if (lines !== undefined) disk.files.set(MODULES, lines.map((line) => `${line}\n`).join(''));
      return Promise.resolve(fine());
    },
  };
}

function journalOn(disk: Disk): JournalFile {
  const path = '/var/lib/kubevip/journal.jsonl';
  return {
    path,
    load: () => Promise.resolve(disk.files.get(path) ?? ''),
    append: (line) => {
      disk.power.use();
      disk.files.set(path, (disk.files.get(path) ?? '') + line);
      return Promise.resolve();
    },
    remove: () => {
      disk.power.use();
      disk.files.delete(path);
      return Promise.resolve();
    },
  };
}

function commandsOn(disk: Disk): Commands {
  return {
    run: async (request) => {
      disk.argv.push([request.program, ...request.args].join(' '));
      if (request.program !== 'kubeadm') {
        throw new KubevipError(`the program ${request.program} is not installed`, { code: 'RUN_NOT_FOUND' });
      }
      disk.power.use();
      const outcome = await kubeadm(disk, request);
      if (outcome.code === 0) disk.calls.push(request.args.filter((word) => !word.startsWith('/run/')).join(' '));
      return outcome;
    },
  };
}

const fine = (stdout = ''): CommandOutcome => ({ code: 0, stdout, stderr: '' });
const refused = (stderr: string): CommandOutcome => ({ code: 1, stdout: '', stderr });

async function kubeadm(disk: Disk, { args, onLine }: CommandRequest): Promise<CommandOutcome> {
  const { files, power } = disk;
  const at = args.indexOf('--config');
  const documents =
    at < 0 ? [] : parseAllDocuments(files.get(args[at + 1] ?? '') ?? '').map((one) => one.toJS() as Doc);
  const put = (path: string, text: string): void => {
    power.use();
    files.set(path, text);
  };
  switch (args.slice(0, args[0] === 'init' && args[1] === 'phase' ? 4 : args[0] === 'kubeconfig' ? 2 : 1).join(' ')) {
    case 'version':
      return fine(`${disk.version}\n`);
    case 'init phase certs ca':
      if (!files.has('/etc/kubernetes/pki/ca.crt')) {
        put('/etc/kubernetes/pki/ca.crt', CA.ca);
        put('/etc/kubernetes/pki/ca.key', 'a key');
      }
      return fine();
    case 'init phase upload-certs --upload-certs':
      return disk.refusal === undefined ? fine() : refused(disk.refusal);
    case 'kubeconfig user':
      return files.has('/etc/kubernetes/pki/ca.crt') ? fine(kubeconfig('agent')) : refused('error: no CA');
    case 'init':
      return await init(disk, put, documents, onLine);
    case 'join':
      return join(disk, put, documents);
    case 'reset':
      return reset(disk);
    default:
      return refused(`error: unknown command ${args.join(' ')}`);
  }
}

async function init(
  disk: Disk,
  put: (path: string, text: string) => void,
  documents: readonly Doc[],
  onLine: ((line: string) => void) | undefined,
): Promise<CommandOutcome> {
  const { files, objects } = disk;
  for (const name of CONTROL_PLANE_PODS) {
    if (files.has(`${MANIFESTS}/${name}.yaml`)) return refused(`[ERROR FileAvailable-${name}]: it already exists`);
  }
  if ([...files.keys()].some((path) => path.startsWith('/var/lib/etcd/'))) return refused('[ERROR DirAvailable]');
  const { token } = ((documents[0]?.['bootstrapTokens'] ?? []) as { token: string }[])[0] ?? { token: '' };
  if (!/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) return refused('error: no token');
  onLine?.('[certs] Using existing ca certificate authority');
  if (!files.has('/etc/kubernetes/pki/ca.crt')) put('/etc/kubernetes/pki/ca.crt', CA.ca);
  for (const name of CONFS) put(`/etc/kubernetes/${name}.conf`, kubeconfig(name));
  put('/var/lib/etcd/member', 'data');
  for (const name of CONTROL_PLANE_PODS) put(`${MANIFESTS}/${name}.yaml`, 'a pod');
  put(POD_LOG, 'said');
  // The endpoint answers when the agent has its rights, and somebody has started it.
  for (let turn = 0; ; turn++) {
    if (objects.has('RoleBinding/kube-system/kubevip-control-plane') && files.has(`${MANIFESTS}/kubevip.yaml`)) break;
    if (turn > 100) return refused('error execution phase wait-control-plane: the endpoint does not answer');
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [kind, namespace, name] of [
    ['ConfigMap', 'kube-system', 'kubeadm-config'],
    ['Node', '', 'n1'],
    ['ConfigMap', 'kube-public', 'cluster-info'],
    ['Deployment', 'kube-system', 'coredns'],
    ['DaemonSet', 'kube-system', 'kube-proxy'],
  ] as const) {
    disk.power.use();
    objects.set(`${kind}/${namespace}/${name}`, { kind, metadata: { name } });
  }
  return fine(`a token: ${token}`);
}

function join(disk: Disk, put: (path: string, text: string) => void, documents: readonly Doc[]): CommandOutcome {
  const { files, objects } = disk;
  const [document] = documents;
  if ([...files.keys()].some((path) => path.startsWith(`${MANIFESTS}/`))) {
    return refused('[ERROR DirAvailable--etc-kubernetes-manifests]: /etc/kubernetes/manifests is not empty');
  }
  if (files.has('/etc/kubernetes/kubelet.conf')) return refused('[ERROR FileAvailable]: kubelet.conf already exists');
  if (disk.refusal !== undefined) return refused(disk.refusal);
  const controlPlane = document?.['controlPlane'] !== undefined;
  put('/etc/kubernetes/pki/ca.crt', CA.ca);
  if (controlPlane) {
    put('/etc/kubernetes/pki/ca.key', 'a key');
    put('/etc/kubernetes/admin.conf', kubeconfig('admin'));
    for (const name of CONTROL_PLANE_PODS) put(`${MANIFESTS}/${name}.yaml`, 'a pod');
    put(POD_LOG, 'said');
  }
  put('/etc/kubernetes/kubelet.conf', kubeconfig('kubelet'));
  const name = (document?.['nodeRegistration'] as { name: string }).name;
  disk.power.use();
  const labels = controlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  objects.set(`Node//${name}`, { kind: 'Node', metadata: { name, labels } });
  return fine();
}

function reset(disk: Disk): CommandOutcome {
  const { files, objects, power } = disk;
  const gone = (path: string): boolean =>
    path.startsWith(`${MANIFESTS}/`) ||
    path.startsWith('/etc/kubernetes/pki/') ||
    path.startsWith('/var/lib/etcd/') ||
    CONFS.some((name) => path === `/etc/kubernetes/${name}.conf`);
  for (const path of [...files.keys()].filter(gone)) {
    power.use();
    files.delete(path);
  }
  if (disk.others.length === 0) objects.clear();
  return fine();
}

function kubeconfig(user: string): string {
  const authority = Buffer.from(CA.ca).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': user,
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.100:6443', 'certificate-authority-data': authority } }],
    users: [{ name: user, user: { token: user } }],
    contexts: [{ name: user, context: { cluster: 'c', user } }],
  });
}

function apiOn(disk: Disk): ApiConnector {
  const { objects, files } = disk;
  const keyOf = ({ kind, namespace = '', name }: ObjectRef): string => `${kind}/${namespace}/${name}`;
  const up = (): void => {
    if (disk.others.length === 0 && !files.has(`${MANIFESTS}/kube-apiserver.yaml`)) {
      throw new KubevipError('connection refused', { code: 'API_UNREACHABLE' });
    }
  };
  return {
    connect: (): ClusterApi => ({
      server: 'https://127.0.0.1:6443',
      version: () => Promise.resolve(disk.version),
      find: async (ref) => {
        up();
        return await Promise.resolve(objects.get(keyOf(ref)));
      },
      list: async (kind) => {
        up();
        return await Promise.resolve([...objects].flatMap(([key, one]) => (key.startsWith(`${kind}/`) ? [one] : [])));
      },
      apply: async (object) => {
        up();
        disk.power.use();
        const { kind = '', metadata } = object;
        objects.set(`${kind}/${metadata.namespace ?? ''}/${metadata.name}`, object);
        await Promise.resolve();
      },
      create: async (object) => {
        up();
        disk.power.use();
        const { kind = '', metadata } = object;
        objects.set(`${kind}/${metadata.namespace ?? ''}/${metadata.name}`, object);
        await Promise.resolve();
      },
      remove: async (ref) => {
        up();
        disk.power.use();
        objects.delete(keyOf(ref));
        await Promise.resolve();
      },
      close: () => undefined,
    }),
  };
}
