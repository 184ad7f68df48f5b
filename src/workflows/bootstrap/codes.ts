/** `join-code create | list | revoke`, on a control plane. */
import { clusterFamilies, controlPlaneEndpoint, vipAddresses, type BootstrapConfig } from '../../cluster/config.ts';
import { encodeJoinCode, type JoinRole } from '../../cluster/join-code.ts';
import {
  CERTIFICATES_LIFETIME_MS,
  createJoinCode,
  dropCertificates,
  listJoinCodes,
  revokeJoinCode,
  WORKER_LIFETIME_MS,
  type ListedCode,
} from '../../cluster/join-codes.ts';
import { publicKeyHash } from '../../cluster/kubeconfig.ts';
import { ADMIN_KUBECONFIG, CA_CERTIFICATE } from '../../cluster/names.ts';
import { newSecrets } from '../../cluster/secrets.ts';
import { readNodeConfig } from '../../cluster/steps/node-config.ts';
import { readKubeconfig } from '../../cluster/steps/parts.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';
import { stageStep, warning, type Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { narrate } from './narrate.ts';
import { nodeFacts } from './prepare.ts';

export interface NewCode {
  /** The secret itself. */
  readonly text: string;
  readonly id: string;
  readonly role: JoinRole;
  readonly expires: Date;
}

/** @throws KubevipError NOT_CONTROL_PLANE, TTL_TOO_LONG, ApiError */
export async function* newCode(
  machine: Machine,
  role: JoinRole,
  ttl: Milliseconds | undefined,
  signal: AbortSignal,
): AsyncGenerator<Step, NewCode> {
  const { parts, entropy } = machine;
  const lifetime = ttl ?? (role === 'worker' ? WORKER_LIFETIME_MS : CERTIFICATES_LIFETIME_MS);
  if (role === 'control-plane' && lifetime > CERTIFICATES_LIFETIME_MS) throw tooLong();
  const config = await controlPlaneConfig(machine);
  const node = await nodeFacts(machine, config, { families: clusterFamilies(config), near: vipAddresses(config) });
  const secrets = newSecrets(entropy);
  const expires = new Date(Math.floor((parts.clock.wall().getTime() + lifetime) / 1000) * 1000);
  const revoked = yield* narrate(async (emit) => {
    const progress = (message: string): void => emit(stageStep('join-code', 'waiting', 'Running', message));
    return createJoinCode(parts, { config, node, role, secrets, expires }, { progress, signal, again: false });
  });
  yield stageStep('join-code', 'ready', 'Done', `made a join code for a ${role}, good until ${expires.toISOString()}`);
  if (revoked > 0) yield warning('earlier codes for control planes are good for nothing any more');
  const caHash = publicKeyHash(await readKubeconfig(parts.files, CA_CERTIFICATE));
  const { token, certificateKey } = secrets;
  const text = encodeJoinCode({
    role,
    endpoint: controlPlaneEndpoint(config),
    token,
    caHash,
    ...(role === 'worker' ? {} : { certificateKey }),
    families: clusterFamilies(config),
    expires,
  });
  return { text, id: token.slice(0, 6), role, expires };
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
