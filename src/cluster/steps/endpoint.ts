/**
 * The API at its virtual IP. A newer kubeadm asks only the API server of the machine while it makes a control plane, and
 * ends well although nobody holds the address: an image that cannot be pulled, say. So we look for ourselves.
 */
import { labels, NAME, NAMESPACE } from '../../manifests/names.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { KubeObject } from '../../model/kubernetes.ts';
import { pause, type Milliseconds } from '../../model/time.ts';
import { controlPlaneEndpoint, type BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import type { NodeFacts } from '../kubeadm/documents.ts';
import { ADMIN_KUBECONFIG } from '../names.ts';
import { readKubeconfig, VERIFY_TIMEOUT, withLocalApi, type StepParts } from './parts.ts';

/** As long as kubeadm gives a control plane: the agent’s image may have to come over a slow line. */
const PATIENCE: Milliseconds = 240_000;
const RETRY: Milliseconds = 500;
/** What the agent’s pod says is asked for so much less often. */
const TRIES_PER_LOOK = 10;
/** An answer that takes longer than this is none: the next try is due. */
const ANSWER_TIMEOUT: Milliseconds = 2000;

export function endpointStep(parts: StepParts, config: BootstrapConfig, node: NodeFacts): Step {
  const endpoint = controlPlaneEndpoint(config);
  return {
    id: 'endpoint',
    title: 'see that the API answers at its virtual IP',
    explain: `Asks https://${endpoint} until it answers, and says what keeps the agent from taking the address.`,
    verify: async () =>
      (await parts.files.exists(ADMIN_KUBECONFIG)) && (await answers(parts, VERIFY_TIMEOUT)) ? 'done' : 'not',
    run: async ({ progress, signal }) => {
      const until = parts.clock.now() + PATIENCE;
      let trouble: string | undefined;
      for (let tries = 1; !signal.aborted; tries++) {
        if (await answers(parts, ANSWER_TIMEOUT, signal)) {
          progress(`https://${endpoint} answers`);
          return;
        }
        if (parts.clock.now() >= until) throw silent(endpoint, trouble);
        if (tries % TRIES_PER_LOOK === 0) {
          trouble = await agentTrouble(parts, config, node, signal);
          progress(`nothing at ${endpoint} yet${trouble === undefined ? '' : `; the agent: ${trouble}`}`);
        }
        await pause(parts.clock, RETRY, signal);
      }
      signal.throwIfAborted();
    },
    undo: () => Promise.resolve(),
  };
}

/** By the administrator’s kubeconfig as kubeadm wrote it, which leads to the virtual IP. */
async function answers(parts: StepParts, timeoutMs: Milliseconds, signal?: AbortSignal): Promise<boolean> {
  const api = parts.api.connect(await readKubeconfig(parts.files, ADMIN_KUBECONFIG));
  try {
    await api.version({ timeoutMs, ...(signal === undefined ? {} : { signal }) });
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

/** Why the static pod does not run, in kubelet’s words; undefined: it runs, or nobody can tell. */
async function agentTrouble(
  parts: StepParts,
  config: BootstrapConfig,
  { nodeName }: NodeFacts,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ref = { kind: 'Pod', name: `${NAME}-${nodeName}`, namespace: NAMESPACE };
  try {
    return await withLocalApi(parts, config, async (api) =>
      waitingReason(await api.find(ref, { timeoutMs: VERIFY_TIMEOUT, signal })),
    );
  } catch {
    return undefined; // it is asked again
  }
}

interface PodStatus {
  readonly containerStatuses?: readonly {
    readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
  }[];
}

function waitingReason(pod: KubeObject | undefined): string | undefined {
  if (pod === undefined) return 'kubelet has not started it';
  const { status } = pod as { readonly status?: PodStatus };
  const waiting = status?.containerStatuses?.[0]?.state?.waiting;
  if (waiting === undefined) return undefined;
  return [waiting.reason, waiting.message].filter((text) => text !== undefined).join(': ');
}

function silent(endpoint: string, trouble: string | undefined): KubevipError {
  const selector = Object.entries(labels('control-plane')).map(([key, value]) => `${key}=${value}`);
  return new KubevipError(
    `the control plane is up, but nothing answers at its virtual IP ${endpoint}${trouble === undefined ? '' : `; the agent: ${trouble}`}`,
    {
      code: 'VIP_SILENT',
      exit: EXIT.timeout,
      hints: [
        `What the agent says: kubectl --server https://127.0.0.1:${endpoint.slice(endpoint.lastIndexOf(':') + 1)} --tls-server-name kubernetes -n ${NAMESPACE} logs -l ${selector.join(',')}`,
      ],
    },
  );
}
