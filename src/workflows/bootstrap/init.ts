/** From a blank machine to the first control plane of a cluster. */
import { bgpOf, deathNotice } from '../../cluster/bgp-config.ts';
import {
  clusterFamilies,
  controlPlaneEndpoint,
  parseBootstrapConfig,
  vipAddresses,
  type BootstrapConfig,
  type ConfigSource,
} from '../../cluster/config.ts';
import { standing, type Journal } from '../../cluster/engine/journal.ts';
import { carryOut, isComplete, type Plan } from '../../cluster/engine/run.ts';
import { CERTIFICATES_LIFETIME_MS } from '../../cluster/join-codes.ts';
import { initDocuments, renderDocuments, type InitSecrets, type NodeFacts } from '../../cluster/kubeadm/documents.ts';
import { NODE_CONFIG } from '../../cluster/names.ts';
import { initPlan } from '../../cluster/plans.ts';
import { preflightRequest, routersOf } from '../../cluster/preflight/from-config.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
import { badPasswordFile, readRouterPassword } from '../../cluster/router-password.ts';
import { newSecrets } from '../../cluster/secrets.ts';
import { readNodeConfig } from '../../cluster/steps/node-config.ts';
import type { KubeconfigOwner } from '../../cluster/steps/user-kubeconfig.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { codeMade, codeOf, expiryOf, makeCode } from './make-code.ts';
import { narrate, stepOf } from './narrate.ts';
import { checkMachine, nodeFacts, openJournal, planMending, type Mending } from './prepare.ts';
import { callersKubeconfig } from './user.ts';

export interface PlannedInit {
  readonly plan: Plan;
  readonly journal: Journal;
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  readonly user: KubeconfigOwner | undefined;
  /** All was done by an earlier run. */
  readonly complete: boolean;
  /** An earlier run got part of the way. */
  readonly resuming: boolean;
  /** What preflight looks at. */
  readonly look: PreflightRequest;
  /** Findings of preflight that the plan mends. */
  readonly mended: Mending['findings'];
  /** What kubeadm is given, without secrets. */
  readonly documents: string;
  /** Of the run of `kubeadm init` in this process; undefined: it was not run. */
  secrets(): MadeSecrets | undefined;
}

export interface MadeSecrets {
  readonly secrets: InitSecrets;
  readonly expires: Date;
}

export interface InitResult {
  readonly cluster: string;
  readonly endpoint: string;
  readonly node: string;
  /** Steps that were run now; empty: all was there already. */
  readonly ran: readonly string[];
  readonly kubeconfig?: string;
  /** What is worth to know of the cluster as it was made, in a sentence each. */
  readonly notes: readonly string[];
}

/** The result, and beside it what must be in no `--json`. */
export interface FinishedInit {
  readonly result: InitResult;
  readonly joinCode?: { readonly text: string; readonly expires: Date };
}

/** @param input as people write it; undefined: nothing was said, so that of an earlier run counts. */
export async function initConfig(
  machine: Machine,
  input: object | undefined,
  source: ConfigSource,
): Promise<BootstrapConfig> {
  if (input === undefined) {
    const kept = await readNodeConfig(machine.parts.files);
    if (kept !== undefined) return kept;
  }
  return parseBootstrapConfig(input ?? {}, 'init', source);
}

export interface Fixing {
  /** The plan mends what preflight finds and what loses nothing. */
  readonly fix?: boolean;
  /** Findings that are no errors. */
  readonly ignore?: readonly string[];
}

