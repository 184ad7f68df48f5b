/** `join-code create | list | revoke`, on a control plane. */
import { clusterFamilies, vipAddresses, type BootstrapConfig } from '../../cluster/config.ts';
import type { JoinRole } from '../../cluster/join-code.ts';
import {
  CERTIFICATES_LIFETIME_MS,
  dropCertificates,
  listJoinCodes,
  revokeJoinCode,
  WORKER_LIFETIME_MS,
  type ListedCode,
} from '../../cluster/join-codes.ts';
import { ADMIN_KUBECONFIG } from '../../cluster/names.ts';
import { readNodeConfig } from '../../cluster/steps/node-config.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { makeCode, type NewCode } from './make-code.ts';
import { nodeFacts } from './prepare.ts';

/** @throws KubevipError NOT_CONTROL_PLANE, TTL_TOO_LONG, NO_AUTHORITY, ApiError */
export async function* newCode(
  machine: Machine,
  role: JoinRole,
  ttl: Milliseconds | undefined,
  signal: AbortSignal,
): AsyncGenerator<Step, NewCode> {
  const lifetime = ttl ?? (role === 'worker' ? WORKER_LIFETIME_MS : CERTIFICATES_LIFETIME_MS);
  if (role === 'control-plane' && lifetime > CERTIFICATES_LIFETIME_MS) throw tooLong();
  const config = await controlPlaneConfig(machine);
  const node = await nodeFacts(machine, config, { families: clusterFamilies(config), near: vipAddresses(config) });
  return yield* makeCode(machine, { config, node, role, lifetime }, signal);
}

export async function listCodes(machine: Machine): Promise<ListedCode[]> {
  return await listJoinCodes(machine.parts, await controlPlaneConfig(machine));
}

/** @throws KubevipError NO_SUCH_CODE */
export async function revokeCode(machine: Machine, id: string): Promise<void> {
  const config = await controlPlaneConfig(machine);
  if (!(await revokeJoinCode(machine.parts, config, id))) {
    throw new KubevipError(`there is no join code ${JSON.stringify(id)}`, {
      code: 'NO_SUCH_CODE',
      hints: ['`kubevip join-code list` shows those there are.'],
    });
  }
  await dropCertificates(machine.parts, config);
}

async function controlPlaneConfig({ parts: { files } }: Machine): Promise<BootstrapConfig> {
  const config = (await files.exists(ADMIN_KUBECONFIG)) ? await readNodeConfig(files) : undefined;
  if (config !== undefined) return config;
  throw new KubevipError('this machine is no control plane of a cluster of kubevip', {
    code: 'NOT_CONTROL_PLANE',
    hints: ['Run it on one: `kubectl get nodes` lists them.'],
  });
}

function tooLong(): KubevipError {
  return new KubevipError('a code for a control plane lives at most 2h, as long as kubeadm keeps the certificates', {
    code: 'TTL_TOO_LONG',
    exit: EXIT.usage,
    hints: ['Make a new one when it is needed, or one for workers with --worker.'],
  });
}
