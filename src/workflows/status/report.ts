/** What `kubevip status` says, made from the objects of the cluster. Pure. */
import { drainingNodes, excludedNodes } from '../../agent/nodes.ts';
import { readAssigned } from '../../exposure/address/assigned.ts';
import { leasesOf } from '../../exposure/address/leased.ts';
import { poolContains } from '../../exposure/address/candidates.ts';
import { addressesInUse } from '../../exposure/address/in-use.ts';
import { parsePools, poolSize, type PoolConfig } from '../../exposure/address/pools.ts';
import { DEFAULT_CLASS_RULES, readIntent } from '../../exposure/intent/intent.ts';
import { readRecords } from '../../exposure/router/records.ts';
import { KEY } from '../../model/annotations.ts';
import { readFailovers, type FailoverRecord } from '../../model/failover-record.ts';
import { readAgentInfo } from '../../model/agent-info.ts';
import type { ConfigMap, Lease, Node, Service } from '../../model/kubernetes.ts';
import { describePool } from '../expose/check.ts';
import { publishedNames } from '../expose/judge.ts';
import { PRESENCE } from '../expose/wait.ts';
import {
  controlPlaneProblems,
  controlPlaneStatus,
  type ControlPlaneInput,
  type ControlPlaneStatus,
} from './control-plane.ts';
import { conditionOf, firstProblem, STAGES, type StageName } from '../stages.ts';
import { announcersOf, type Announcers } from './announcers.ts';
import { bgpProblems, bgpSpeakers, type BgpPeerStatus, type BgpSpeaker } from './bgp.ts';
import { agentProblems, electionProblems, forbidden, keyProblems, serviceProblems, type Problem } from './problems.ts';

export interface StatusInput {
  readonly services: readonly Service[];
  /** Every Service of the cluster, for what of the pools is in use; undefined: may not be read, `services` will do. */
  readonly allServices: readonly Service[] | undefined;
  /** Presence Leases; undefined: may not be read. */
  readonly presence: readonly Lease[] | undefined;
  /** Undefined: not there; null: may not be read. */
  readonly pools: ConfigMap | undefined | null;
  /** Undefined: may not be read. */
  readonly nodes: readonly Node[] | undefined;
  /** Undefined: nothing of it may be read. */
  readonly controlPlane?: Omit<ControlPlaneInput, 'now' | 'nodes' | 'speakers'> | undefined;
  readonly now: Date;
}

export interface StatusReport {
  /** Absent where the control plane has no VIP of ours or of kube-vip. */
  readonly controlPlane?: ControlPlaneStatus;
  readonly services: readonly ServiceStatus[];
  readonly agents: readonly AgentStatus[];
  readonly pools: readonly PoolStatus[];
  /** Sessions with routers, by node; absent where addresses are not announced by BGP. */
  readonly bgp?: readonly BgpPeerStatus[];
  /** Nodes that Kubernetes' exclude label is about. */
  readonly excluded: ExcludedNodes;
  /** As the nodes that took over tell them, newest first. */
  readonly failovers: readonly FailoverRecord[];
  readonly problems: readonly Problem[];
}

export interface ExcludedNodes {
  readonly nodes: readonly string[];
  /** Whether the agents honour the label (`honor_exclude_label`): those nodes own no address then. */
  readonly honored: boolean;
}

export interface ServiceStatus extends Announcers {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly source?: 'pool' | 'explicit' | 'dhcp';
  readonly pool?: string;
  readonly interface?: string;
  readonly router: readonly {
    readonly protocol: string;
    readonly internalIp: string;
    readonly internalPort: number;
    readonly externalPort: number;
    readonly externalIp?: string;
    readonly gateway: string;
    readonly method: string;
  }[];
  readonly names: readonly string[];
  readonly ready: boolean;
  /** First stage that is not ready. */
  readonly waitingFor?: StageName;
  readonly deleting: boolean;
  /** ISO 8601; when `ready` last changed. */
  readonly since?: string;
  readonly created?: string;
  /** ISO 8601; by the clock of the node that took the lease. */
  readonly leaseExpires?: string;
  readonly stages: readonly {
    readonly stage: StageName;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly since: string;
  }[];
}

export interface AgentStatus {
  readonly node: string;
  readonly live: boolean;
  /** Addresses are kept away from it (`kubevip handover`). */
  readonly draining: boolean;
  /** ISO 8601 of the last sign of life. */
  readonly lastSeen?: string;
  readonly version?: string;
}

export interface PoolStatus {
  readonly key: string;
  readonly description: string;
  readonly dhcp: boolean;
  /** Addresses in use of the pool; for DHCP, of all leases. */
  readonly used: number;
  /** Absent for DHCP, and for pools too large to count (text: beyond 2^53 numbers are not exact). */
  readonly size?: string;
}

/** Clocks of nodes and of this machine differ, and a renewal may be under way. */
const SKEW_MS = 5000;

