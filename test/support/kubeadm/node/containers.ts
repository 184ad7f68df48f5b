/** Containers as processes of the node. What runs is written down, so that it outlives the kubelet that started it. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, processId, stopProcess, type ProcessId } from '../../../../src/lab/process.ts';

const STATE = '/run/stand-in/containers';
/** Folders of a node that a container sees only as far as they are mounted into it. */
const HIDDEN = ['/etc/kubernetes', '/etc/cni', '/var/lib/kubelet', '/var/lib/etcd', '/var/lib/kubevip', '/run/secrets'];

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerSpec {
  /** Unique on the node: `namespace_pod_container`. */
  readonly id: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Undefined: all of them. */
  readonly capabilities: readonly string[] | undefined;
}

export interface Running extends ProcessId {
  readonly id: string;
}

/** Starts it as a daemon of its own. */
export function startContainer(spec: ContainerSpec): Running {
  mkdirSync(STATE, { recursive: true });
  mkdirSync('/var/log/containers', { recursive: true });
  const log = openSync(`/var/log/containers/${spec.id}.log`, 'a', 0o600);
  try {
    const child = spawn(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', script(spec), 'sh', ...limited(spec)],
      {
        detached: true,
        stdio: ['ignore', log, log],
        env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...spec.env },
      },
    );
    child.on('error', () => undefined);
    child.unref();
    const id = child.pid === undefined ? undefined : processId(child.pid);
    if (id === undefined) throw new Error(`${spec.id} cannot be started`);
    const running = { ...id, id: spec.id };
    writeFileSync(join(STATE, `${spec.id}.json`), JSON.stringify(running));
    return running;
  } finally {
    closeSync(log);
  }
}

/** Everything that runs, whoever started it. */
export function runningContainers(): Running[] {
  if (!existsSync(STATE)) return [];
  return readdirSync(STATE)
    .map((name) => JSON.parse(readFileSync(join(STATE, name), 'utf8')) as Running)
    .filter(isAlive);
}

export async function stopContainer(running: Running, graceMs: number): Promise<void> {
  await stopProcess(running, { graceMs });
  rmSync(join(STATE, `${running.id}.json`), { force: true });
}

/** What `kubeadm reset` does by way of the container runtime. */
export async function removeContainers(): Promise<void> {
  await Promise.all(runningContainers().map(async (running) => await stopContainer(running, 2000)));
  rmSync(STATE, { recursive: true, force: true });
  rmSync('/run/stand-in/mounts', { recursive: true, force: true });
}

/** Hides the node's folders, and puts the mounts of the container in their place. */
function script({ id, mounts }: ContainerSpec): string {
  const base = `/run/stand-in/mounts/${id}`;
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const folders = HIDDEN.filter((folder) => existsSync(folder));
  const hidden = mounts.filter(({ target }) =>
    HIDDEN.some((folder) => target === folder || target.startsWith(`${folder}/`)),
  );
  const place = (path: string): string =>
    `if [ -d ${path} ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; touch "$2"; fi`;
  return [
    'set -e',
    'put() { ' + place('"$1"') + '; mount --bind "$1" "$2"; }',
    ...hidden.map(({ source }, i) => `put ${quote(source)} ${base}/${i}`),
    ...folders.map((folder) => `mount -t tmpfs -o size=1m,mode=755 tmpfs ${folder}`),
    ...hidden.map(({ target }, i) => `put ${base}/${i} ${quote(target)}`),
    ...hidden.flatMap(({ target, readOnly }) => (readOnly ? [`mount -o remount,bind,ro ${quote(target)}`] : [])),
    'exec "$@"',
  ].join('\n');
}

/** With the capabilities that the manifest gives, and no others. */
function limited({ argv, capabilities }: ContainerSpec): string[] {
  if (capabilities === undefined) return [...argv];
  const set = ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',');
  return ['setpriv', '--no-new-privs', `--bounding-set=${set}`, `--inh-caps=${set}`, '--', ...argv];
}
