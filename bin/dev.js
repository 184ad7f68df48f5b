#!/usr/bin/env node
// The CLI from its sources, whether or not it was built.
const { dirname, join } = require('node:path');

require('node:module').enableCompileCache?.();
const root = dirname(__dirname);
void import(join(root, 'src', 'cli', 'main.ts')).then(({ main }) =>
  main(process.argv.slice(2), { root, name: 'kubevip', built: undefined }),
);
