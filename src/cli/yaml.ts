/** Kubernetes objects as YAML, for people and for `kubectl apply -f -`. */
import { stringify } from 'yaml';

/** Kubernetes' parser still knows words of YAML 1.1 (`on`, `no`): they are quoted. */
const OPTIONS = { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' } as const;

/** Several documents, in the order given. */
export function toYaml(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, OPTIONS)).join('---\n');
}
