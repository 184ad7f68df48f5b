/** What steps work with. */
import { KubevipError } from '../../model/errors.ts';
import type { KubeObject } from '../../model/kubernetes.ts';
import type { Clock } from '../../model/time.ts';
import { clusterFamilies, type BootstrapConfig } from '../config.ts';
import type { StepContext, Verdict } from '../engine/step.ts';
import type { Kubeadm } from '../kubeadm/kubeadm.ts';
import { loopback, pointAt, type Destination } from '../kubeconfig.ts';
import { ADMIN_KUBECONFIG } from '../names.ts';
import type { ApiConnector, ClusterApi } from '../ports/api.ts';
import type { Commands } from '../ports/commands.ts';
import type { Files } from '../ports/files.ts';
import type { Kernel } from '../ports/kernel.ts';
import type { MachineHands } from '../ports/preflight.ts';

export interface StepParts {
  readonly files: Files;
  readonly commands: Commands;
  readonly kubeadm: Kubeadm;
  readonly api: ApiConnector;
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** For what preflight mends. */
  readonly hands: MachineHands;
}

/** A verification asks the API for so long, in ms: it is done at every re-run. */
export const VERIFY_TIMEOUT = 5000;

/** The configuration of the cluster, once it is known: at `join` it comes from the cluster. */
export type Settings = () => Promise<BootstrapConfig>;

/**
 * Works with the API server of this machine as administrator; the connection is closed afterwards.
 * @param kubeconfig path.
 * @throws KubevipError NO_ADMIN_KUBECONFIG, ApiError
 */
export async function withLocalApi<R>(
  parts: StepParts,
  config: BootstrapConfig,
  work: (api: ClusterApi) => Promise<R>,
  kubeconfig: string = ADMIN_KUBECONFIG,
): Promise<R> {
  return await withApiAt(parts, localDestination(config), work, kubeconfig);
}

/** As {@link withLocalApi}, for those who know the destination without the configuration. */
export async function withApiAt<R>(
  parts: StepParts,
  destination: Destination,
  work: (api: ClusterApi) => Promise<R>,
  kubeconfig: string = ADMIN_KUBECONFIG,
): Promise<R> {
  const text = await readKubeconfig(parts.files, kubeconfig);
  const api = parts.api.connect(pointAt(text, destination));
  try {
    return await work(api);
  } finally {
    api.close();
  }
}

/** Loopback in the first family of the cluster. */
export function localDestination(config: BootstrapConfig): Destination {
  return loopback(config.controlPlane.port, clusterFamilies(config)[0] ?? 4);
}

export async function readKubeconfig(files: Files, path: string): Promise<string> {
  const text = await files.read(path);
  if (text !== undefined) return text;
  throw new KubevipError(`${path} is not there`, {
    code: 'NO_ADMIN_KUBECONFIG',
    hints: ['Is this a control plane? `kubeadm init phase kubeconfig admin` makes that file anew.'],
  });
}

/** Applies one after the other, in order. */
export async function applyAll(
  api: ClusterApi,
  objects: readonly KubeObject[],
  { progress, signal }: StepContext,
): Promise<void> {
  for (const object of objects) {
    progress(`${object.kind ?? ''} ${object.metadata.name}`);
    await api.apply(object, { signal });
  }
}

/** `unknown` if the API cannot be asked. */
export async function askApi(ask: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await ask();
  } catch {
    return 'unknown'; // whatever it is: nothing was learnt
  }
}
