/** `kubeadm join`, as control plane or worker. */
import { KubevipError, messageOf } from '../../model/errors.ts';
import { familyOf, parseIp, type Ip } from '../../model/ip.ts';
import { pause } from '../../model/time.ts';
import type { BootstrapConfig } from '../config.ts';
import type { Json, Step, StepContext, Verdict } from '../engine/step.ts';
import type { JoinCode, JoinRole } from '../join-code.ts';
import { joinDocuments, renderDocuments, type NodeFacts } from '../kubeadm/documents.ts';
import { loopback } from '../kubeconfig.ts';
import { CA_CERTIFICATE, KUBELET_KUBECONFIG, MANIFESTS_FOLDER } from '../names.ts';
import { kubeadmReset, type ResetRequest } from './kubeadm-reset.ts';
import { askApi, VERIFY_TIMEOUT, type StepParts } from './parts.ts';

/** What a cluster takes at most to notice that a node is away (40 s of grace), with some to spare; in ms. */
const NOTICED_AFTER = 90_000;
const RETRY = 5000;

/** @param code read only when it is needed: a finished join asks for none. */
export function kubeadmJoinStep(
  parts: StepParts,
  config: BootstrapConfig,
  node: NodeFacts,
  role: JoinRole,
  code: () => Promise<JoinCode>,
): Step {
  return {
    id: 'kubeadm-join',
    title: role === 'worker' ? 'join the cluster as worker' : 'join the cluster as control plane',
    explain:
      role === 'worker'
        ? 'kubeadm join --config FILE.'
        : 'kubeadm join --config FILE. The folder of static pods has to be empty for it, so the agent comes after.',
    observe: (): Promise<Json> => Promise.resolve(factsOf(config, node)),
    verify: async () => verifyJoin(parts, node, role),
    run: async (context) => {
      const documents = renderDocuments(joinDocuments(config, node, await code(), role));
      const until = parts.clock.now() + NOTICED_AFTER;
      for (;;) {
        try {
          await parts.kubeadm.call({ args: ['join'], config: documents }, context);
          return;
        } catch (error) {
          if (!isTaken(error)) throw error;
          // Only where an earlier try of ours was recorded can that node be this machine.
          if (!context.again || parts.clock.now() >= until) throw nameTaken(node.nodeName, error);
        }
        context.progress('the cluster has not noticed yet that this machine was away; once more in a moment');
        await kubeadmReset(parts, resetOf(config, node, null), context);
        await pause(parts.clock, RETRY, context.signal);
      }
    },
    undo: async (context, facts) => {
      const nodeName = textIn(facts, 'nodeName') ?? node.nodeName;
      await kubeadmReset(parts, { ...resetOf(config, node, facts), nodeName }, context);
      if (role === 'worker') sayWhatStays(context, nodeName);
    },
  };
}

function sayWhatStays({ progress }: StepContext, nodeName: string): void {
  progress(`a worker may not remove its own node object; on a control plane: kubectl delete node ${nodeName}`);
}

/** Addresses with which an earlier run joined; undefined: none did. */
export function joinedWith(facts: Json): readonly Ip[] | undefined {
  if (typeof facts !== 'object' || facts === null || !('nodeIps' in facts) || !Array.isArray(facts.nodeIps)) {
    return undefined;
  }
  return facts.nodeIps.flatMap((text) => parseIp(String(text)) ?? []);
}

/** What an undo goes by: no configuration is kept on a worker, and that of a control plane is gone before this step. */
function factsOf({ controlPlane, criSocket }: BootstrapConfig, { nodeName, nodeIps }: NodeFacts): Json {
  return { nodeName, nodeIps, port: controlPlane.port, ...(criSocket === undefined ? {} : { criSocket }) };
}

/** @param facts of {@link factsOf}; what is not in them, as in an older journal, is as the configuration has it. */
function resetOf(config: BootstrapConfig, node: NodeFacts, facts: Json): ResetRequest {
  const port = fieldOf(facts, 'port');
  const [first] = joinedWith(facts) ?? node.nodeIps;
  return {
    criSocket: config.criSocket ?? textIn(facts, 'criSocket'),
    server: loopback(
      typeof port === 'number' ? port : config.controlPlane.port,
      first === undefined ? 4 : familyOf(first),
    ),
  };
}

function textIn(facts: Json, key: string): string | undefined {
  const value = fieldOf(facts, key);
  return typeof value === 'string' ? value : undefined;
}

function fieldOf(facts: Json, key: string): Json | undefined {
  return typeof facts === 'object' && facts !== null && !Array.isArray(facts)
    ? (facts as Readonly<Record<string, Json>>)[key]
    : undefined;
}

function isTaken(error: unknown): boolean {
  return /Node with name .* already exists in the cluster/.test(messageOf(error));
}

function nameTaken(name: string, cause: unknown): KubevipError {
  return new KubevipError(`there is a node ${name} in the cluster already, and it is ready`, {
    code: 'NODE_NAME_TAKEN',
    hints: [
      'Every machine needs a name of its own: --node-name, or nodeName in the configuration.',
      `If that node is gone for good: kubectl delete node ${name}`,
    ],
    cause,
  });
}

async function verifyJoin(parts: StepParts, node: NodeFacts, role: JoinRole): Promise<Verdict> {
  const pods = role === 'worker' ? [] : ['kube-apiserver', 'etcd'].map((name) => `${MANIFESTS_FOLDER}/${name}.yaml`);
  for (const path of [KUBELET_KUBECONFIG, CA_CERTIFICATE, ...pods]) {
    if (!(await parts.files.exists(path))) return 'not';
  }
  return askApi(async () => {
    const text = await parts.files.read(KUBELET_KUBECONFIG);
    if (text === undefined) return 'not';
    const api = parts.api.connect(text);
    try {
      const found = await api.find({ kind: 'Node', name: node.nodeName }, { timeoutMs: VERIFY_TIMEOUT });
      if (found === undefined) return 'unknown';
      // The label is what kubeadm puts on last.
      const marked = Object.hasOwn(found.metadata.labels ?? {}, 'node-role.kubernetes.io/control-plane');
      return role === 'worker' || marked ? 'done' : 'unknown';
    } finally {
      api.close();
    }
  });
}
