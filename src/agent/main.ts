/** The in-cluster process: `node dist/agent/main.js`, and `kubevip agent`. */
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import { Agent } from './agent.ts';
import { readConfig } from './config.ts';
import { serveHttp } from './http.ts';
import { createLogger } from './log.ts';
import { wire } from './wire.ts';

/** A handover that takes longer than this is cut short: the kubelet would kill us anyway. */
const STOP_WITHIN = 5_000;

/** Runs until SIGTERM or SIGINT. @returns the exit code. */
export async function runAgent(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const config = readConfig(env, hostname());
  const log = createLogger(config.logLevel, config.node);
  const parts = wire(config, log);
  if (!config.servicesEnabled) {
    log.info({}, 'svc_enable=false: no Services are served here, and what an earlier run left on this node is removed');
    await parts.stages.announcement.close();
    const idle = config.listen && (await serveHttp(config.listen, new Registry(), () => ({})));
    await untilSignal();
    idle?.close();
    return EXIT.ok;
  }
  const agent = new Agent(parts);
  const server = config.listen && (await serveHttp(config.listen, agent.metrics.registry, () => agent.health()));
  // A defect in one callback must not take the addresses of every Service with it.
  process.on('uncaughtException', (error) =>
    log.error({ message: error.message, stack: error.stack }, 'unexpected error; going on'),
  );
  process.on('unhandledRejection', (error) =>
    log.error({ message: messageOf(error) }, 'unexpected rejection; going on'),
  );
  const signal = untilSignal();
  log.info({ namespace: config.namespace, listen: config.listen }, 'agent starts');
  agent.start().then(
    () => log.info({}, 'agent is ready'),
    (error: unknown) => log.error({ message: messageOf(error) }, 'agent could not start'),
  );
  log.info({ signal: await signal }, 'agent stops');
  await Promise.race([agent.stop(), new Promise((resolve) => setTimeout(resolve, STOP_WITHIN).unref())]);
  server?.close();
  return EXIT.ok;
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}

if (import.meta.main) {
  runAgent().then(
    (code) => process.exit(code),
    (error: unknown) => {
      const hints = error instanceof KubevipError ? error.hints : [];
      process.stderr.write(`${[messageOf(error), ...hints].join('\n')}\n`);
      process.exit(error instanceof KubevipError ? error.exit : EXIT.bug);
    },
  );
}
