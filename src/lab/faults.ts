/** What happens to machines: power cuts, crashes, restarts, pulled cables. */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { agent, AGENT_GRACE, agentName } from './cluster-daemons.ts';
import { ensureDaemon, stopDaemon } from './daemons.ts';
import { runOrThrow } from './exec.ts';
import { startRouter } from './lab.ts';
import { labPaths, netnsOf, type LabPaths } from './layout.ts';
import { ensureNode, nodeNames, removeNode, setCable, setForwarding } from './network.ts';
import { forgetConnections, loadNat } from './router/nat.ts';
import { requireState, setPoweredOff, withLabLock, type LabState } from './state.ts';

/**
 * Cuts a node's power: it is silent from one moment to the next, and nothing it held in memory is left. Returns when
 * nothing of it runs any more.
 * @throws KubevipError LAB_DOWN, NO_SUCH_HOST
 */
export async function powerOff(id: string, node: string): Promise<void> {
  const paths = labPaths(id);
  requireNode(paths, node);
  await withLabLock(id, async () => {
    // Whoever supervises the node must know first, or it would start it again.
    setPoweredOff(paths, node, true);
    await removeNode(paths, node);
  });
}

/** Gives a node its power back; its agent starts with it, its pods follow. */
export async function powerOn(id: string, node: string): Promise<void> {
  const paths = labPaths(id);
  const state = requireNode(paths, node);
  await withLabLock(id, async () => {
    await ensureNode(paths, state.options, node);
    if (state.options.cluster && state.options.agents) await ensureDaemon(paths, agent(paths, state, node));
  });
}

/** Starts the agent of a node unless it runs. @throws KubevipError LAB_DOWN, NO_SUCH_HOST, DAEMON_FAILED */
export async function startAgent(id: string, node: string): Promise<void> {
  const paths = labPaths(id);
  await ensureDaemon(paths, agent(paths, requireNode(paths, node), node));
}

/** Stops the agent of a node: SIGTERM and time to clean up, or with `kill` SIGKILL. @returns whether it ran. */
export async function stopAgent(id: string, node: string, options: { readonly kill?: boolean } = {}): Promise<boolean> {
  const paths = labPaths(id);
  requireNode(paths, node);
  return await stopDaemon(paths, agentName(node), { graceMs: options.kill === true ? 0 : AGENT_GRACE });
}

/** Pulls (false) or plugs (true) the LAN cable of a host; the host keeps running, and nodes keep the API server. */
export async function setLanCable(id: string, host: string, up: boolean): Promise<void> {
  const paths = labPaths(id);
  requireState(paths);
  await setCable(paths, host, up);
}

/**
 * From now on the LAN's switch carries nothing of `from` to `to`, hosts that otherwise hear everybody as before. Both
 * ways is a partition, one way the loss of one direction. What was cut before is whole again; nothing given, all of it.
 */
export async function setCuts(
  id: string,
  cuts: readonly { readonly from: readonly string[]; readonly to: readonly string[] }[],
): Promise<void> {
  const paths = labPaths(id);
  requireState(paths);
  const ports = (hosts: readonly string[]): string => `{ ${hosts.map((host) => `"p-${host}"`).join(', ')} }`;
  const rules = cuts.map(({ from, to }) => `    iifname ${ports(from)} oifname ${ports(to)} drop\n`);
  const chain = `  chain forward {\n    type filter hook forward priority 0; policy accept;\n${rules.join('')}  }\n`;
  const table = rules.length === 0 ? '' : `table bridge cuts {\n${chain}}\n`;
  await runOrThrow(['nft', '-f', '-'], {
    netns: netnsOf(paths, 'lan'),
    input: `add table bridge cuts\ndelete table bridge cuts\n${table}`,
  });
}

/**
 * Restarts a service of the router; `crash` kills it without a goodbye.
 * @throws KubevipError LAB_DOWN, DAEMON_FAILED
 */
export async function restartRouterService(
  id: string,
  service: 'dnsmasq' | 'miniupnpd',
  options: { readonly crash?: boolean } = {},
): Promise<void> {
  const paths = labPaths(id);
  const state = requireState(paths);
  await withLabLock(id, async () => {
    await stopDaemon(paths, `router-${service}`, options.crash === true ? { graceMs: 0 } : {});
    await startRouter(paths, state.options);
  });
}

/**
 * Restarts the router as a power cut does: mappings and connections are forgotten; DHCP leases only with `leases`
 * (some routers keep them in memory). `downMs`: how long it is away.
 */
export async function rebootRouter(
  id: string,
  options: { readonly leases?: boolean; readonly downMs?: Milliseconds } = {},
): Promise<void> {
  const paths = labPaths(id);
  const state = requireState(paths);
  await withLabLock(id, async () => {
    await setForwarding(paths, 'router', false);
    await Promise.all(['router-dnsmasq', 'router-miniupnpd'].map((name) => stopDaemon(paths, name, { graceMs: 0 })));
    for (const file of [paths.upnpLeases, `${paths.upnpLeases}6`]) rmSync(file, { force: true });
    if (options.leases === true) rmSync(paths.leases, { force: true });
    await Promise.all([loadNat(paths, state.options), forgetConnections(paths), delay(options.downMs ?? 0)]);
    await setForwarding(paths, 'router', true);
    await startRouter(paths, state.options);
  });
}

function requireNode(paths: LabPaths, node: string): LabState {
  const state = requireState(paths);
  if (!nodeNames(state.options).includes(node)) {
    throw new KubevipError(`the lab has no node ${JSON.stringify(node)}`, {
      code: 'NO_SUCH_HOST',
      exit: EXIT.usage,
      hints: [`its nodes are: ${nodeNames(state.options).join(', ')}`],
    });
  }
  return state;
}
