/** The lab's Kubernetes: API server, workloads, and the agents on the nodes. All of it is this code base, run by Node. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { Milliseconds } from '../model/time.ts';
import type { DaemonSpec } from './daemons.ts';
import { MANAGEMENT, netnsOf, SERVICE_CIDRS, type LabPaths } from './layout.ts';
import { nodeNames } from './network.ts';
import type { LabOptions } from './options.ts';
import type { LabState } from './state.ts';

/** A program of this tree: TypeScript when this very file runs as such, JavaScript when it was built. */
export function program(pathFromSrc: string): string[] {
  const file = (path: string): string => {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    return fileURLToPath(new URL(`../${path}${extension}`, import.meta.url));
  };
  return [process.execPath, '--import', pathToFileURL(file('lab/compile-cache')).href, file(pathFromSrc)];
}

export function apiServer(paths: LabPaths, state: LabState): DaemonSpec {
  return {
    name: 'api',
    argv: [
      ...program('lab/apiserver/main'),
      ...['--data', paths.apiData],
      ...['--service-cluster-ip-range', serviceCidrs(state.options).join(',')],
      ...['--listen', `127.0.0.1:${state.apiPort}`],
      ...['--listen', `netns:${netnsOf(paths, 'mgmt')}:${MANAGEMENT.api}:${MANAGEMENT.apiPort}`],
      ...['--kubeconfig-out', paths.kubeconfigs],
      ...(state.options.audit ? ['--audit', paths.auditLog] : []),
    ],
    ready: (log) => /^ready$/m.test(log),
    readyWithinMs: 30_000,
  };
}

/** The first is the family of Services that ask for none. */
function serviceCidrs({ ipv6 }: LabOptions): string[] {
  return ipv6 ? [SERVICE_CIDRS.ipv4, SERVICE_CIDRS.ipv6] : [SERVICE_CIDRS.ipv4];
}

export function workloads(paths: LabPaths, state: LabState): DaemonSpec {
  return {
    name: 'workloads',
    argv: [
      ...program('lab/cluster/main'),
      ...['--lab', paths.id],
      ...['--nodes', nodeNames(state.options).join(',')],
      ...['--grace', String(state.options.nodeGraceMs)],
      ...(state.options.ipv6 ? ['--ipv6'] : []),
    ],
    env: { KUBECONFIG: paths.adminKubeconfig },
    ready: (log) => /^ready$/m.test(log),
    readyWithinMs: 30_000,
  };
}

/**
 * An agent as a program. Where wireguard-go listens is one folder for all of a machine, and the lab's machines share a file
 * system: an agent that may have one gets a folder of its own.
 */
export function agentProgram(env: Readonly<Record<string, string>>): string[] {
  const argv = program('agent/main');
  if (env['vip_wireguard'] !== 'true') return argv;
  const script = 'mkdir -p /run/wireguard && mount -t tmpfs tmpfs /run/wireguard && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh', ...argv];
}

export function agentName(node: string): string {
  return `${node}-agent`;
}

/** An agent hands over what it has, and cuts that itself before this; Kubernetes gives it thirty seconds. */
export const AGENT_GRACE: Milliseconds = 20_000;

export function agent(paths: LabPaths, state: LabState, node: string): DaemonSpec {
  return {
    name: agentName(node),
    host: node,
    argv: agentProgram(state.options.agentEnv),
    env: {
      KUBECONFIG: join(paths.agentKubeconfig),
      vip_nodename: node,
      vip_arp: 'true',
      svc_enable: 'true',
      prometheus_server: ':2112',
      kubevip_election: state.options.election,
      // The node's disk: it outlives a power cut, as in a machine.
      kubevip_state_dir: join(paths.disks, node),
      ...state.options.agentEnv,
    },
    graceMs: AGENT_GRACE,
  };
}
