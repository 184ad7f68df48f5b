/** Join codes in the cluster: bootstrap tokens, and for control planes the uploaded certificates. */
import { JOINING_GROUP } from '../manifests/names.ts';
import type { KubeObject } from '../model/kubernetes.ts';
import type { StepContext } from './engine/step.ts';
import type { JoinRole } from './join-code.ts';
import { initDocuments, renderDocuments, type InitSecrets, type NodeFacts } from './kubeadm/documents.ts';
import type { BootstrapConfig } from './config.ts';
import { withLocalApi, type StepParts } from './steps/parts.ts';

/** kubeadm removes uploaded certificates after this; a code for a control plane cannot live longer. */
export const CERTIFICATES_LIFETIME_MS = 2 * 3600 * 1000;
export const WORKER_LIFETIME_MS = 24 * 3600 * 1000;

const NAMESPACE = 'kube-system';
const DESCRIPTION = /^kubevip join code \((control-plane|worker)\)$/;
const CERTIFICATES = { kind: 'Secret', name: 'kubeadm-certs', namespace: NAMESPACE };

export interface ListedCode {
  /** First part of the token, no secret. */
  readonly id: string;
  readonly role: JoinRole;
  /** Undefined: never. */
  readonly expires: Date | undefined;
}

export interface CreateRequest {
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  readonly role: JoinRole;
  readonly secrets: InitSecrets;
  readonly expires: Date;
}

/**
 * Puts the token into the cluster. For a control plane it encrypts the certificates anew: codes for control planes from
 * before cannot read them any more, and are revoked. @returns how many were.
 */
export async function createJoinCode(
  parts: StepParts,
  { config, node, role, secrets, expires }: CreateRequest,
  context: StepContext,
): Promise<number> {
  const earlier = role === 'worker' ? [] : (await listJoinCodes(parts, config)).filter((code) => code.role === role);
  // First: interrupted in between, none is left that looks good and is not.
  for (const { id } of earlier) await revokeJoinCode(parts, config, id);
  if (role === 'control-plane') {
    const documents = renderDocuments(initDocuments(config, node, secrets));
    const args = ['init', 'phase', 'upload-certs', '--upload-certs', '--skip-certificate-key-print'];
    await parts.kubeadm.call({ args, config: documents }, context);
  }
  await withLocalApi(parts, config, async (api) => {
    await api.create(tokenSecret(secrets.token, role, expires), { signal: context.signal });
  });
  return earlier.length;
}

/** Ours; other bootstrap tokens are left out. */
export async function listJoinCodes(parts: StepParts, config: BootstrapConfig): Promise<ListedCode[]> {
  const secrets = await withLocalApi(parts, config, async (api) => api.list('Secret', NAMESPACE));
  return secrets.flatMap((secret) => codeOf(secret) ?? []);
}

/** @returns false: there is no such code. */
export async function revokeJoinCode(parts: StepParts, config: BootstrapConfig, id: string): Promise<boolean> {
  const codes = await listJoinCodes(parts, config);
  const code = codes.find((one) => one.id === id);
  if (code === undefined) return false;
  await withLocalApi(parts, config, async (api) => {
    await api.remove({ kind: 'Secret', name: `bootstrap-token-${id}`, namespace: NAMESPACE });
  });
  return true;
}

/** Takes the certificates away that only codes for control planes could read, when none of those is left. */
export async function dropCertificates(parts: StepParts, config: BootstrapConfig): Promise<void> {
  const codes = await listJoinCodes(parts, config);
  if (codes.some(({ role }) => role === 'control-plane')) return;
  await withLocalApi(parts, config, async (api) => api.remove(CERTIFICATES));
}

function tokenSecret(token: string, role: JoinRole, expires: Date): KubeObject & { readonly [key: string]: unknown } {
  const [id = '', secret = ''] = token.split('.');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: NAMESPACE },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      description: `kubevip join code (${role})`,
      expiration: expires.toISOString().replace(/\.\d+Z$/, 'Z'),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': JOINING_GROUP,
    },
  };
}

function codeOf(secret: KubeObject): ListedCode | undefined {
  const { type, data } = secret as { readonly type?: unknown; readonly data?: Readonly<Record<string, string>> };
  if (type !== 'bootstrap.kubernetes.io/token' || data === undefined) return undefined;
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const role = DESCRIPTION.exec(text('description'))?.[1];
  if (role !== 'control-plane' && role !== 'worker') return undefined;
  const expiration = text('expiration');
  return { id: text('token-id'), role, expires: expiration === '' ? undefined : new Date(expiration) };
}
