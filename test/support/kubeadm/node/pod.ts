/** From a pod to what has to be started: image → program, environment, mounts. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../../../../src/lab/cluster-daemons.ts';
import { at, text, type Doc, list, strings } from '../cli/config.ts';
import type { ContainerSpec, Mount } from './containers.ts';
import type { NodeFacts } from './facts.ts';

const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

export function podHash(pod: Doc): string {
  return createHash('sha256').update(JSON.stringify(pod)).digest('hex').slice(0, 32);
}

export function nameOf(pod: Doc): string {
  return text(pod, 'metadata.name');
}

export function namespaceOf(pod: Doc): string {
  return text(pod, 'metadata.namespace', 'default');
}

/** Only the first container: no pod here has more. */
export function containerOf(pod: Doc): Doc {
  return list(pod, 'spec.containers')[0] ?? {};
}

export interface Account {
  /** A folder with `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
  readonly clusterIp: string;
}

/** @param id what tells this container from all others of the node */
export function specOf(pod: Doc, id: string, facts: NodeFacts, account: Account | undefined): ContainerSpec {
  const container = containerOf(pod);
  const env = list(container, 'env').map((entry) => [text(entry, 'name'), valueOf(entry, pod, facts)]);
  const added = strings(container, 'securityContext.capabilities.add');
  const dropped = strings(container, 'securityContext.capabilities.drop');
  return {
    id,
    argv: commandOf(container),
    env: {
      ...(account === undefined
        ? {}
        : {
            KUBERNETES_SERVICE_HOST: account.clusterIp,
            KUBERNETES_SERVICE_PORT: '443',
            KUBERNETES_SERVICE_PORT_HTTPS: '443',
          }),
      ...(Object.fromEntries(env) as Record<string, string>),
    },
    mounts: [
      ...mountsOf(pod, container),
      ...(account === undefined
        ? []
        : [{ source: account.folder, target: '/run/secrets/kubernetes.io/serviceaccount', readOnly: true }]),
    ],
    capabilities: dropped.includes('ALL') ? added : undefined,
  };
}

function valueOf(entry: Doc, pod: Doc, facts: NodeFacts): string {
  const field = text(entry, 'valueFrom.fieldRef.fieldPath');
  switch (field) {
    case '':
      return text(entry, 'value');
    case 'spec.nodeName':
      return text(pod, 'spec.nodeName', facts.name);
    case 'status.hostIP':
    case 'status.podIP':
      return facts.ip;
    case 'metadata.name':
      return nameOf(pod);
    case 'metadata.namespace':
      return namespaceOf(pod);
    default:
      return '';
  }
}

/** Images are not run: their names say which program of this tree is meant. What is none of them sleeps. */
function commandOf(container: Doc): string[] {
  const image = text(container, 'image').replace(/[:@][^/]*$/, '');
  const base = image.slice(image.lastIndexOf('/') + 1);
  const command = [...strings(container, 'command'), ...strings(container, 'args')];
  if (CONTROL_PLANE.includes(base)) {
    return [
      process.execPath,
      '--import',
      compileCache(),
      fileURLToPath(new URL('component.ts', import.meta.url)),
      ...command,
    ];
  }
  if (base === 'kubevip') return [...program('agent/main'), ...command];
  return ['sleep', 'infinity'];
}

function compileCache(): string {
  return program('agent/main')[2] ?? '';
}

function mountsOf(pod: Doc, container: Doc): Mount[] {
  const volumes = list(pod, 'spec.volumes');
  return list(container, 'volumeMounts').flatMap((mount) => {
    const volume = volumes.find(({ name }) => name === mount['name']);
    const source = text(volume, 'hostPath.path');
    if (source === '') return [];
    ensureHostPath(source, text(volume, 'hostPath.type'));
    return [{ source, target: text(mount, 'mountPath'), readOnly: at(mount, 'readOnly') === true }];
  });
}

/** @throws Error when the pod needs something that is not there, as the kubelet's would wait */
function ensureHostPath(path: string, type: string): void {
  if (existsSync(path)) return;
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 });
  else if (type === 'FileOrCreate') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '', { mode: 0o644 });
  } else throw new Error(`hostPath type check failed: ${path} is not there`);
}
