/** What is wrong, in words and with what to do: the part of the status that people look for. */
import type { PoolConfig } from '../../exposure/address/pools.ts';
import type { Lease, Service } from '../../model/kubernetes.ts';
import { firstProblem, hasConditions, hintsFor, type StageName } from '../stages.ts';
import type { AgentStatus } from './report.ts';

export interface Problem {
  /** `Service default/web`, `ConfigMap kubevip`, `agents` */
  readonly what: string;
  readonly stage?: StageName;
  readonly reason: string;
  readonly message: string;
  /** ISO 8601 */
  readonly since?: string;
  readonly hints: readonly string[];
}

/** The first stage that is not ready: what comes after it only waits. */
export function serviceProblems(service: Service): Problem[] {
  const { metadata } = service;
  const what = `Service ${metadata.namespace ?? 'default'}/${metadata.name}`;
  if (metadata.deletionTimestamp !== undefined) {
    const holds = (metadata.finalizers ?? []).join(', ');
    return [
      {
        what,
        reason: 'Deleting',
        message: `is being removed; held by ${holds || 'nothing'}`,
        since: metadata.deletionTimestamp,
        hints: [],
      },
    ];
  }
  const problem = firstProblem(service);
  if (problem) {
    const { stage, condition } = problem;
    const { reason, message, lastTransitionTime: since } = condition;
    return [{ what, stage, reason, message, since, hints: hintsFor(stage, reason) }];
  }
  if (hasConditions(service)) return [];
  return [
    {
      what,
      reason: 'NotSeen',
      message: 'no agent has said anything about it yet',
      ...(metadata.creationTimestamp === undefined ? {} : { since: metadata.creationTimestamp }),
      hints: [],
    },
  ];
}

export function agentProblems(presence: readonly Lease[] | undefined, agents: readonly AgentStatus[]): Problem[] {
  if (presence === undefined) return [forbidden('agents')];
  if (!agents.some(({ live }) => live)) {
    return [
      {
        what: 'agents',
        reason: 'NoAgent',
        message: 'no agent is running in this cluster',
        hints: ['kubectl -n kube-system get pods'],
      },
    ];
  }
  return agents
    .filter(({ live }) => !live)
    .map(({ node, lastSeen }) => ({
      what: `agent ${node}`,
      reason: 'AgentSilent',
      message: 'gives no sign of life',
      ...(lastSeen === undefined ? {} : { since: lastSeen }),
      hints: [],
    }));
}

export function forbidden(what: string): Problem {
  return { what, reason: 'Forbidden', message: 'may not be read with these credentials, and is left out', hints: [] };
}

/** One bad key never hides the others. */
export function keyProblems(config: PoolConfig): Problem[] {
  return config.problems.map(({ key, message }) => ({
    what: 'ConfigMap kubevip',
    reason: 'InvalidKey',
    message: `key ${key}: ${message}`,
    hints: ['kubectl -n kube-system edit configmap kubevip'],
  }));
}
