import { defineConfig } from 'vitest/config';

/** Rooms that share the machine's network namespaces and cores: one file at a time, generous hang guards. */
const slow = ['netns', 'kube', 'e2e', 'cli', 'soak', 'image', 'kubeadm'];
const quick = ['unit', 'property', 'vectors', 'compliance', 'repo'];
/** Part of `e2e` by what it shows, but hungrier for the processor than for the LAN: scripts/test.js has it elsewhere. */
const BOOTSTRAP = 'test/e2e/bootstrap/**/*.test.ts';

const project = (name: string, parallel: boolean, include = `test/${name}/**/*.test.ts`) => ({
  test: {
    name,
    include: [include],
    exclude: name === 'e2e' ? [BOOTSTRAP] : [],
    fileParallelism: parallel,
    testTimeout: parallel ? 20_000 : 120_000,
    hookTimeout: parallel ? 20_000 : 120_000,
  },
});

export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    projects: [
      ...quick.map((name) => project(name, true)),
      ...slow.map((name) => project(name, false)),
      project('bootstrap', false, BOOTSTRAP),
    ],
  },
});
