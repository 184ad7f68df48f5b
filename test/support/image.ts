/** The agent's image, built here, and run by podman as the kubelet would run it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { run, runOrThrow, type RunResult } from '../../src/lab/exec.ts';
import { netnsOf, type LabPaths } from '../../src/lab/layout.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BUILD_MS = 900_000;
const PACKAGES = 'apt-get install --no-install-recommends podman runc mmdebstrap';

/** Without cgroups of their own builds work in containers too, and where the kernel has both versions of cgroups. */
const env = { BUILDAH_ISOLATION: process.env['BUILDAH_ISOLATION'] ?? 'chroot' };

/** Some machines do not let root raise limits, and podman asks for more than they have unless told otherwise. */
const LIMITS = ['--ulimit', 'nofile=10000:10000', '--ulimit', 'nproc=10000:10000'];

/** An image that is there already, to be tested as it is. */
const GIVEN = process.env['KUBEVIP_IMAGE'];

/** Why no image can be tested on this machine, or undefined. */
export function imageMissing(): string | undefined {
  const programs = ['podman', ...(GIVEN === undefined ? ['mmdebstrap'] : [])];
  const missing = programs.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length > 0) return `${missing.join(' and ')} not installed (${PACKAGES})`;
  const { status, stderr } = spawnSync('podman', ['info'], { encoding: 'utf8' });
  return status === 0 ? undefined : `podman does not work here: ${stderr.trim()}`;
}

/** Builds it by `npm run image` on bases from Debian's packages: no image registry is asked. @returns its name */
export async function buildImage(): Promise<string> {
  if (GIVEN !== undefined) return GIVEN;
  const script = (name: string, ...args: string[]): Promise<string> =>
    runOrThrow([process.execPath, join(ROOT, 'scripts', name), ...args], { env, timeoutMs: BUILD_MS });
  const bases = await script('image-base.js', 'podman');
  const tag = 'localhost/kubevip:test';
  await script('image.js', '--builder', 'podman', '--tag', tag, ...bases.trim().split(' '));
  return tag;
}

/** Podman with the first OCI runtime that can start a container here. @throws Error with what each of them said */
export async function findPodman(image: string): Promise<string[]> {
  const said: string[] = [];
  for (const runtime of [[], ['--runtime', 'runc'], ['--runtime', 'crun']]) {
    const podman = ['podman', ...runtime];
    const argv = ['run', '--rm', '--network=none', ...LIMITS, '--entrypoint', 'true', image];
    const { code, stderr } = await run([...podman, ...argv]);
    if (code === 0) return podman;
    said.push(`${podman.join(' ')}: ${stderr.trim()}`);
  }
  throw new Error(`no container can be started (${PACKAGES}):\n${said.join('\n')}`);
}

/** The securityContext of the manifests in podman's words; seccomp is its default profile. */
const SECURITY = [
  ...['--cap-drop', 'all', '--cap-add', 'NET_ADMIN,NET_RAW,SYS_NICE', '--security-opt', 'no-new-privileges'],
  // Not even a writable /tmp, which podman would give and the kubelet does not.
  ...['--read-only', '--read-only-tmpfs=false'],
  ...['--memory', '256m'],
];

export interface AgentContainer {
  /** Of the agent, as this machine counts. */
  readonly pid: number;
  exec(...argv: string[]): Promise<RunResult>;
  logs(): Promise<string>;
  /** SIGTERM, and after ten seconds SIGKILL. @returns the exit code of the agent */
  stop(): Promise<number>;
  /** Whatever state it is in. */
  remove(): Promise<void>;
}

/** The agent of a lab's node, in the container, with the entry point of the image. */
export async function startAgentContainer(
  podman: readonly string[],
  image: string,
  paths: LabPaths,
  node: string,
): Promise<AgentContainer> {
  const name = `${paths.id}-${node}-agent`;
  const inspect = async (field: string): Promise<string> =>
    (await runOrThrow([...podman, 'inspect', '--format', `{{.State.${field}}}`, name])).trim();
  await runOrThrow([
    ...[...podman, 'run', '--detach', '--name', name, '--network', `ns:/run/netns/${netnsOf(paths, node)}`],
    ...[...SECURITY, ...LIMITS],
    // As the kernel has it. Podman would let everybody ping, and that stays in a network namespace that is not its own.
    ...['--sysctl', 'net.ipv4.ping_group_range=1 0'],
    ...['--volume', `${paths.agentKubeconfig}:/etc/kubevip/agent.conf:ro`],
    ...[
      'KUBECONFIG=/etc/kubevip/agent.conf',
      `vip_nodename=${node}`,
      'svc_enable=true',
      'prometheus_server=:2112',
    ].flatMap((setting) => ['--env', setting]),
    image,
  ]);
  return {
    pid: Number(await inspect('Pid')),
    exec: (...argv) => run([...podman, 'exec', name, ...argv]),
    async logs() {
      const { stdout, stderr } = await run([...podman, 'logs', name]);
      return stdout + stderr;
    },
    async stop() {
      await runOrThrow([...podman, 'stop', '--time', '10', name]);
      return Number(await inspect('ExitCode'));
    },
    async remove() {
      await run([...podman, 'rm', '--force', '--time', '1', name]);
    },
  };
}
