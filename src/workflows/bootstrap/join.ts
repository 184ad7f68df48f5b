/** From a blank machine to one more node of a cluster. */
import { parseBootstrapConfig, type BootstrapConfig, type ConfigSource } from '../../cluster/config.ts';
import { standing, type Journal, type PlanName } from '../../cluster/engine/journal.ts';
import { readClusterFacts } from '../../cluster/cluster-facts.ts';
import { checkJoinCode } from '../../cluster/discovery.ts';
import { carryOut, isComplete, type Plan } from '../../cluster/engine/run.ts';
import { readJoinCode, splitEndpoint, type JoinCode, type JoinRole } from '../../cluster/join-code.ts';
import { mergePatch, type Document } from '../../cluster/kubeadm/merge-patch.ts';
import type { NodeFacts } from '../../cluster/kubeadm/documents.ts';
import { joinPlan } from '../../cluster/plans.ts';
import { preflightRequest } from '../../cluster/preflight/from-config.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
import { joinedWith } from '../../cluster/steps/kubeadm-join.ts';
import type { KubeconfigOwner } from '../../cluster/steps/user-kubeconfig.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { parseIp, type Ip } from '../../model/ip.ts';
import { warning, type Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { narrate, stepOf } from './narrate.ts';
import { checkMachine, nodeFacts, openJournal, planMending, type Mending } from './prepare.ts';
import { callersKubeconfig } from './user.ts';

export interface JoinInput {
  /** Wanted by the user; otherwise that of an earlier run, otherwise that of the code. */
  readonly role: JoinRole | undefined;
  /** As people write it. */
  readonly config: Document;
  readonly source: ConfigSource;
  /** Asked only when it is needed. @throws KubevipError NO_JOIN_CODE */
  readonly code: () => Promise<string>;
  /** The plan mends what preflight finds and what loses nothing. */
  readonly fix?: boolean;
  /** Findings that are no errors. */
  readonly ignore?: readonly string[];
}

export interface PlannedJoin {
  readonly role: JoinRole;
  readonly plan: Plan;
  readonly journal: Journal;
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  readonly user: KubeconfigOwner | undefined;
  /** Undefined: kubeadm has joined already, and nothing secret is needed any more. */
  readonly code: JoinCode | undefined;
  readonly complete: boolean;
  /** Findings of preflight that the plan mends. */
  readonly mended: Mending['findings'];
  readonly resuming: boolean;
}

export interface JoinResult {
  readonly role: JoinRole;
  readonly node: string;
  readonly endpoint?: string;
  readonly ran: readonly string[];
  readonly kubeconfig?: string;
}

/** Changes nothing. @throws KubevipError OTHER_PLAN, BAD_JOIN_CODE, JOIN_CODE_EXPIRED, WRONG_ROLE, NO_KUBEADM … */
export async function planJoin(machine: Machine, input: JoinInput): Promise<PlannedJoin> {
  const journal = await openJournal(machine);
  const history = journal.history();
  const { plan: earlier, steps } = history;
  const resuming = standing(history).length > 0;
  const before = resuming ? earlierRole(earlier) : undefined;
  if (earlier === 'init' || (input.role !== undefined && before !== undefined))
    journal.expect(planName(input.role ?? 'control-plane'));
  const joined = before !== undefined && steps.get('kubeadm-join')?.state === 'done';
  const code = joined ? undefined : readJoinCode(await input.code(), machine.parts.clock.wall());
  const role = input.role ?? before ?? code?.role ?? 'control-plane';
  if (role === 'control-plane' && code?.role === 'worker') throw wrongRole();
  const endpoint = code === undefined ? undefined : splitEndpoint(code.endpoint);
  const local =
    endpoint === undefined ? input.config : mergePatch(input.config, { controlPlane: { port: endpoint.port } });
  const config = parseBootstrapConfig(local, role, input.source);
  const near = endpoint === undefined ? [] : await addressesOf(machine, endpoint.host);
  const kept = joined ? joinedWith(steps.get('kubeadm-join')?.facts ?? null) : undefined;
  const node = await nodeFacts(machine, config, { families: code?.families ?? [4], near, kept });
  const user = await callersKubeconfig(machine, config.user.kubeconfig);
  const look =
    input.fix === true && code !== undefined
      ? // How addresses are announced is known from the cluster, which has not been asked yet.
        preflightRequest(config, role, { resuming, ignore: input.ignore ?? [], vips: [], ...at(code) })
      : undefined;
  const mending = await planMending(machine, journal, look);
  const request = { config, node, user, code: () => needed(code), mends: mending.steps };
  const plan = joinPlan(machine.parts, role, request);
  const complete = isComplete(plan, journal);
  return { role, plan, journal, config, node, user, code, complete, resuming, mended: mending.findings };
}

export async function* runJoin(
  planned: PlannedJoin,
  machine: Machine,
  { signal, ignore }: { readonly signal: AbortSignal; readonly ignore: readonly string[] },
): AsyncGenerator<Step, JoinResult> {
  const { plan, journal, config, node, user, role, code } = planned;
  if (code !== undefined) {
    const { api, clock } = machine.parts;
    const authority = await checkJoinCode(api, code, { clock, signal });
    const { unknown, bgp, ...facts } = await readClusterFacts(api, code, authority, node.nodeName, signal);
    for (const what of unknown) yield warning(`could not be read from the cluster: ${what}`);
    const { resuming, mended } = planned;
    const { bgpSourceIp: sourceIp } = config.controlPlane;
    const routers = bgp && { bgp: { ...bgp, ...(sourceIp === undefined ? {} : { sourceIp }) } };
    const request = preflightRequest(config, role, { resuming, ignore, ...at(code), ...facts, ...routers });
    yield* checkMachine(machine, request, mended);
  }
  const { ran } = yield* narrate(async (emit) =>
    carryOut(plan, { journal, signal, on: (event) => emit(stepOf(event)) }),
  );
  return {
    role,
    node: node.nodeName,
    ran,
    ...(code === undefined ? {} : { endpoint: `https://${code.endpoint}` }),
    ...(role === 'worker' || user === undefined ? {} : { kubeconfig: user.path }),
  };
}

function at({ endpoint }: JoinCode): Pick<PreflightRequest, 'cluster'> {
  const cluster = splitEndpoint(endpoint);
  return cluster === undefined ? {} : { cluster };
}

function planName(role: JoinRole): PlanName {
  return role === 'worker' ? 'join-worker' : 'join-control-plane';
}

function earlierRole(plan: PlanName | undefined): JoinRole | undefined {
  return plan === 'join-worker' ? 'worker' : plan === 'join-control-plane' ? 'control-plane' : undefined;
}

async function addressesOf({ probe }: Machine, host: string): Promise<readonly Ip[]> {
  const address = parseIp(host);
  return address === undefined ? await probe.resolve(host) : [address];
}

async function needed(code: JoinCode | undefined): Promise<JoinCode> {
  if (code !== undefined) return await Promise.resolve(code);
  throw new KubevipError('this machine is not in the cluster any more, and only a join code lets it in again', {
    code: 'NO_JOIN_CODE',
    exit: EXIT.usage,
    hints: ['`kubevip reset` here, then `kubevip join` with a code of `kubevip join-code create`.'],
  });
}

function wrongRole(): KubevipError {
  return new KubevipError('this join code is for workers: it has no key to the certificates of a control plane', {
    code: 'WRONG_ROLE',
    exit: EXIT.usage,
    hints: ['On a control plane: `kubevip join-code create --control-plane`.', 'Or join as worker: --worker'],
  });
}
