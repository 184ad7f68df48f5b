/** BGP passwords, which must not stand in a manifest that others may read. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { EnvVar } from '../objects.ts';
import { wordFor, type Given } from './read.ts';

/** Where a DaemonSet finds them: keys are the names of the variables. */
export const PASSWORD_SECRET = 'kube-vip-bgp';

/** Which of the variables hold a password. */
export function secretSettings({ values }: Given): ('bgp_peerpass' | 'bgp_peers')[] {
  return [
    ...(values.bgp_peerpass === '' ? [] : (['bgp_peerpass'] as const)),
    ...(values.bgp_peers.split(',').some(hasPassword) ? (['bgp_peers'] as const) : []),
  ];
}

/** `ADDRESS:AS:PASSWORD:…`, where the address may be `[IPV6]` or `unnumbered:INTERFACE`. */
function hasPassword(peer: string): boolean {
  const rest = peer.trim().replace(/^(\[[^\]]*\]|unnumbered:[^:]*|[^:]*)/, '');
  return (rest.split(':')[2] ?? '') !== '';
}

/**
 * @param fromSecret whether the pod can be given a Secret: a static pod cannot, since it runs without the API server
 * @throws KubevipError PASSWORD_IN_CLEAR (exit 2) where there is no other way than into the manifest
 */
export function passwordVariable(name: 'bgp_peerpass' | 'bgp_peers', given: Given, fromSecret: boolean): EnvVar {
  if (given.values.passwordsInClear) return { name, value: given.values[name] };
  if (fromSecret) return { name, valueFrom: { secretKeyRef: { name: PASSWORD_SECRET, key: name } } };
  throw new KubevipError(`${wordFor(name)} holds a password, and a static pod could only have it in clear`, {
    code: 'PASSWORD_IN_CLEAR',
    exit: EXIT.usage,
    hints: [
      `With --inCluster, and for a DaemonSet, it comes from the Secret ${PASSWORD_SECRET} instead.`,
      '--passwordsInClear writes it nevertheless. Keep the manifest readable by root alone then.',
    ],
  });
}

/** What is to be done besides, for people. */
export function secretNotice(names: readonly string[], namespace: string): string {
  const files = names.map((name) => `--from-file=${name}=FILE`).join(' ');
  return (
    `passwords are not in the manifest; it expects them in a Secret: ` +
    `kubectl -n ${namespace} create secret generic ${PASSWORD_SECRET} ${files}`
  );
}