/** Reads the machine, changes nothing. @throws KubevipError OTHER_PLAN, CONFIG_CHANGED, NO_KUBEADM, NO_NODE_IP, BAD_PASSWORD_FILE … */
export async function planInit(machine: Machine, config: BootstrapConfig, options: Fixing = {}): Promise<PlannedInit> {
  const journal = await openJournal(machine);
  journal.expect('init');
  await refuseChange(machine, journal, config);
  const node = await nodeFacts(machine, config, { families: clusterFamilies(config), near: vipAddresses(config) });
  const user = await callersKubeconfig(machine, config.user.kubeconfig);
  let made: MadeSecrets | undefined;
  const secrets = (): InitSecrets => {
    // kubeadm begins to count a moment later: so no code is good for longer than what it stands for.
    const expires = expiryOf(machine.parts.clock.wall(), CERTIFICATES_LIFETIME_MS);
    made = { secrets: newSecrets(machine.entropy), expires };
    return made.secrets;
  };
  const request = { config, node, user, secrets };
  const resuming = standing(journal.history()).length > 0;
  const recorded = await planMending(machine, journal, undefined);
  const begun = initPlan(machine.parts, { ...request, mends: recorded.steps });
  const complete = isComplete(begun, journal);
  const bgp = routersOf(config, await passwordFor(machine, journal, config));
  const ignore = options.ignore ?? [];
  const look = preflightRequest(config, 'init', { resuming, ignore, ...(bgp === undefined ? {} : { bgp }) });
  const mending = options.fix === true && !complete ? await planMending(machine, journal, look) : recorded;
  const plan = mending === recorded ? begun : initPlan(machine.parts, { ...request, mends: mending.steps });
  return {
    plan,
    journal,
    config,
    node,
    user,
    complete,
    resuming,
    look,
    mended: mending.findings,
    documents: renderDocuments(initDocuments(config, node)),
    secrets: () => made,
  };
}

export interface InitOptions {
  readonly signal: AbortSignal;
  /** Whether a join code is wanted at the end. */
  readonly withCode: boolean;
}

export async function* runInit(
  planned: PlannedInit,
  machine: Machine,
  { signal, withCode }: InitOptions,
): AsyncGenerator<Step, FinishedInit> {
  const { plan, journal, config, node, user } = planned;
  if (!planned.complete) yield* checkMachine(machine, planned.look, planned.mended);
  const { ran } = yield* narrate(async (emit) =>
    carryOut(plan, { journal, signal, on: (event) => emit(stepOf(event)) }),
  );
  const result: InitResult = {
    cluster: config.clusterName,
    endpoint: `https://${controlPlaneEndpoint(config)}`,
    node: node.nodeName,
    ran,
    ...(user === undefined ? {} : { kubeconfig: user.path }),
    notes: bgpOf(config) === undefined ? [] : [deathNotice(config)],
  };
  const secrets = planned.secrets();
  // A run that only brings a cluster up to date voids nobody's code.
  if (!withCode || (secrets === undefined && planned.complete)) return { result };
  if (secrets !== undefined) {
    const { parts } = machine;
    const joinCode = await codeOf(parts.files, config, { role: 'control-plane', ...secrets });
    yield codeMade(joinCode);
    return { result, joinCode };
  }
  // kubeadm was run by an earlier process, whose secrets went with it.
  const request = { config, node, role: 'control-plane' as const, lifetime: CERTIFICATES_LIFETIME_MS };
  return { result, joinCode: yield* makeCode(machine, request, signal) };
}

/** For routers; undefined: none is wanted, or it is in the cluster already and the file has gone. */
async function passwordFor({ parts }: Machine, journal: Journal, config: BootstrapConfig): Promise<string | undefined> {
  const { bgpPasswordFile: path } = config.controlPlane;
  const password = await readRouterPassword(parts.files, config);
  const isKept = journal.history().steps.get('bgp-password')?.state === 'done';
  if (path !== undefined && password === undefined && !isKept) throw badPasswordFile(path, 'is not there');
  return password;
}

/** What certificates and etcd are made for cannot be changed by doing it again. */
async function refuseChange({ parts }: Machine, journal: Journal, config: BootstrapConfig): Promise<void> {
  const state = journal.history().steps.get('kubeadm-init')?.state;
  const kept = state === 'done' ? await readNodeConfig(parts.files) : undefined;
  if (kept === undefined) return;
  const fixed = (one: BootstrapConfig): Readonly<Record<string, string>> => ({
    clusterName: one.clusterName,
    'controlPlane.vip': one.controlPlane.vip.join(','),
    'controlPlane.port': String(one.controlPlane.port),
    podSubnet: one.podSubnet,
    serviceSubnet: one.serviceSubnet,
  });
  const [was, wanted] = [fixed(kept), fixed(config)];
  const changed = Object.keys(was).filter((key) => was[key] !== wanted[key]);
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} is ${was[key] ?? ''} and not ${wanted[key] ?? ''}`).join('; ');
  throw new KubevipError(`this machine is a control plane already, made otherwise: ${list}`, {
    code: 'CONFIG_CHANGED',
    exit: EXIT.usage,
    hints: [
      `Without flags, \`kubevip init\` goes by what is in ${NODE_CONFIG}.`,
      'To make it anew: `kubevip reset` first. Everything in the cluster is lost then.',
    ],
  });
}
