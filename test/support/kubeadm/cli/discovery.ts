/** How a joining node comes to trust the cluster (discovery/token/token.go). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { parse } from 'yaml';
import { Api } from './api.ts';
import { at, text, type Doc, type JoinConfig, list } from './config.ts';
import { Failure, poll, say } from './failure.ts';
import type { Access } from './kubeconfig.ts';
import { publicKeyPin } from './pki.ts';

const RETRY_MS = 5000;
const PATH = '/api/v1/namespaces/kube-public/configmaps/cluster-info';

/**
 * Reads cluster-info from whoever answers, checks its signature by the token and the authority by its hash, and reads
 * it again over TLS by this authority. @returns access by the bootstrap token, to the address that cluster-info names
 */
export async function discover({ discovery, timeouts }: JoinConfig): Promise<Access> {
  try {
    const server = `https://${discovery.endpoint}`;
    const insecure = await clusterInfo(new Api({ server, ca: undefined }), discovery.token, timeouts.discovery);
    const kubeconfig = verified(insecure, discovery.token);
    const cluster = at(list(parse(kubeconfig), 'clusters')[0], 'cluster');
    const ca = Buffer.from(text(cluster, 'certificate-authority-data'), 'base64').toString();
    if (discovery.caCertHashes.length > 0) {
      const pin = await publicKeyPin(ca);
      if (!discovery.caCertHashes.some((hash) => hash.toLowerCase() === pin)) {
        throw new Failure(
          `cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "${pin}" are pinned`,
        );
      }
      const secure = await clusterInfo(new Api({ server, ca }), discovery.token, timeouts.discovery);
      if (text(at(secure, 'data'), 'kubeconfig') !== kubeconfig) {
        throw new Failure(
          'the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was different from the first',
        );
      }
    }
    return { server: text(cluster, 'server'), ca, token: discovery.tlsBootstrapToken };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`couldn't validate the identity of the API Server: ${error.message}`);
  }
}

async function clusterInfo(api: Api, token: string, timeoutMs: number): Promise<Doc> {
  const [id = ''] = token.split('.');
  // The real one tries every 5 s for 5 minutes; the pause shrinks with the patience of a test.
  return await poll(Math.min(RETRY_MS, timeoutMs / 60), timeoutMs, async () => {
    const found = await api.call('GET', PATH).catch((error: unknown) => {
      throw new Failure(`failed to request the cluster-info ConfigMap: ${(error as Error).message}`);
    });
    if (signatureOf(found, id) !== undefined) return found;
    throw new Failure(`could not find a JWS signature in the cluster-info ConfigMap for token ID "${id}"`);
  });
}

function signatureOf(configMap: Doc, id: string): string | undefined {
  return ((configMap['data'] ?? {}) as Record<string, string | undefined>)[`jws-kubeconfig-${id}`];
}

function verified(configMap: Doc, token: string): string {
  const [id = '', secret = ''] = token.split('.');
  const content = text(at(configMap, 'data'), 'kubeconfig');
  const [header = '', , signature = ''] = (signatureOf(configMap, id) ?? '').split('.');
  const expected = detachedSignature(header, content, secret);
  const given = Buffer.from(signature, 'base64url');
  if (given.length === expected.length && timingSafeEqual(given, expected)) return content;
  throw new Failure("failed to verify JWS signature of received cluster info object, can't trust this API Server");
}

/** JWS (RFC 7515) with the payload left out, HS256. */
function detachedSignature(header: string, content: string, secret: string): Buffer {
  const payload = Buffer.from(content).toString('base64url');
  return createHmac('sha256', secret).update(`${header}.${payload}`).digest();
}

export function sayJoin(): void {
  say('[preflight] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...');
}
