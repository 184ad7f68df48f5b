/**
 * `kubevip handover NODE`: its addresses move to other nodes, each one first there and then away from here, and stay
 * away until it is undone. The wish stands on the Node object, so that it outlasts this command and any restart.
 */
import { excludedNodes, drainingNodes } from '../agent/nodes.ts';
import { readAssigned } from '../exposure/address/assigned.ts';
import { addressOf } from '../exposure/ownership/names.ts';
import type { Cluster } from '../kube/client.ts';
import { readAgentInfo } from '../model/agent-info.ts';
import { KEY } from '../model/annotations.ts';
import { EXIT, KubevipError, type ErrorDetails } from '../model/errors.ts';
import { keyOf, type EndpointSlice, type Lease, type Node, type Service } from '../model/kubernetes.ts';
import { holderOf } from '../model/lease.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import { nodesWithReadyEndpoints } from '../agent/endpoints.ts';
import { isPresence, PRESENCE } from './expose/wait.ts';
import { until } from './install/until.ts';
import { keepVipAway, vipOn } from './handover-vip.ts';
import { controlPlaneLease } from './status/control-plane.ts';
import { agentStatus } from './status/report.ts';
import { done, stageStep, warning, type Step } from './steps.ts';

export interface HandoverParts {
  readonly cluster: Pick<Cluster, 'resource'>;
  readonly clock: Clock;
  /** How long to wait for the addresses to move. */
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal;
}

export interface HandoverResult {
  readonly node: string;
  /** Whether addresses stay away from it from now on. */
  readonly draining: boolean;
  /** What it had, and who has it now. */
  readonly moved: readonly MovedAddress[];
  /** What it still has. */
  readonly kept: readonly KeptAddress[];
}

export interface MovedAddress {
  readonly address: string;
  readonly services: readonly string[];
  readonly to: string;
}

export interface KeptAddress {
  readonly address: string;
  readonly services: readonly string[];
  readonly reason: string;
}

/** Addresses were still there when the time was up. `result` is how far it got. */
export class HandoverError extends KubevipError {
  readonly result: HandoverResult;

  constructor(message: string, details: ErrorDetails, result: HandoverResult) {
    super(message, details);
    this.result = result;
  }
}

/** In place of a Service. */
const CONTROL_PLANE = 'control plane';

