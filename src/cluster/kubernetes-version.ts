/** Versions of Kubernetes programs, as far as skew rules look at them. */

export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** With the leading `v`, as the program said it. */
  readonly text: string;
}

/** The oldest minor release that `init` and `join` know how to drive. */
export const OLDEST_MINOR = 28;
/** The newest minor release that this version was tried with. */
export const NEWEST_TRIED_MINOR = 36;

/** The first version in a text: `v1.36.0`, `Kubernetes v1.36.0-rc.1`, `{"gitVersion": "v1.36.0"}`. Undefined: none. */
export function parseKubernetesVersion(text: string): KubernetesVersion | undefined {
  const match = /\bv?(\d{1,4})\.(\d{1,4})\.(\d{1,4})((?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)/.exec(text);
  if (!match) return undefined;
  const [, major, minor, patch, rest = ''] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    text: `v${major}.${minor}.${patch}${rest}`,
  };
}

/** By how many minor releases `a` is newer than `b`; negative when it is older. */
export function minorsAhead(a: KubernetesVersion, b: KubernetesVersion): number {
  return (a.major - b.major) * 1000 + a.minor - b.minor;
}
