/** Kubeconfig files: how kubectl and the agent find the server and who they are. */
import { stringify } from 'yaml';
import { writePrivate } from './files.ts';

export interface KubeconfigEntry {
  readonly server: string;
  /** PEM */
  readonly ca: string;
  readonly user: string;
  readonly token: string;
  readonly namespace?: string;
}

export function kubeconfig({ server, ca, user, token, namespace = 'default' }: KubeconfigEntry): string {
  const cluster = 'kubevip-lab';
  const context = `${user}@${cluster}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: cluster, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: context, context: { cluster, user, namespace } }],
    'current-context': context,
  });
}

export function writeKubeconfig(path: string, entry: KubeconfigEntry): void {
  writePrivate(path, kubeconfig(entry));
}