interface World {
  readonly node: Node;
  readonly nodes: readonly Node[];
  readonly leases: readonly Lease[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

/**
 * @throws KubevipError NO_SUCH_NODE, NODE_ALONE, NO_AGENTS, AGENT_BLIND (all before anything is written), INTERRUPTED;
 * HandoverError TIMED_OUT; ApiError
 */
export async function* handover(name: string, parts: HandoverParts): AsyncGenerator<Step, HandoverResult> {
  const { cluster, clock, timeout, signal } = parts;
  const world = await survey(name, parts);
  const vip = vipOn(name, world);
  const others = successors(world, clock.wall(), vip !== undefined && vip.obstacle === undefined);
  const before = addressesOn(name, world.leases);
  yield* mark(world, parts);
  await keepVipAway(name, true, parts, controlPlaneLease(world.leases));
  const stuck = [
    ...(vip?.obstacle === undefined ? [] : kept(vip.addresses, [CONTROL_PLANE], vip.obstacle)),
    ...before.flatMap((address) => {
      const reason = obstacle(address, others, world);
      return reason === undefined ? [] : kept([address], servicesOf(address, world), reason);
    }),
  ];
  for (const { address, reason } of stuck) yield warning(`${address} stays on ${name}: ${reason}`);

  const vips = vip?.obstacle === undefined ? (vip?.addresses ?? []) : [];
  const movable = [...vips, ...before.filter((address) => !stuck.some((one) => one.address === address))];
  const usersOf = (address: string): readonly string[] =>
    vips.includes(address) ? [CONTROL_PLANE] : servicesOf(address, world);
  let holders = holdersOf(world.leases);
  const left = (): string[] => movable.filter((address) => !isElsewhere(holders.get(address), name));
  if (movable.length > 0) yield stageStep('addresses', 'waiting', 'Moving', `${countOf(movable.length)} to move`);
  const isDone = await until(
    async () => {
      const { items } = await cluster.resource('Lease').list({ namespace: PRESENCE.namespace }, { signal });
      holders = holdersOf(items);
      const holder = holderOf(items.find(({ metadata }) => metadata.name === vip?.lease));
      if (holder !== undefined) for (const address of vips) holders.set(address, holder);
      return left().length === 0;
    },
    { clock, timeout, signal },
  );
  const moved = movable.flatMap((address) => {
    const to = holders.get(address);
    return isElsewhere(to, name) ? [{ address, services: usersOf(address), to }] : [];
  });
  const late = left().flatMap((address) => kept([address], usersOf(address), 'no other node has taken it yet'));
  const result = { node: name, draining: true, moved, kept: [...stuck, ...late] };
  if (!isDone) {
    throw new HandoverError(
      `${late.map(({ address }) => address).join(', ')} ${late.length === 1 ? 'has' : 'have'} not moved from ${name} within ${timeout / 1000} s`,
      {
        code: 'TIMED_OUT',
        exit: EXIT.timeout,
        hints: [
          'It goes on by itself; `kubevip status` shows how far it is.',
          `\`kubevip handover ${name} --undo\` calls it off.`,
        ],
      },
      result,
    );
  }
  if (movable.length > 0) yield stageStep('addresses', 'ready', 'Moved', `${countOf(moved.length)} moved`);
  return result;
}

/** Addresses may come to the node again; none is pulled back. @throws KubevipError NO_SUCH_NODE; ApiError */
export async function* undoHandover(name: string, parts: HandoverParts): AsyncGenerator<Step, HandoverResult> {
  const nodes = await listNodes(parts);
  const node = find(nodes, name);
  const { items } = await parts.cluster
    .resource('Lease')
    .list({ namespace: PRESENCE.namespace }, { signal: parts.signal });
  await keepVipAway(name, false, parts, controlPlaneLease(items));
  if (node.metadata.annotations?.[KEY.draining] === undefined) yield done(`Addresses are not kept away from ${name}`);
  else {
    await annotate(name, null, parts);
    yield done(`Addresses may come to ${name} again; those that left stay where they are`);
  }
  return { node: name, draining: false, moved: [], kept: [] };
}

async function survey(name: string, parts: HandoverParts): Promise<World> {
  const { cluster, signal } = parts;
  const nodes = await listNodes(parts);
  const node = find(nodes, name);
  const [leases, services, slices] = await Promise.all([
    cluster.resource('Lease').list({ namespace: PRESENCE.namespace }, { signal }),
    cluster.resource('Service').list({ namespace: '*' }, { signal }),
    cluster.resource('EndpointSlice').list({ namespace: '*' }, { signal }),
  ]);
  return { node, nodes, leases: leases.items, services: services.items, slices: slices.items };
}

async function listNodes({ cluster, signal }: HandoverParts): Promise<readonly Node[]> {
  return (await cluster.resource('Node').list({}, { signal })).items;
}

function find(nodes: readonly Node[], name: string): Node {
  const node = nodes.find(({ metadata }) => metadata.name === name);
  if (node) return node;
  const names = nodes.map(({ metadata }) => metadata.name).sort();
  throw new KubevipError(`there is no node ${JSON.stringify(name)} in this cluster`, {
    code: 'NO_SUCH_NODE',
    hints: [names.length === 0 ? 'It has none.' : `Its nodes are ${names.join(', ')}.`],
  });
}

/**
 * Nodes that could have its addresses. @throws KubevipError where that is none, or the node's agent would not hear of it
 *
 * @param vipLeaves the control-plane VIP can leave the node, which is reason enough, agents for Services or not.
 */
function successors({ node, nodes, leases }: World, now: Date, vipLeaves: boolean): string[] {
  const { name } = node.metadata;
  const draining = drainingNodes(nodes);
  const agents = leases
    .filter(isPresence)
    .map((lease) => ({ ...agentStatus(lease, now, draining), info: readAgentInfo(lease) }));
  const live = agents.filter((agent) => agent.live);
  if (live.length === 0 && vipLeaves) return [];
  if (live.length === 0) {
    throw new KubevipError('no kubevip agent is running in this cluster: there is nobody to hand over to', {
      code: 'NO_AGENTS',
      hints: ['Are its pods running? kubectl -n kube-system get pods'],
    });
  }
  const own = live.find((agent) => agent.node === name);
  if (own && own.info.seesNodes !== true) {
    throw new KubevipError(`the agent of ${name} does not see what is written on Nodes`, {
      code: 'AGENT_BLIND',
      hints: [
        `It is ${own.version === undefined ? 'of an earlier version' : `version ${own.version}`}, or may not read them: \`kubevip install\` brings a newer one and its rights.`,
        'An agent that serves one namespace only (svc_namespace) never sees them.',
      ],
    });
  }
  const honored = live.some(({ info }) => info.honorsExcludeLabel === true);
  const barred = new Set([...draining, ...(honored ? excludedNodes(nodes) : [])]);
  const others = live.map((agent) => agent.node).filter((other) => other !== name && !barred.has(other));
  if (others.length > 0 || vipLeaves) return others;
  const why = live
    .map((agent) => agent.node)
    .filter((other) => other !== name)
    .map((other) => `${other} is ${draining.includes(other) ? 'handed over itself' : 'excluded by its label'}`);
  throw new KubevipError(`${name} is alone: no other node could have its addresses`, {
    code: 'NODE_ALONE',
    hints: [
      why.length === 0 ? 'No other node has a live agent. `kubevip status` shows them.' : `${why.join('; ')}.`,
      'Nothing was changed.',
    ],
  });
}

async function* mark({ node }: World, parts: HandoverParts): AsyncGenerator<Step, void> {
  const { name, annotations } = node.metadata;
  if (annotations?.[KEY.draining] !== undefined) {
    yield done(`Addresses are kept away from ${name} since ${annotations[KEY.draining]}`);
    return;
  }
  await annotate(name, parts.clock.wall().toISOString(), parts);
  yield done(`Addresses are kept away from ${name} from now on`);
}

async function annotate(name: string, value: string | null, { cluster, signal }: HandoverParts): Promise<void> {
  const patch = { metadata: { annotations: { [KEY.draining]: value } } };
  await cluster.resource('Node').patch({ name }, patch, { type: 'merge', signal });
}

/** Why no other node can have the address; undefined: one can. */
function obstacle(address: string, others: readonly string[], world: World): string | undefined {
  const locals = servicesWith(address, world).filter(({ spec }) => spec.externalTrafficPolicy === 'Local');
  const able = locals.reduce<readonly string[]>((nodes, service) => {
    const serving = nodesWithReadyEndpoints(world.slices, keyOf(service));
    return nodes.filter((node) => serving.includes(node));
  }, others);
  if (able.length > 0) return undefined;
  if (others.length === 0) return 'no other node could have it';
  return `externalTrafficPolicy is Local, and no other node has a ready pod of ${locals.map(keyOf).join(', ')}`;
}

/** Who has which address, by the Leases that record it. */
function holdersOf(leases: readonly Lease[]): Map<string, string> {
  return new Map(
    leases.flatMap((lease) => {
      const [address, holder] = [addressOf(lease), holderOf(lease)];
      return address === undefined || holder === undefined ? [] : [[address, holder]];
    }),
  );
}

function addressesOn(node: string, leases: readonly Lease[]): string[] {
  return [...holdersOf(leases)].flatMap(([address, holder]) => (holder === node ? [address] : [])).sort();
}

function isElsewhere(holder: string | undefined, node: string): holder is string {
  return holder !== undefined && holder !== node;
}

function servicesWith(address: string, { services }: World): readonly Service[] {
  return services.filter((service) => readAssigned(service)?.ips.some((ip) => ip === address) === true);
}

function servicesOf(address: string, world: World): string[] {
  return servicesWith(address, world).map(keyOf).sort();
}

function kept(addresses: readonly string[], services: readonly string[], reason: string): KeptAddress[] {
  return addresses.map((address) => ({ address, services, reason }));
}

function countOf(count: number): string {
  return count === 1 ? '1 address' : `${count} addresses`;
}
