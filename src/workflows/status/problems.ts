/** What is wrong, in words and with what to do: the part of the status that people look for. */
import type { PoolConfig } from '../../exposure/address/pools.ts';
import { nodeOf } from '../../exposure/ownership/names.ts';
import { HEARTBEAT_PORTS } from '../../manifests/names.ts';
import { readAgentInfo } from '../../model/agent-info.ts';
import { KEY } from '../../model/annotations.ts';
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

/** Agents that do not hear each other, for a firewall perhaps, and agents that choose owners in different ways. */
export function electionProblems(presence: readonly Lease[], agents: readonly AgentStatus[]): Problem[] {
  const isLive = (node: string): boolean => agents.some((agent) => agent.node === node && agent.live);
  const live = presence
    .map((lease) => ({ lease, node: nodeOf(lease.metadata.name) ?? '' }))
    .filter(({ node }) => isLive(node));
  const byLease = live.filter(({ lease }) => lease.metadata.annotations?.[KEY.heartbeat] === undefined);
  const unheard = live.flatMap(({ lease, node }): Problem[] => {
    const others = (readAgentInfo(lease).unheard ?? []).filter(isLive);
    if (others.length === 0) return [];
    return [
      {
        what: `agent ${node}`,
        reason: 'AgentNotHeard',
        message: `does not hear the heartbeats of ${others.join(', ')}: between them addresses move by Leases, in seconds`,
        hints: [
          `Let UDP port ${HEARTBEAT_PORTS.services} (kubevip_heartbeat_port) through between the nodes: ufw allow ${HEARTBEAT_PORTS.services}/udp, or firewall-cmd --permanent --add-port=${HEARTBEAT_PORTS.services}/udp && firewall-cmd --reload`,
          'Where it cannot be opened, set kubevip_election=lease on all agents.',
        ],
      },
    ];
  });
  if (byLease.length === 0 || byLease.length === live.length) return unheard;
  const names = byLease.map(({ node }) => node).sort();
  return [
    ...unheard,
    {
      what: 'agents',
      reason: 'ElectionsDiffer',
      message: `${names.join(', ')} ${names.length === 1 ? 'elects' : 'elect'} through Leases, the others by heartbeat: between them addresses move by Leases, in seconds`,
      hints: ['Set kubevip_election alike on all agents.'],
    },
  ];
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
