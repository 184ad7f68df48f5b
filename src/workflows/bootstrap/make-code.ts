/** One code with which a machine joins: its part in the cluster, and its text. */
import { clusterFamilies, controlPlaneEndpoint, type BootstrapConfig } from '../../cluster/config.ts';
import { encodeJoinCode, type JoinRole } from '../../cluster/join-code.ts';
import { createJoinCode } from '../../cluster/join-codes.ts';
import type { InitSecrets, NodeFacts } from '../../cluster/kubeadm/documents.ts';
import { publicKeyHash } from '../../cluster/kubeconfig.ts';
import { CA_CERTIFICATE } from '../../cluster/names.ts';
import type { Files } from '../../cluster/ports/files.ts';
import { newSecrets } from '../../cluster/secrets.ts';
import { KubevipError } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';
import { stageStep, warning, type Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { narrate } from './narrate.ts';

export interface NewCode {
  /** The secret itself. */
  readonly text: string;
  readonly id: string;
  readonly role: JoinRole;
  readonly expires: Date;
}

/** Of what a code is made. */
export interface CodeRequest {
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  readonly role: JoinRole;
  readonly lifetime: Milliseconds;
}

/** Puts a new one into the cluster. @throws KubevipError NO_AUTHORITY, KUBEADM_FAILED, ApiError */
export async function* makeCode(
  machine: Machine,
  { config, node, role, lifetime }: CodeRequest,
  signal: AbortSignal,
): AsyncGenerator<Step, NewCode> {
  const { parts, entropy } = machine;
  const secrets = newSecrets(entropy);
  const expires = expiryOf(parts.clock.wall(), lifetime);
  // Before anything is changed: without an authority it would be no code.
  const code = await codeOf(parts.files, config, { role, secrets, expires });
  const revoked = yield* narrate(async (emit) => {
    const progress = (message: string): void => emit(stageStep('join-code', 'waiting', 'Running', message));
    return createJoinCode(parts, { config, node, role, secrets, expires }, { progress, signal, again: false });
  });
  yield codeMade(code);
  if (revoked > 0) yield warning('earlier codes for control planes are good for nothing any more');
  return code;
}

/** The text for secrets that are in the cluster already. @throws KubevipError NO_AUTHORITY */
export async function codeOf(
  files: Files,
  config: BootstrapConfig,
  { role, secrets, expires }: { readonly role: JoinRole; readonly secrets: InitSecrets; readonly expires: Date },
): Promise<NewCode> {
  const { token, certificateKey } = secrets;
  const text = encodeJoinCode({
    role,
    endpoint: controlPlaneEndpoint(config),
    token,
    caHash: publicKeyHash(await readAuthority(files)),
    ...(role === 'worker' ? {} : { certificateKey }),
    families: clusterFamilies(config),
    expires,
  });
  return { text, id: token.slice(0, 6), role, expires };
}

export function codeMade({ role, expires }: NewCode): Step {
  const text = `made a join code for a ${role}, good until ${expires.toISOString()}`;
  return stageStep('join-code', 'ready', 'Done', text);
}

/** To the second, as codes and tokens have it. */
export function expiryOf(made: Date, lifetime: Milliseconds): Date {
  return new Date(Math.floor((made.getTime() + lifetime) / 1000) * 1000);
}

async function readAuthority(files: Files): Promise<string> {
  const text = await files.read(CA_CERTIFICATE);
  if (text !== undefined) return text;
  throw new KubevipError(`the certificate of the cluster's authority, ${CA_CERTIFICATE}, is not there`, {
    code: 'NO_AUTHORITY',
    hints: ['Copy it from another control plane: kubeadm keeps it at the same place.'],
  });
}