export function statusReport(input: StatusInput): StatusReport {
  const ours = input.services.filter(isOurs);
  const config = parsePools(input.pools?.data ?? {});
  const presence = input.presence ?? [];
  const { now, nodes = [] } = input;
  const draining = drainingNodes(nodes);
  const agents = presence.map((lease) => agentStatus(lease, now, draining)).sort(byNode);
  const speakers = bgpSpeakers(input.controlPlane?.leases ?? [], now, silentNodes(agents, nodes));
  const everyNode = presence.some((lease) => readAgentInfo(lease).everyNode === true);
  const controlPlane = input.controlPlane && controlPlaneStatus({ ...input.controlPlane, nodes, speakers, now });
  return {
    ...(controlPlane ? { controlPlane } : {}),
    services: ours.map((service) => serviceStatus(service, everyNode, speakers)),
    agents,
    pools: poolStatus(config, input.allServices ?? input.services),
    ...(speakers.length > 0 ? { bgp: speakers.flatMap(({ peers }) => peers) } : {}),
    excluded: {
      nodes: excludedNodes(input.nodes ?? []),
      honored: presence.some((lease) => readAgentInfo(lease).honorsExcludeLabel === true),
    },
    failovers: [...presence, ...(input.controlPlane?.leases.filter((lease) => !presence.includes(lease)) ?? [])]
      .flatMap(readFailovers)
      .sort((a, b) => Date.parse(b.decided) - Date.parse(a.decided)),
    problems: [
      ...controlPlaneProblems(controlPlane),
      ...agentProblems(input.presence, agents),
      ...electionProblems(presence, agents),
      ...keyProblems(config),
      ...bgpProblems(speakers),
      ...(input.pools === null ? [forbidden('ConfigMap kubevip')] : []),
      ...ours.flatMap(serviceProblems),
    ],
  };
}

/** Wanted from us, or carrying what we made of it. */
function isOurs(service: Service): boolean {
  const marked = { ...service, metadata: { ...service.metadata, uid: service.metadata.uid ?? 'unknown' } };
  return readIntent(marked, DEFAULT_CLASS_RULES).state === 'ready' || readAssigned(service) !== undefined;
}

function serviceStatus(service: Service, everyNode: boolean, speakers: readonly BgpSpeaker[]): ServiceStatus {
  const { metadata, status } = service;
  const assigned = readAssigned(service);
  const ready = conditionOf(service, 'ready');
  const isOwned = conditionOf(service, 'owner')?.status === 'True';
  const addresses = assigned?.ips ?? (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  const problem = firstProblem(service);
  // Of two the one that ends first.
  const leaseEnds = leasesOf(assigned).map(
    ({ acquiredAt, leaseSeconds }) => Date.parse(acquiredAt) + leaseSeconds * 1000,
  );
  return {
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    addresses,
    ...(assigned ? { source: assigned.source } : {}),
    ...(assigned?.pool === undefined ? {} : { pool: assigned.pool }),
    ...(assigned?.link === undefined ? {} : { interface: assigned.link }),
    ...announcersOf(addresses, isOwned ? metadata.annotations?.[KEY.vipHost] : undefined, everyNode, speakers),
    router: readRecords(service).map(
      ({ protocol, internalIp, internalPort, externalPort, externalIp, gateway, method }) => ({
        protocol,
        internalIp,
        internalPort,
        externalPort,
        ...(externalIp === undefined ? {} : { externalIp }),
        gateway,
        method,
      }),
    ),
    names: publishedNames(service),
    ready: ready?.status === 'True' && metadata.deletionTimestamp === undefined,
    ...(problem ? { waitingFor: problem.stage } : {}),
    deleting: metadata.deletionTimestamp !== undefined,
    ...(ready ? { since: ready.lastTransitionTime } : {}),
    ...(metadata.creationTimestamp === undefined ? {} : { created: metadata.creationTimestamp }),
    ...(leaseEnds.length > 0 ? { leaseExpires: new Date(Math.min(...leaseEnds)).toISOString() } : {}),
    stages: STAGES.flatMap((stage) => {
      const condition = conditionOf(service, stage);
      if (!condition) return [];
      const { status: value, reason, message, lastTransitionTime: since } = condition;
      return [{ stage, status: value, reason, message, since }];
    }),
  };
}

export function agentStatus(lease: Lease, now: Date, draining: readonly string[]): AgentStatus {
  const { metadata, spec } = lease;
  const { version } = readAgentInfo(lease);
  const node = metadata.name.slice(PRESENCE.prefix.length);
  const renewed = Date.parse(spec?.renewTime ?? '');
  const lasts = (spec?.leaseDurationSeconds ?? 0) * 1000;
  const released = spec?.holderIdentity === '';
  return {
    node,
    live: !released && renewed + lasts + SKEW_MS > now.getTime(),
    draining: draining.includes(node),
    ...(spec?.renewTime === undefined ? {} : { lastSeen: spec.renewTime }),
    ...(version === undefined ? {} : { version }),
  };
}

/** The record of a node that died could be read for minutes as if it lived: until when what it says is void. */
function silentNodes(agents: readonly AgentStatus[], nodes: readonly Node[]): ReadonlyMap<string, number> {
  const lost = nodes.flatMap(({ metadata, status }) => {
    const unknown = status?.conditions?.find(({ type, status: value }) => type === 'Ready' && value === 'Unknown');
    return unknown === undefined ? [] : [[metadata.name, Date.parse(unknown.lastTransitionTime)] as const];
  });
  const silent = agents.flatMap(({ node, live }) => (live ? [] : [[node, Number.POSITIVE_INFINITY] as const]));
  return new Map([...lost, ...silent]);
}

function poolStatus(config: PoolConfig, services: readonly Service[]): PoolStatus[] {
  const used = [...addressesInUse(services).keys()];
  const leased = services.filter((service) => readAssigned(service)?.source === 'dhcp').length;
  return [...config.pools.values()].map((pool) => ({
    key: pool.key,
    description: describePool(pool),
    dhcp: pool.dhcp,
    used: pool.dhcp ? leased : used.filter((ip) => poolContains(pool, ip)).length,
    ...(pool.dhcp ? {} : { size: poolSize(pool).toString() }),
  }));
}

function byNode(a: AgentStatus, b: AgentStatus): number {
  return a.node.localeCompare(b.node, 'en', { numeric: true });
}
