/**
 * `kubeadm init`, which waits half-way for the API to answer at the virtual IP (a newer one only on the machine itself).
 * Meanwhile the agent, which is to bring that up, may do nothing: whoever runs this gives it its rights, over loopback, as soon as the API server lets us.
 */
import { messageOf } from '../../model/errors.ts';
import { pause } from '../../model/time.ts';
import type { BootstrapConfig } from '../config.ts';
import type { Step, StepContext, Verdict } from '../engine/step.ts';
import { initDocuments, renderDocuments, type InitSecrets, type NodeFacts } from '../kubeadm/documents.ts';
import { ADMIN_KUBECONFIG, KUBELET_KUBECONFIG, MANIFESTS_FOLDER, SUPER_ADMIN_KUBECONFIG } from '../names.ts';
import { agentRights } from '../objects.ts';
import { kubeadmReset } from './kubeadm-reset.ts';
import { askApi, localDestination, VERIFY_TIMEOUT, withLocalApi, type StepParts } from './parts.ts';

/** How often the API server is tried while kubeadm starts it, in ms. */
const RETRY = 250;

/** @param secrets made anew for each run; also told to whoever prints the join code. */
export function kubeadmInitStep(
  parts: StepParts,
  config: BootstrapConfig,
  node: NodeFacts,
  secrets: () => InitSecrets,
): Step {
  return {
    id: 'kubeadm-init',
    title: 'create the control plane',
    explain:
      'kubeadm init --config FILE --upload-certs. As soon as its API server answers on loopback, the agent gets the ' +
      'right to its Lease, takes the virtual IP, and kubeadm goes on over that.',
    verify: async () => verifyInit(parts, config),
    run: async (context) => {
      const documents = renderDocuments(initDocuments(config, node, secrets()));
      const args = ['init', '--upload-certs', '--skip-token-print', '--skip-certificate-key-print'];
      const ended = new AbortController();
      const granted = grantWhenUp(parts, config, node, {
        ...context,
        signal: AbortSignal.any([context.signal, ended.signal]),
      });
      try {
        await parts.kubeadm.call({ args, config: documents }, context);
      } finally {
        ended.abort();
      }
      if (!(await granted)) await grant(parts, config, context, ADMIN_KUBECONFIG);
    },
    undo: async (context) => {
      const { criSocket } = config;
      await kubeadmReset(parts, { criSocket, server: localDestination(config), nodeName: node.nodeName }, context);
    },
  };
}

/** @returns whether the agent has its rights. */
async function grantWhenUp(
  parts: StepParts,
  config: BootstrapConfig,
  node: NodeFacts,
  context: StepContext,
): Promise<boolean> {
  let trouble = '';
  while (!context.signal.aborted) {
    try {
      const kubeconfig = node.kubeadm.minor >= 29 ? SUPER_ADMIN_KUBECONFIG : ADMIN_KUBECONFIG;
      if (await parts.files.exists(kubeconfig)) {
        await grant(parts, config, context, kubeconfig);
        context.progress('the API server answers; the agent may take the virtual IP');
        return true;
      }
    } catch (error) {
      // What is refused will be refused again, and kubeadm will say so in the end; until then it is only early.
      trouble = messageOf(error);
    }
    await pause(parts.clock, RETRY, context.signal);
  }
  if (trouble !== '') context.progress(`the agent did not get its rights: ${trouble}`);
  return false;
}

async function grant(parts: StepParts, config: BootstrapConfig, context: StepContext, path: string): Promise<void> {
  const call = { signal: context.signal, timeoutMs: VERIFY_TIMEOUT };
  await withLocalApi(
    parts,
    config,
    async (api) => {
      for (const object of agentRights(config)) await api.apply(object, call);
    },
    path,
  );
}

const STATIC_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map(
  (name) => `${MANIFESTS_FOLDER}/${name}.yaml`,
);

async function verifyInit(parts: StepParts, config: BootstrapConfig): Promise<Verdict> {
  for (const path of [...STATIC_PODS, ADMIN_KUBECONFIG, KUBELET_KUBECONFIG]) {
    if (!(await parts.files.exists(path))) return 'not';
  }
  // What kubeadm does last. Somebody may have replaced an add-on since, so what is missing proves nothing.
  const last = [
    { kind: 'ConfigMap', name: 'kubeadm-config', namespace: 'kube-system' },
    { kind: 'ConfigMap', name: 'cluster-info', namespace: 'kube-public' },
    ...(skips(config, 'coredns') ? [] : [{ kind: 'Deployment', name: 'coredns', namespace: 'kube-system' }]),
    ...(skips(config, 'kube-proxy') ? [] : [{ kind: 'DaemonSet', name: 'kube-proxy', namespace: 'kube-system' }]),
  ];
  return askApi(async () =>
    withLocalApi(parts, config, async (api) => {
      for (const ref of last) if ((await api.find(ref, { timeoutMs: VERIFY_TIMEOUT })) === undefined) return 'unknown';
      return 'done';
    }),
  );
}

function skips({ kubeadm }: BootstrapConfig, addon: string): boolean {
  const phases = kubeadm.patches.InitConfiguration?.['skipPhases'];
  return Array.isArray(phases) && (phases.includes('addon') || phases.includes(`addon/${addon}`));
}
