/** The control-plane VIP in `kubevip status`: who has it, since when, and how each API server is, as far as known. */
import { CONTROL_PLANE_LEASE } from '../../manifests/names.ts';
import { hostPort } from '../../model/ip.ts';
import { apiEndpoints } from '../../kube/api-servers.ts';
import type { Cluster } from '../../kube/client.ts';
import type { ApiEndpoint } from '../../kube/credentials.ts';
import type { NotServing } from '../../kube/readiness.ts';
import { KEY } from '../../model/annotations.ts';
import { readControlPlaneRecord } from '../../model/control-plane-record.ts';
import type { EndpointSlice, Lease, Node } from '../../model/kubernetes.ts';
import { holderOf } from '../../model/lease.ts';
import { announcersOf, type Announcers } from './announcers.ts';
import type { BgpSpeaker } from './bgp.ts';
import type { Problem } from './problems.ts';

/** Asked one beside the other, while a person waits. */
const TIMEOUT_MS = 700;
/** Clocks of nodes and of this machine differ, and a renewal may be under way. */
const SKEW_MS = 5000;

export interface ApiServerStatus {
  /** `HOST:PORT` */
  readonly address: string;
  readonly node?: string;
  /** `unknown`: it cannot be asked from here. */
  readonly state: 'ready' | 'not-ready' | 'unknown';
  readonly message?: string;
}

export interface ControlPlaneStatus extends Announcers {
  readonly lease: string;
  /** As kubevip records them; none where kube-vip has the Lease. */
  readonly addresses: readonly string[];
  readonly port?: number;
  /** Who holds the Lease: the owner, or who writes down what is where every node announces. */
  readonly holder?: string;
  /** The holder renews its Lease. */
  readonly live: boolean;
  /** ISO 8601 of the last change of owner. */
  readonly since?: string;
  /** Counts changes of owner. */
  readonly term?: number;
  readonly names: readonly string[];
  readonly apiServers: readonly ApiServerStatus[];
}

export interface ControlPlaneInput {
  readonly leases: readonly Lease[];
  readonly slices: readonly EndpointSlice[];
  readonly nodes: readonly Node[];
  /** Of each endpoint, by `HOST:PORT`: why it does not serve; undefined: it does. Missing: not asked. */
  readonly answers: ReadonlyMap<string, NotServing | undefined>;
  readonly speakers: readonly BgpSpeaker[];
  readonly now: Date;
}

/** Undefined where nobody looks after such a VIP. */
export function controlPlaneStatus(input: ControlPlaneInput): ControlPlaneStatus | undefined {
  const lease = controlPlaneLease(input.leases);
  if (!lease) return undefined;
  const { spec, metadata } = lease;
  const { addresses = [], names = [], port, everyNode = false } = readControlPlaneRecord(lease);
  const holder = holderOf(lease);
  const renewed = Date.parse(spec?.renewTime ?? '');
  const lasts = (spec?.leaseDurationSeconds ?? 0) * 1000;
  return {
    lease: metadata.name,
    addresses,
    ...(port === undefined ? {} : { port }),
    ...announcersOf(addresses, holder, everyNode, input.speakers),
    ...(holder === undefined ? {} : { holder }),
    live: holder !== undefined && renewed + lasts + SKEW_MS > input.now.getTime(),
    ...(spec?.acquireTime === undefined ? {} : { since: spec.acquireTime }),
    ...(spec?.leaseTransitions === undefined ? {} : { term: spec.leaseTransitions }),
    names,
    apiServers: apiEndpoints(input.slices).map((endpoint) => apiServerStatus(endpoint, input)),
  };
}

export function controlPlaneLease(leases: readonly Lease[]): Lease | undefined {
  return (
    leases.find(({ metadata }) => metadata.annotations?.[KEY.controlPlane] !== undefined) ??
    leases.find(({ metadata }) => metadata.name === CONTROL_PLANE_LEASE)
  );
}

function apiServerStatus(endpoint: ApiEndpoint, { nodes, answers }: ControlPlaneInput): ApiServerStatus {
  const address = hostPort(endpoint.host, endpoint.port);
  const node = nodes.find(({ status }) => status?.addresses?.some((one) => one.address === endpoint.host));
  const known = answers.has(address);
  const answer = answers.get(address);
  const state = !known || answer?.kind === 'silent' ? 'unknown' : answer === undefined ? 'ready' : 'not-ready';
  return {
    address,
    ...(node === undefined ? {} : { node: node.metadata.name }),
    state,
    ...(answer === undefined ? {} : { message: answer.message }),
  };
}

/** Asks each of them. Never rejects. */
export async function askApiServers(
  cluster: Partial<Pick<Cluster, 'askReadiness'>>,
  slices: readonly EndpointSlice[],
): Promise<ReadonlyMap<string, NotServing | undefined>> {
  const answers = new Map<string, NotServing | undefined>();
  const { askReadiness } = cluster;
  if (!askReadiness) return answers;
  await Promise.all(
    apiEndpoints(slices).map(async (endpoint) => {
      answers.set(hostPort(endpoint.host, endpoint.port), await askReadiness(endpoint, TIMEOUT_MS));
    }),
  );
  return answers;
}

export function controlPlaneProblems(status: ControlPlaneStatus | undefined): Problem[] {
  if (!status) return [];
  const { holder, live, since, lease, apiServers, everyNode, announcedBy } = status;
  const what = 'control-plane VIP';
  const problems: Problem[] = [];
  if (everyNode && announcedBy?.length === 0) {
    problems.push({
      what,
      reason: 'NotAnnounced',
      message: 'no node tells a router of it',
      hints: ['What is said of BGP sessions and API servers here says why; so do the logs of the agents.'],
    });
  } else if (holder === undefined || !live) {
    const message =
      holder === undefined ? `nobody holds Lease ${lease}` : `${holder} holds Lease ${lease} and does not renew it`;
    const hints = ['kubectl -n kube-system get pods -o wide', 'The log of the agent says why it does not take it.'];
    problems.push({
      what,
      reason: holder === undefined ? 'NoOwner' : 'OwnerSilent',
      message,
      ...(since ? { since } : {}),
      hints,
    });
  }
  for (const { address, node, state, message = '' } of apiServers) {
    if (state !== 'not-ready') continue;
    problems.push({ what: `API server ${node ?? address}`, reason: 'ApiServerNotReady', message, hints: [] });
  }
  return problems;
}
