/** A lab as a whole: bring it up, take it down. */
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { agent, AGENT_GRACE, agentName, apiServer, workloads } from './cluster-daemons.ts';
import { ensureDaemon, labProcesses, runningDaemons, stopDaemon } from './daemons.ts';
import { laptopAvahi, laptopBus } from './laptop/avahi.ts';
import { labPaths, type LabPaths } from './layout.ts';
import { deleteNetns, listNetns } from './netns.ts';
import { applyWan, buildNetwork, ensureNode, networkExists, nodeNames } from './network.ts';
import { labOptions, type LabOptions, type LabOptionsInput } from './options.ts';
import { requireLabMachine } from './preflight.ts';
import { killHard } from './process.ts';
import { dnsmasq } from './router/dnsmasq.ts';
import { miniupnpd } from './router/miniupnpd.ts';
import { loadNat } from './router/nat.ts';
import { makeFolders, readState, removeFolders, withLabLock, writeState, type LabState } from './state.ts';

/**
 * Makes a lab be there and whole: builds what is missing, restarts what ended, powers on what was off. Options of an
 * existing lab stay as they are unless others are given; changing the number of nodes or IPv6 builds it anew.
 * @throws KubevipError BAD_LAB_ID, BAD_LAB_OPTIONS, LAB_BUSY, COMMAND_NOT_FOUND, DAEMON_FAILED …
 */
export async function labUp(id: string, input?: LabOptionsInput): Promise<LabState> {
  const paths = labPaths(id);
  const wanted = input === undefined ? undefined : labOptions(input);
  requireLabMachine();
  return await withLabLock(id, async () => {
    const before = readState(paths);
    const options = wanted ?? before?.options ?? labOptions();
    const keep = before !== undefined && sameNetwork(before.options, options) && networkExists(paths);
    const state = keep ? { ...before, options } : await build(paths, options);
    if (keep) await adjust(paths, before.options, options);
    writeState(paths, state);
    await startAll(paths, state);
    return state;
  });
}

/** Takes a lab down and leaves nothing of it. One that is not there is not an error. */
export async function labDown(id: string): Promise<void> {
  const paths = labPaths(id);
  await withLabLock(id, () => tearDown(paths));
}

function sameNetwork(a: LabOptions, b: LabOptions): boolean {
  return a.nodes === b.nodes && a.ipv6 === b.ipv6;
}

async function build(paths: LabPaths, options: LabOptions): Promise<LabState> {
  await tearDown(paths);
  makeFolders(paths);
  const [apiPort] = await Promise.all([freePort(), buildNetwork(paths, options)]);
  await loadNat(paths, options);
  return { options, apiPort };
}

/** Brings a network that stands to other options. */
async function adjust(paths: LabPaths, before: LabOptions, options: LabOptions): Promise<void> {
  if (before.wan !== options.wan) await applyWan(paths, options);
  // Reloading forgets the mappings, which miniupnpd would not notice: only when something is different.
  if (before.upnp.natPmp !== options.upnp.natPmp || before.upnp.pcp !== options.upnp.pcp) {
    await stopDaemon(paths, 'router-miniupnpd');
    await loadNat(paths, options);
  }
  await Promise.all(nodeNames(options).map((node) => ensureNode(paths, options, node)));
}

async function startAll(paths: LabPaths, state: LabState): Promise<void> {
  const { options } = state;
  const cluster = options.cluster ? startCluster(paths, state) : stopCluster(paths, options);
  // All of them come to an end before the first failure is told: nothing goes on in the background.
  const results = await Promise.allSettled([startRouter(paths, options), startLaptop(paths), cluster]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Starts what is not running of the router's services, and stops what the options do not want. */
export async function startRouter(paths: LabPaths, options: LabOptions): Promise<void> {
  const upnp = miniupnpd(paths, options);
  await Promise.all([
    ensureDaemon(paths, dnsmasq(paths, options)),
    upnp === undefined ? stopDaemon(paths, 'router-miniupnpd') : ensureDaemon(paths, upnp),
  ]);
}

async function startLaptop(paths: LabPaths): Promise<void> {
  await ensureDaemon(paths, laptopBus(paths));
  const bus = runningDaemons(paths).get('laptop-dbus');
  if (bus !== undefined) await ensureDaemon(paths, laptopAvahi(paths, bus));
}

async function startCluster(paths: LabPaths, state: LabState): Promise<void> {
  await ensureDaemon(paths, apiServer(paths, state));
  const agents = nodeNames(state.options).map((node) =>
    state.options.agents
      ? ensureDaemon(paths, agent(paths, state, node))
      : stopDaemon(paths, agentName(node), { graceMs: AGENT_GRACE }),
  );
  await Promise.all([ensureDaemon(paths, workloads(paths, state)), ...agents]);
}

async function stopCluster(paths: LabPaths, options: LabOptions): Promise<void> {
  const names = ['workloads', ...nodeNames(options).map(agentName), 'api'];
  await Promise.all(names.map((name) => stopDaemon(paths, name)));
}

async function tearDown(paths: LabPaths): Promise<void> {
  // A second look: a program that a killed `up` had just started may have made one more namespace meanwhile.
  for (let round = 0; round < 2; round++) {
    labProcesses(paths.id).forEach(killHard);
    await Promise.all(listNetns(paths.netnsPrefix).map(deleteNetns));
    await delay(round === 0 ? 20 : 0);
  }
  removeFolders(paths);
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
