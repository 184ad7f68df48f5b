import { defineConfig } from 'vitest/config';

/** Rooms that share the machine's network namespaces and cores: one file at a time, generous hang guards. */
const slow = ['netns', 'kube', 'e2e', 'cli', 'soak', 'image', 'kubeadm'];
const quick = ['unit', 'property', 'vectors', 'golden', 'compliance', 'repo'];

const project = (name: string, parallel: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    fileParallelism: parallel,
    testTimeout: parallel ? 20_000 : 120_000,
    hookTimeout: parallel ? 20_000 : 120_000,
  },
});

export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    projects: [...quick.map((name) => project(name, true)), ...slow.map((name) => project(name, false))],
  },
});
