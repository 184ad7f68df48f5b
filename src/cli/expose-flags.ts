/** The flags of `expose` that may stand alone, and which words are values of them. */
import type { OptionalValue } from './optional-values.ts';

const KIND_WORDS = new Set([
  ...['deployment', 'deployments', 'deploy', 'statefulset', 'statefulsets', 'sts', 'replicaset', 'replicasets', 'rs'],
  ...['pod', 'pods', 'po', 'service', 'services', 'svc'],
]);

export const exposeFlagValues: Readonly<Record<string, OptionalValue>> = {
  router: {
    alone: 'true',
    takes: (word) => /^(off|true|pinhole|([^/=,]+=)?\d+(,([^/=,]+=)?\d+)*)$/.test(word),
  },
  mdns: {
    alone: 'true',
    // `--mdns deployment web` is the flag alone before KIND NAME; who wants such a name writes --mdns=deployment.
    takes: (word) => !word.includes('/') && !KIND_WORDS.has(word),
  },
};
