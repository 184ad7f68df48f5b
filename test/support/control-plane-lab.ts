/** Control planes in the lab: an API server on every node, so far as anybody can tell, and the agent that has the VIP. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { agentProgram } from '../../src/lab/cluster-daemons.ts';
import { ensureDaemon, logFile, runningDaemons, stopDaemon } from '../../src/lab/daemons.ts';
import { MANAGEMENT, netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { labOptions } from '../../src/lab/options.ts';
import { createWatcher } from '../../src/kube/watcher/watcher.ts';
import type { Lease } from '../../src/model/kubernetes.ts';
import { ip } from '../../src/model/ip.ts';
import { readFileSync } from 'node:fs';
import { eventually, type TestLab } from './e2e.ts';
import { realClock, realEntropy } from './real-time.ts';
import { callTheRoll, type RollCall } from './roll-call.ts';

export const NODES = ['n1', 'n2', 'n3'] as const;
export const VIPS = ['10.77.0.240', '2001:db8:77::240'] as const;
export const LEASE = { name: 'plndr-cp-lock', namespace: 'kube-system' } as const;
/** Questions of the last quarter of a second. */
const RECENT = 12;
const TABLE = 'kubevip-control-plane';
/** Lines of an agent's log, and changes of the owner, in the account of a failure. */
const LAST_WORDS = 30;
const LAST_HOLDERS = 6;

