import { defineConfig } from 'vitest/config';

/** Rooms that share the machine's network namespaces and cores: one file at a time, generous hang guards. */
const slow = ['netns', 'kube', 'e2e', 'cli', 'soak', 'image', 'kubeadm'];
const quick = ['unit', 'property', 'vectors', 'compliance', 'repo'];
/**
 * Parts of `e2e` and `netns` by what they show, but they compute, or wait for peers with generous times: scripts/test.js
 * has them beside the others.
 */
const ASIDE = ['test/e2e/bootstrap/**/*.test.ts', 'test/netns/{bgp,bootstrap,lab,preflight,router}/**/*.test.ts'];
/** Parts of `e2e` that count in fractions of a second who has an address: they have the machine to themselves. */
const ALONE = ['heartbeat', 'failover-rows', 'control-plane', 'control-plane-by-lease'].map(
  (name) => `test/e2e/${name}.test.ts`,
);

/** Where there are properties. */
const PROPERTIES = new Set(['unit', 'property', 'vectors']);

const project = (name: string, parallel: boolean, include = [`test/${name}/**/*.test.ts`]) => ({
  test: {
    name,
    include,
    exclude: include === ASIDE || include === ALONE ? [] : [...ASIDE, ...ALONE],
    fileParallelism: parallel,
    testTimeout: parallel ? 20_000 : 120_000,
    hookTimeout: parallel ? 20_000 : 120_000,
    ...(PROPERTIES.has(name) && { setupFiles: ['test/support/property-seed.ts'] }),
  },
});

export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    projects: [
      ...quick.map((name) => project(name, true)),
      ...slow.map((name) => project(name, false)),
      project('aside', false, ASIDE),
      project('alone', false, ALONE),
    ],
  },
});
