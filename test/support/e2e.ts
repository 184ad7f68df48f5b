/** A whole lab for a test file, the built CLI in it, and looks at what the LAN, the router and the kernels hold. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, type RunResult } from '../../src/lab/exec.ts';
import { runOnHost } from '../../src/lab/hosts.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { labPaths, netnsOf, type LabPaths } from '../../src/lab/layout.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { readPinholes } from '../../src/lab/router/nat.ts';
import { createSystemClock } from '../../src/linux/clock.ts';
import { connect, type Cluster } from '../../src/kube/client.ts';
import type { Pod } from '../../src/model/kubernetes.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface TestLab {
  readonly id: string;
  readonly paths: LabPaths;
  readonly cluster: Cluster;
  /** The CLI, as a person at a terminal runs it; verification happens from the laptop. */
  kubevip(...args: string[]): Promise<RunResult>;
  on(host: string, ...argv: string[]): Promise<RunResult>;
  /** What a web page of the lab says when asked from `host`; undefined when it does not answer in 2 s. */
  curl(host: string, url: string): Promise<string | undefined>;
  /** Everything kubevip could leave behind, as text to compare. */
  leftovers(): Promise<string>;
  deployment(name: string, replicas: number): Promise<void>;
  /** Until so many pods run. */
  running(pods: number): Promise<void>;
  /** Puts these pools in place of all others: `range-global` → `10.77.0.200-10.77.0.209`. */
  pools(data: Readonly<Record<string, string>>): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startLab(options: LabOptionsInput): Promise<TestLab> {
  const id = `e2e${process.pid}x${Math.floor(createSystemClock().now() % 10_000)}`;
  await labUp(id, options);
  const paths = labPaths(id);
  const cluster = connect({ env: process.env, kubeconfig: paths.adminKubeconfig, userAgent: 'kubevip-test' });
  const on = (host: string, ...argv: string[]): Promise<RunResult> =>
    runOnHost(paths, host, argv, { timeoutMs: 30_000 });
  const nodes = ['n1', 'n2', 'n3'].slice(0, options.nodes ?? 3);
  return {
    id,
    paths,
    cluster,
    on,
    kubevip: (...args) =>
      run([process.execPath, join(ROOT, 'bin/dev.js'), ...args], {
        env: { KUBECONFIG: paths.adminKubeconfig, KUBEVIP_NETNS: netnsOf(paths, 'laptop') },
        timeoutMs: 120_000,
      }),
    async curl(host, url) {
      const { code, stdout } = await on(host, 'curl', '--silent', '--fail', '--max-time', '2', url);
      return code === 0 ? stdout : undefined;
    },
    async leftovers() {
      const lines: string[] = [];
      for (const node of nodes) {
        const addresses = (await on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'global')).stdout;
        for (const [, address = ''] of addresses.matchAll(/ inet6? (\S+)/g)) lines.push(`${node} ${address}`);
        const links = (await on(node, 'ip', '-o', 'link')).stdout;
        for (const [, link = ''] of links.matchAll(/^\d+: ([^:@]+)/gm)) lines.push(`${node} ${link}`);
        for (const family of ['arp', 'inet']) {
          const silent = (await on(node, 'nft', 'list', 'set', family, 'kubevip', 'silent')).stdout;
          for (const [, elements = ''] of silent.matchAll(/elements = \{([^}]*)\}/g))
            lines.push(`${node} silent for ${elements}`);
        }
      }
      lines.push(
        ...(existsSync(paths.leases) ? readFileSync(paths.leases, 'utf8') : '')
          .split('\n')
          // Who the DHCPv6 server is, not what it has leased.
          .filter((line) => !line.startsWith('duid '))
          .map((line) => `lease ${line.split(' ')[2] ?? ''}`),
      );
      const router = await on('router', 'nft', 'list', 'ruleset');
      lines.push(...[...router.stdout.matchAll(/^.*dnat.*$/gm)].map(([line]) => `mapping ${line.trim()}`));
      lines.push(...(await readPinholes(paths)).map(({ internalIp }) => `pinhole to ${internalIp}`));
      return lines
        .filter((line) => line.trim() !== 'lease')
        .sort()
        .join('\n');
    },
    async deployment(name, replicas) {
      await cluster.resource('Deployment').create({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: 'default', labels: { app: name } },
        spec: {
          replicas,
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels: { app: name } },
            spec: { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 80 }] }] },
          },
        },
      });
    },
    async running(pods) {
      const isThere = ({ items }: { items: readonly Pod[] }): boolean =>
        items.filter(({ status }) => status?.phase === 'Running').length === pods;
      const list = await eventually(async () => await cluster.resource('Pod').list(), isThere);
      if (!isThere(list)) throw new Error(`${pods} pods were to run; there is ${JSON.stringify(list.items)}`);
    },
    async pools(data) {
      const maps = cluster.resource('ConfigMap');
      const metadata = { name: 'kubevip', namespace: 'kube-system' };
      const found = await maps.find(metadata);
      await (found ? maps.replace({ ...found, data }) : maps.create({ metadata, data }));
    },
    async [Symbol.asyncDispose]() {
      cluster.close();
      await labDown(id);
    },
  };
}

/** Asks until the answer is the wanted one; a hang guard, no measurement. @returns the last answer. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  wanted: (answer: T) => boolean,
  seconds = 30,
): Promise<T> {
  let answer = await ask();
  for (let i = 0; i < seconds * 10 && !wanted(answer); i++) {
    await delay(100);
    answer = await ask();
  }
  return answer;
}