export interface ControlPlaneLab {
  readonly lab: TestLab;
  /** Starts the API server of a node (its stand-in), or stops it. */
  api(node: string, on: boolean): Promise<void>;
  /** Starts the agent of the VIP. */
  start(node: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** SIGTERM and time to clean up; `kill`: SIGKILL. */
  stop(node: string, how?: 'kill'): Promise<void>;
  pid(node: string): number;
  log(node: string): string;
  lease(): Promise<Lease | undefined>;
  /** The holders of the Lease from now on, each change once; empty: nobody. */
  watchHolders(): Promise<{ stop(): string[] }>;
  /** The node that answers for every VIP; undefined while they are not together. */
  owner(): string | undefined;
  /** Until another node than this one answers for every VIP. */
  newOwner(before?: string): Promise<string | undefined>;
  /** HTTP status of `/livez` at each VIP as the laptop sees it; undefined without an answer. */
  livez(): Promise<(string | undefined)[]>;
  served(): Promise<boolean>;
  /** Addresses of the VIP that the node's kernel has. */
  addresses(node: string): Promise<string[]>;
  /** Whether the node has the tables of the control plane's agent. */
  hasTables(node: string): Promise<boolean>;
  /** The questions that more than one machine answered so far, for each VIP. */
  disputed(): readonly (readonly unknown[])[];
  /** Who answers for what, who is said to have it, and the last words of each agent: for the message of a failure. */
  account(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function controlPlaneLab(lab: TestLab): Promise<ControlPlaneLab> {
  const { paths } = lab;
  const vipAgent = (node: string): string => `${node}-vip-agent`;
  const rolls: RollCall[] = VIPS.map((vip) => callTheRoll(netnsOf(paths, 'laptop'), ip(vip)));
  // Where the API servers are: what a real one writes of itself.
  await lab.cluster.resource('EndpointSlice').patch(
    { name: 'kubernetes', namespace: 'default' },
    {
      endpoints: NODES.map((node) => ({ addresses: [nodeAddresses(node).lan], conditions: { ready: true } })),
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    },
    { type: 'merge' },
  );
  const owner = (): string | undefined => {
    const [v4, v6] = rolls.map((roll) => roll.answers().slice(-RECENT).flat().at(-1));
    return v4 !== undefined && v4 === v6 ? NODES.find((node) => nodeAddresses(node).mac === v4) : undefined;
  };
  const nameOf = (mac: string): string => NODES.find((node) => nodeAddresses(node).mac === mac) ?? mac;
  const livez = (): Promise<(string | undefined)[]> =>
    Promise.all(
      VIPS.map(async (vip) => {
        const host = vip.includes(':') ? `[${vip}]` : vip;
        const args = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', `https://${host}:6443/livez`];
        const { code, stdout } = await lab.on('laptop', 'curl', ...args);
        return code === 0 ? stdout : undefined;
      }),
    );
  const kernelAddresses = async (node: string): Promise<string[]> => {
    const { stdout } = await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
    return VIPS.filter((vip) => stdout.includes(` ${vip}/`));
  };
  const logOf = (node: string): string => readFileSync(logFile(paths, vipAgent(node)), 'utf8');
  const accountOf = async (node: string): Promise<string> => {
    const running = runningDaemons(paths);
    const health = await lab.on(node, 'curl', '-s', '--max-time', '2', 'http://127.0.0.1:2113/readyz');
    return [
      `${node}: agent ${running.has(vipAgent(node)) ? 'runs' : 'does not run'},`,
      `API server ${running.has(`${node}-api`) ? 'runs' : 'does not run'},`,
      `has ${(await kernelAddresses(node)).join(' and ') || 'no address'}, says ${health.stdout.trim() || 'nothing'};`,
      `last in its log:\n${logOf(node).trim().split('\n').slice(-LAST_WORDS).join('\n')}`,
    ].join(' ');
  };
  return {
    lab,
    livez,
    owner,
    async api(node, on) {
      if (!on) {
        await stopDaemon(paths, `${node}-api`, { graceMs: 0 });
        return;
      }
      const proxy = join(import.meta.dirname, 'api-proxy.ts');
      await ensureDaemon(paths, {
        name: `${node}-api`,
        host: node,
        argv: [process.execPath, proxy, MANAGEMENT.api, String(MANAGEMENT.apiPort)],
        ready: (log) => /^ready$/m.test(log),
      });
    },
    async start(node, env = {}) {
      await ensureDaemon(paths, {
        name: vipAgent(node),
        host: node,
        argv: agentProgram(env),
        env: {
          k8s_config_file: paths.agentKubeconfig,
          vip_nodename: node,
          cp_enable: 'true',
          svc_enable: 'false',
          vip_arp: 'true',
          address: VIPS.join(),
          prometheus_server: ':2113',
          kubevip_cluster_name: 'home',
          kubevip_election: labOptions().election,
          kubevip_state_dir: join(paths.disks, node),
          ...env,
        },
      });
    },
    async stop(node, how) {
      await stopDaemon(paths, vipAgent(node), { graceMs: how === 'kill' ? 0 : 10_000 });
    },
    pid(node) {
      const daemon = runningDaemons(paths).get(vipAgent(node));
      if (!daemon) throw new Error(`the agent of the VIP on ${node} does not run`);
      return daemon.pid;
    },
    log: logOf,
    lease: async () => lab.cluster.resource('Lease').find(LEASE),
    async watchHolders() {
      const watcher = createWatcher({
        resource: lab.cluster.resource('Lease'),
        selection: { namespace: LEASE.namespace },
        clock: realClock,
        entropy: realEntropy,
      });
      const holders: string[] = [];
      watcher.onChange((_key, lease) => {
        const holder = lease?.spec?.holderIdentity ?? '';
        if (lease?.metadata.name === LEASE.name && holder !== holders.at(-1)) holders.push(holder);
      });
      watcher.start();
      await watcher.synced;
      return {
        stop() {
          watcher.stop();
          return holders;
        },
      };
    },
    newOwner: async (before) => eventually(owner, (node) => node !== undefined && node !== before),
    served: async () => (await eventually(livez, (all) => all.every((status) => status === '200'))).every(Boolean),
    addresses: kernelAddresses,
    async hasTables(node) {
      const { stdout } = await lab.on(node, 'nft', 'list', 'tables');
      return stdout.includes(` ${TABLE}`);
    },
    disputed: () => rolls.map((roll) => roll.disputed()),
    async account() {
      const answered = rolls.map((roll, i) => {
        const all = roll.answers();
        const recent = new Set(all.slice(-RECENT).flat().map(nameOf));
        const holders = roll.holders().slice(-LAST_HOLDERS).map(nameOf);
        const silence = all.length - 1 - all.findLastIndex((answers) => answers.length > 0);
        return `${VIPS[i]}: answered by ${[...recent].join(' and ') || 'nobody'}, before that by ${holders.join(', ') || 'nobody'}; ${silence} of ${all.length} questions since the last answer`;
      });
      const lease = await lab.cluster.resource('Lease').find(LEASE);
      const nodes = await Promise.all(NODES.map(accountOf));
      return [...answered, `Lease: ${JSON.stringify(lease?.spec)}`, ...nodes].join('\n');
    },
    async [Symbol.asyncDispose]() {
      for (const roll of rolls) roll.stop();
      await delay(0);
    },
  };
}
