/** The Services as a part of the agent's process. */
import { messageOf } from '../model/errors.ts';
import type { FailoverRecord } from '../model/failover-record.ts';
import { Agent } from './agent.ts';
import type { Ways } from './announcer.ts';
import type { AgentConfig } from './config.ts';
import type { DumpSection } from './dump.ts';
import type { Health } from './http.ts';
import type { Logger } from './log.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import { servicesSections } from './services-dump.ts';
import { wire } from './wire.ts';

/** A part of the agent: parts of one process know nothing of each other. */
export interface Part {
  start(): void;
  /** Leaves the node as if it had never run. */
  stop(): Promise<void>;
  health(): Health;
  /** To this node, newest first. */
  failovers(): readonly FailoverRecord[];
  /** What it knows, for people who look for a fault. */
  dump(): readonly DumpSection[];
}

/** @throws KubevipError for a kubeconfig that cannot be used, OsError without the right to change addresses */
export function servicesPart(config: AgentConfig, log: Logger, metrics: ProcessMetrics, ways: Ways = {}): Part {
  const parts = wire(config, log, metrics, ways);
  const agent = new Agent(parts, metrics);
  return {
    start: () => {
      agent.start().then(
        () => log.info({}, 'agent is ready'),
        (error: unknown) => log.error({ message: messageOf(error) }, 'agent could not start'),
      );
    },
    stop: async () => agent.stop(),
    health: () => agent.health(),
    failovers: () => agent.failovers(),
    dump: () => servicesSections(parts),
  };
}

const RETRY = 1000;

/** The same beside another part, which must not end because this one cannot begin. */
export function patientServicesPart(config: AgentConfig, log: Logger, metrics: ProcessMetrics, ways: Ways = {}): Part {
  let part: Part | undefined;
  let problem = 'not started';
  let timer: NodeJS.Timeout | undefined;
  const attempt = (): void => {
    try {
      part = servicesPart(config, log, metrics, ways);
      part.start();
    } catch (error) {
      const message = messageOf(error);
      if (message !== problem) log.warn({ message }, 'Services cannot be served yet; tried again each second');
      problem = message;
      timer = setTimeout(attempt, RETRY).unref();
    }
  };
  return {
    start: attempt,
    stop: async () => {
      clearTimeout(timer);
      await part?.stop();
    },
    health: () => part?.health() ?? { notReady: problem },
    failovers: () => part?.failovers() ?? [],
    dump: () => part?.dump() ?? [{ title: 'SERVICES CONFIGURATION', lines: [problem] }],
  };
}
