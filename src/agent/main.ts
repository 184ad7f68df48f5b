/** The in-cluster process: `node dist/agent/main.js`, and `kubevip agent`. */
import { existsSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { hostname } from 'node:os';
import { kernelState } from '../linux/kernel-state.ts';
import { ROWS } from '../manifests/kube-vip/table.ts';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import type { FailoverRecord } from '../model/failover-record.ts';
import { hostPort } from '../model/ip.ts';
import { VERSION } from '../model/version.ts';
import { settingsOfArguments } from './arguments.ts';
import { readMode } from './announcement-mode.ts';
import type { Ways } from './announcer.ts';
import { BgpPart } from './bgp/part.ts';
import { wireBgp } from './bgp/wire.ts';
import { readConfig, SETTINGS, type AgentConfig } from './config.ts';
import { withConfigFile } from './config-file.ts';
import { ControlPlanePart } from './control-plane/part.ts';
import { wireNode } from './control-plane/wire.ts';
import { createDistinctLog } from './distinct-log.ts';
import { serveHttp, type Health } from './http.ts';
import { asKubeVipWould, environmentWarnings } from './kubevip-env.ts';
import { kernelSections, settingsSection, writeDump, type DumpSection } from './dump.ts';
import { createLogger, type Logger } from './log.ts';
import { createProcessMetrics, type ProcessMetrics } from './process-metrics.ts';
import { patientServicesPart, servicesPart, type Part } from './services.ts';
import { wire } from './wire.ts';
import { WireguardPart } from './wireguard/part.ts';

/** What takes longer than this at the end is cut short: the kubelet would kill us anyway, after thirty seconds. */
const STOP_WITHIN = 15_000;

/** A port that another agent on this node has: tried again this often. */
const LISTEN_AGAIN = 10_000;

/** Runs until SIGTERM or SIGINT. @param args as kube-vip's, after the program. @returns the exit code. */
export async function runAgent(
  args: readonly string[] = [],
  variables: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const { env, warnings } = environmentOf(args, variables);
  const config = readConfig(asKubeVipWould(env, existsSync), hostname());
  const log = createLogger(config.logLevel, config.node);
  for (const warning of [...warnings, ...environmentWarnings(env)]) log.warn({}, warning);
  const metrics = createProcessMetrics(config.node, VERSION);
  // Before anything is changed on the node: who is told to end in that moment takes it back.
  const signal = untilSignal();
  const parts = await partsOf(config, log, metrics);
  // A defect in one callback must not take the addresses of every Service with it.
  process.on('uncaughtException', (error) =>
    log.error({ message: error.message, stack: error.stack }, 'unexpected error; going on'),
  );
  process.on('unhandledRejection', (error) =>
    log.error({ message: messageOf(error) }, 'unexpected rejection; going on'),
  );
  const settings = settingsSection(SETTINGS.parse(env));
  process.on('SIGUSR1', () => void dump(config, settings, parts));
  // Timers and sockets here do not keep a process alive, and there may be no API server and no port yet.
  const alive = setInterval(() => undefined, 2 ** 30);
  const health = (): Health => Object.assign({}, ...parts.map((part) => part.health())) as Health;
  const failovers = (): FailoverRecord[] =>
    parts.flatMap((part) => part.failovers()).sort((a, b) => Date.parse(b.decided) - Date.parse(a.decided));
  const closeHttp = keepListening(config, log, (listen) => serveHttp(listen, metrics.registry, health, failovers));
  log.info({ namespace: config.namespace, listen: config.listen }, 'agent starts');
  if (signal.received === undefined) for (const part of parts) part.start();
  log.info({ signal: await signal.promise }, 'agent stops');
  const stopped = Promise.allSettled(parts.map((part) => part.stop())).then((outcomes) => {
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') log.error({ message: messageOf(outcome.reason) }, 'not all was taken back');
    return true;
  });
  const inTime = await Promise.race([stopped, pauseFor(STOP_WITHIN)]);
  if (!inTime) log.error({ seconds: STOP_WITHIN / 1000 }, 'the end took too long: something may be left on this node');
  closeHttp();
  clearInterval(alive);
  return EXIT.ok;
}

/** Arguments win over variables, and those over the file. @throws KubevipError for what cannot be, exit 2 */
function environmentOf(args: readonly string[], variables: NodeJS.ProcessEnv): ReturnType<typeof withConfigFile> {
  const said = { ...variables, ...settingsOfArguments(args) };
  return withConfigFile(said, said['config_file'] || undefined, (path) => readFileSync(path, 'utf8'), [
    ...new Set([...ROWS.map(([name]) => name), ...Object.keys(SETTINGS.shape)]),
  ]);
}

async function partsOf(config: AgentConfig, log: Logger, metrics: ProcessMetrics): Promise<readonly Part[]> {
  const { controlPlane, servicesEnabled, bgp } = config;
  if (controlPlane || servicesEnabled) {
    // Before the parts with addresses: what the last run left on the node says whether routers may have kept its routes.
    const node = bgp && wireBgp(config, bgp);
    const wireguard = config.mode.kind === 'wireguard' ? new WireguardPart(config, log) : undefined;
    const ways: Ways = {
      ...(node === undefined ? {} : { routes: node.hub }),
      ...(wireguard === undefined ? {} : { tunnels: wireguard.tunnels }),
    };
    const first = [
      ...(bgp && node ? [new BgpPart({ config, bgp, node, log, metrics })] : []),
      ...(wireguard ? [wireguard] : []),
    ];
    if (!controlPlane) return [...first, servicesPart(config, log, metrics, ways)];
    const vip = new ControlPlanePart({ config, controlPlane, node: wireNode(config, ways), log, metrics });
    return [...first, vip, ...(servicesEnabled ? [patientServicesPart(config, log, metrics, ways)] : [])];
  }
  log.info({}, 'svc_enable=false: no Services are served here, and what an earlier run left on this node is removed');
  // Who serves nothing has nothing to say to other agents: no heartbeats.
  const quiet: AgentConfig = { ...config, mode: readMode({}), election: { ...config.election, kind: 'lease' } };
  const { announcement, endpoints, onlookers } = wire(quiet, log).stages;
  await Promise.all([announcement.close(), ...[endpoints, ...onlookers].map((onlooker) => onlooker.stop())]);
  return [];
}

/** Metrics are never worth more than the addresses: without its port the agent goes on. @returns the way to stop */
function keepListening(
  config: AgentConfig,
  log: Logger,
  serve: (listen: NonNullable<AgentConfig['listen']>) => Promise<Server>,
): () => void {
  const { listen } = config;
  const trouble = createDistinctLog(log, 'no metrics and no health checks: prometheus_server cannot be', 'warn');
  let server: Server | undefined;
  let timer: NodeJS.Timeout | undefined;
  const attempt = (): void => {
    if (!listen) return;
    serve(listen).then(
      (opened) => (server = opened),
      (error: unknown) => {
        trouble(hostPort(listen.host, listen.port), error);
        timer = setTimeout(attempt, LISTEN_AGAIN).unref();
      },
    );
  };
  attempt();
  return () => {
    clearTimeout(timer);
    server?.close();
  };
}

/** To standard output, as kube-vip does; the agent goes on meanwhile. */
async function dump(config: AgentConfig, settings: DumpSection, parts: readonly Part[]): Promise<void> {
  const sections = [
    settings,
    ...parts.flatMap((part) => part.dump()),
    ...kernelSections(await kernelState(config.netns)),
  ];
  const { pid } = process;
  process.stdout.write(writeDump({ node: config.node, version: VERSION, pid, now: new Date() }, sections));
}

function pauseFor(delay: number): Promise<false> {
  return new Promise((resolve) => void setTimeout(() => resolve(false), delay).unref());
}

/** The first one, once it has come. */
function untilSignal(): { readonly promise: Promise<string>; readonly received: string | undefined } {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received: string | undefined;
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      received ??= name;
      resolve(name);
    });
  return {
    promise,
    get received() {
      return received;
    },
  };
}

if (import.meta.main) {
  runAgent(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error: unknown) => {
      const hints = error instanceof KubevipError ? error.hints : [];
      process.stderr.write(`${[messageOf(error), ...hints].join('\n')}\n`);
      process.exit(error instanceof KubevipError ? error.exit : EXIT.bug);
    },
  );
}
