/**
 * Whether Services are served at all, as the cluster says it where `kubevip init` made it: an agent that kubelet starts from
 * a file cannot be told otherwise by whoever has only the API.
 */
import { readClusterRecord } from '../cluster/record.ts';
import type { Watcher } from '../kube/watcher/watcher.ts';
import type { ConfigMap } from '../model/kubernetes.ts';
import type { AgentConfig } from './config.ts';

/** Rules that turn to `withdraw` when the record says that nobody serves Services, and back. */
export function rulesUnder(
  rules: AgentConfig['rules'],
  record: Pick<Watcher<ConfigMap>, 'onChange'>,
): AgentConfig['rules'] {
  let isOff = false;
  record.onChange((_key, object) => {
    isOff = !readClusterRecord(object).servesServices;
  });
  return {
    ...rules,
    get withdraw() {
      return rules.withdraw || isOff;
    },
  };
}
