/**
 * A look at the cluster before joining it, so that a wrong code is told in a second and in our words. Nothing that is
 * read here is trusted: kubeadm checks the signature of the same document before it believes a word of it.
 */
import { stringify } from 'yaml';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import { pause, type Clock } from '../model/time.ts';
import { authorityOf, publicKeyHash } from './kubeconfig.ts';
import type { JoinCode } from './join-code.ts';
import type { ApiConnector, ClusterApi } from './ports/api.ts';

const TIMEOUT_MS = 10_000;
/** A code that was made this moment is not signed yet: Kubernetes’ bootstrap signer does that after the fact. */
const TRIES = 20;
const RETRY_MS = 500;

/**
 * @returns the certificate of the authority that the code names (PEM), and no other that may have come with it.
 * @throws KubevipError CLUSTER_UNREACHABLE (exit 4), WRONG_CLUSTER, JOIN_CODE_REVOKED (exit 1), INTERRUPTED
 */
export async function checkJoinCode(
  connector: ApiConnector,
  code: JoinCode,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  const api = connector.connect(anonymous(code.endpoint));
  try {
    for (let left = TRIES; ; left--) {
      const { certificate, signed } = await readClusterInfo(api, code, signal);
      if (signed) return certificate;
      if (left === 0) throw revoked();
      await pause(clock, RETRY_MS, signal);
    }
  } finally {
    api.close();
  }
}

async function readClusterInfo(
  api: ClusterApi,
  code: JoinCode,
  signal: AbortSignal,
): Promise<{ readonly certificate: string; readonly signed: boolean }> {
  const ref = { kind: 'ConfigMap', name: 'cluster-info', namespace: 'kube-public' };
  const info = await api.find(ref, { signal, timeoutMs: TIMEOUT_MS }).catch((cause: unknown) => {
    throw signal.aborted ? interrupted() : unreachable(code, cause);
  });
  if (signal.aborted) throw interrupted();
  const data = (info as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data ?? {};
  const authority = data['kubeconfig'] === undefined ? undefined : authorityOf(data['kubeconfig']);
  if (authority === undefined) throw unreachable(code, new Error('what answers there is no cluster of kubeadm'));
  const certificate = certificateOf(authority, code.caHash);
  if (certificate === undefined) throw wrongCluster(code);
  const [id = ''] = code.token.split('.');
  return { certificate, signed: data[`jws-kubeconfig-${id}`] !== undefined };
}

/** Without credentials and without trust: only `cluster-info` is there for strangers. */
function anonymous(endpoint: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'cluster',
    clusters: [{ name: 'cluster', cluster: { server: `https://${endpoint}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: 'nobody' } }],
  });
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The one with that key: beside it anybody may have put one of his own. */
function certificateOf(authority: string, hash: string): string | undefined {
  const bundle = Buffer.from(authority, 'base64').toString('utf8');
  return bundle.match(CERTIFICATE)?.find((pem) => {
    try {
      return publicKeyHash(pem) === hash;
    } catch {
      return false; // no certificate: certainly not the right one
    }
  });
}

/** Ctrl-C before anything was done. */
function interrupted(): KubevipError {
  return new KubevipError('interrupted', {
    code: 'INTERRUPTED',
    exit: EXIT.interrupted,
    hints: ['Nothing was changed.'],
  });
}

function unreachable(code: JoinCode, cause: unknown): KubevipError {
  return new KubevipError(`no cluster answers at ${code.endpoint}: ${messageOf(cause)}`, {
    code: 'CLUSTER_UNREACHABLE',
    exit: EXIT.unreachable,
    hints: [
      'Is this machine in the same network as the cluster? `kubevip discover kubevip` lists clusters it can see.',
      'On a control plane: `kubevip status` and `kubectl get --raw /readyz`.',
    ],
    cause,
  });
}

function wrongCluster(code: JoinCode): KubevipError {
  return new KubevipError(`the cluster at ${code.endpoint} is not the one that this join code is for`, {
    code: 'WRONG_CLUSTER',
    hints: [
      'Its certificate authority is another one. Was the cluster made anew since? Then get a new code there.',
      'If not, somebody may be answering in its place: do not go on.',
    ],
  });
}

function revoked(): KubevipError {
  return new KubevipError('the cluster does not know this join code (any more): it ran out, or was revoked', {
    code: 'JOIN_CODE_REVOKED',
    hints: ['A new one: `kubevip join-code create` on a control plane.'],
  });
}
