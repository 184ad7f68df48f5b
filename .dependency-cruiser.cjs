/** Who may import whom: design §3 as rules. Run by `npm run arch` and by test/repo. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, ...allowed] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('model-stands-alone', '^src/model/', [], 'The words of the domain depend on nothing'),
    only('protocols-are-sans-io', '^src/protocols/', ['^src/model/'], 'Codecs and state machines know only the model'),
    only(
      'exposure-is-pure',
      '^src/exposure/',
      ['^src/model/', '^src/protocols/'],
      'The pipeline reaches the outside through its ports',
    ),
    only('manifests-are-data', '^src/manifests/', ['^src/model/'], 'Settings in, Kubernetes objects out'),
    only(
      'cluster-is-pure',
      '^src/cluster/',
      // One reading of kube-vip's `bgp_peers`: what the agent would refuse is to be refused before a cluster is made.
      ['^src/model/', '^src/manifests/', '^src/protocols/', '^src/exposure/bgp/config/(peers-text|values)\\.ts$'],
      'Plans and steps reach the machine through their ports',
    ),
    only(
      'kube-behind-our-nouns',
      '^src/kube/',
      ['^src/model/', '^src/exposure/.+/port\\.ts$', '^src/cluster/ports/'],
      'kube adapts the API to ports',
    ),
    only(
      'linux-is-the-edge',
      '^src/linux/',
      ['^src/model/', '^src/exposure/.+/port\\.ts$', '^src/cluster/ports/'],
      'linux adapts the OS to ports',
    ),
    {
      name: 'os-only-in-linux-and-lab',
      severity: 'error',
      // model/ip.ts uses only the pure isIPv4 and isIPv6 of node:net.
      from: { path: '^src/', pathNot: ['^src/linux/', '^src/lab/', '^src/model/ip\.ts$'] },
      to: { path: '^(node:)?(dgram|net|child_process|worker_threads)$|node_modules/koffi/', pathNot: [] },
    },
    {
      name: 'client-node-only-in-kube',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kube/' },
      to: { path: 'node_modules/@kubernetes/client-node/' },
    },
    {
      name: 'oclif-only-in-the-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/commands/', '^src/cli/'] },
      to: { path: 'node_modules/@oclif/' },
    },
    {
      name: 'workflows-know-no-flags',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/(commands|cli)/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: false,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
