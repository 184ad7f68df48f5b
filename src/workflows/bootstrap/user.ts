/** Whose kubeconfig is meant: of the person who typed `sudo`, not root's. */
import type { KubeconfigOwner } from '../../cluster/steps/user-kubeconfig.ts';
import type { Machine } from './machine.ts';

export interface Person {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of /etc/passwd. */
  readonly passwd: string;
}

/** @param wanted `user.kubeconfig` of the configuration. @returns undefined: none is wanted. */
export function kubeconfigOwner(wanted: string | undefined, { env, passwd }: Person): KubeconfigOwner | undefined {
  if (wanted === '') return undefined;
  const [uid, gid] = [Number(env['SUDO_UID'] ?? ''), Number(env['SUDO_GID'] ?? '')];
  const bySudo = (env['SUDO_UID'] ?? '') !== '' && Number.isInteger(uid) && Number.isInteger(gid) && uid > 0;
  const home = (bySudo ? homeOf(uid, passwd) : undefined) ?? env['HOME'] ?? '/root';
  const path = wanted === undefined ? `${home}/.kube/config` : wanted.replace(/^~(?=\/)/, home);
  return { path, ...(bySudo ? { owner: { uid, gid } } : {}) };
}

/** As {@link kubeconfigOwner}, of whoever called this program on this machine. */
export async function callersKubeconfig(
  { env, parts }: Pick<Machine, 'env' | 'parts'>,
  wanted: string | undefined,
): Promise<KubeconfigOwner | undefined> {
  return kubeconfigOwner(wanted, { env, passwd: (await parts.files.read('/etc/passwd')) ?? '' });
}

function homeOf(uid: number, passwd: string): string | undefined {
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((parts) => parts[2] === String(uid));
  return fields?.[5] === '' ? undefined : fields?.[5];
}
