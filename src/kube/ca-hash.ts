/** The pin of a cluster's CA, as kubeadm writes it. */
import { createHash, X509Certificate } from 'node:crypto';
import type { Credentials } from './credentials.ts';

/**
 * `sha256:` and the hash of the public key (SubjectPublicKeyInfo, RFC 5280) of the first CA in the kubeconfig;
 * undefined where it names none.
 * @throws ApiError BAD_KUBECONFIG, or Error for what is no certificate
 */
export async function caHashOf(credentials: Credentials): Promise<string | undefined> {
  const { ca } = (await credentials.authorize()).tls;
  const first = [ca ?? []].flat()[0];
  if (first === undefined) return undefined;
  const key = new X509Certificate(first).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
