/** Steps that `init` and `join` have in common: the kubelet's files, waiting for what it starts, marking the node. */
import { execFileSync } from 'node:child_process';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { hostname } from 'node:os';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Api } from './api.ts';
import { type Doc, type Endpoint, type NodeRegistration, type Taint, type Timeouts, taintsIn } from './config.ts';
import { Failure, poll, say, warn } from './failure.ts';
import { urlOf } from './kubeconfig.ts';
import { kubeletYaml } from './objects.ts';
import { KUBELET, KUBELET_CONFIG, KUBELET_FLAGS } from './paths.ts';

const RETRY_MS = 500;

export function systemctl(...args: string[]): void {
  execFileSync('systemctl', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Writes what the kubelet is started with, and starts it. */
export function startKubelet(node: NodeRegistration, documents: readonly Doc[], registerTaints: boolean): void {
  systemctl('stop', 'kubelet');
  mkdirSync(KUBELET, { recursive: true, mode: 0o700 });
  const flags = [
    `--container-runtime-endpoint=${node.criSocket}`,
    ...(node.name === hostname() ? [] : [`--hostname-override=${node.name}`]),
    ...(registerTaints && node.taints !== undefined && node.taints.length > 0
      ? [`--register-with-taints=${node.taints.map(taintText).join(',')}`]
      : []),
    ...node.kubeletArgs.map(({ name, value }) => `--${name}=${value}`),
  ];
  say(`[kubelet-start] Writing kubelet environment file with flags to file "${KUBELET_FLAGS}"`);
  writeFileSync(KUBELET_FLAGS, `KUBELET_KUBEADM_ARGS=${JSON.stringify(flags.join(' '))}\n`, { mode: 0o644 });
  say(`[kubelet-start] Writing kubelet configuration to file "${KUBELET_CONFIG}"`);
  writeFileSync(KUBELET_CONFIG, kubeletYaml(documents), { mode: 0o644 });
  say('[kubelet-start] Starting the kubelet');
  systemctl('daemon-reload');
  systemctl('restart', 'kubelet');
}

function taintText({ key, value = '', effect }: Taint): string {
  return `${key}=${value}:${effect}`;
}

export async function waitForKubelet(timeoutMs: number): Promise<void> {
  const url = 'http://127.0.0.1:10248/healthz';
  say(`[kubelet-check] Waiting for a healthy kubelet at ${url}. This can take up to ${seconds(timeoutMs)}`);
  try {
    await poll(RETRY_MS, timeoutMs, async () => {
      const code = await codeOf((done) => request(url, done));
      if (code !== 200) throw new Failure(`The HTTP call equal to 'curl -sSL ${url}' returned status code: ${code}`);
      return true;
    });
  } catch (error) {
    warn('\tUnfortunately, an error has occurred, likely caused by:\n\t\t- The kubelet is not running');
    throw new Failure(`failed while waiting for the kubelet to start: ${(error as Error).message}`);
  }
}

/** @param api for the API server: it may be asked at another place than the printed one. */
export async function waitForComponents(api: Api, endpoint: Endpoint, timeoutMs: number): Promise<void> {
  say(`[control-plane-check] Waiting for healthy control plane components. This can take up to ${seconds(timeoutMs)}`);
  const local = urlOf(endpoint.advertiseAddress, endpoint.bindPort);
  const others = [
    ['kube-controller-manager', 'https://127.0.0.1:10257/healthz'],
    ['kube-scheduler', 'https://127.0.0.1:10259/livez'],
  ] as const;
  for (const [name, url] of [['kube-apiserver', `${local}/livez`], ...others]) {
    say(`[control-plane-check] Checking ${name} at ${url}`);
  }
  const healthy = async (name: string, url: string, ask: () => Promise<number>): Promise<void> => {
    await poll(RETRY_MS, timeoutMs, async () => {
      const code = await ask().catch((error: unknown) => {
        throw new Failure(`${name} check failed at ${url}: ${(error as Error).message}`);
      });
      if (code !== 200) throw new Failure(`${name} check failed at ${url} with status: ${code}`);
      return true;
    });
    say(`[control-plane-check] ${name} is healthy`);
  };
  try {
    await Promise.all([
      healthy('kube-apiserver', `${local}/livez`, async () => (await api.ask('GET', '/livez')).code),
      ...others.map(([name, url]) =>
        healthy(name, url, async () => {
          const agent = new Agent({ rejectUnauthorized: false });
          return await codeOf((done) => httpsRequest(url, { agent }, done));
        }),
      ),
    ]);
  } catch (error) {
    warn('\tA control plane component may have crashed or exited when started by the container runtime.');
    throw new Failure(`failed while waiting for the control plane to start: ${(error as Error).message}`);
  }
}

async function codeOf(start: (done: (response: IncomingMessage) => void) => ClientRequest): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const asked = start((response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.setTimeout(5000, () => asked.destroy(new Error('context deadline exceeded')));
    asked.on('error', reject);
    asked.end();
  });
}

function seconds(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${Math.round((milliseconds % 60_000) / 1000)}s`;
}

const CONTROL_PLANE_TAINT: Taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
const LABELS = ['node-role.kubernetes.io/control-plane', 'node.kubernetes.io/exclude-from-external-load-balancers'];

/** phases/markcontrolplane; the node must have registered itself. */
export async function markControlPlane(api: Api, node: NodeRegistration, timeouts: Timeouts): Promise<void> {
  say(
    `[mark-control-plane] Marking the node ${node.name} as control-plane by adding the labels: [${LABELS.join(' ')}]`,
  );
  const taints = node.taints ?? [CONTROL_PLANE_TAINT];
  if (taints.length > 0) {
    const texts = taints.map(({ key, effect }) => `${key}:${effect}`).join(' ');
    say(`[mark-control-plane] Marking the node ${node.name} as control-plane by adding the taints [${texts}]`);
  }
  const path = `/api/v1/nodes/${node.name}`;
  await poll(RETRY_MS, timeouts.kubernetesAPICall, async () => {
    const before = await api.call('GET', path);
    const old = taintsIn(before, 'spec.taints');
    const kept = old.filter((taint) => !taints.some(({ key, effect }) => key === taint.key && effect === taint.effect));
    const patch = {
      metadata: { labels: Object.fromEntries(LABELS.map((label) => [label, ''])) },
      spec: { taints: [...taints, ...kept] },
    };
    await api.call('PATCH', path, patch, 'application/merge-patch+json');
    return true;
  }).catch((error: unknown) => {
    throw new Failure(`error applying control-plane label and taints: ${(error as Error).message}`);
  });
}
