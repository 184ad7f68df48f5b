#!/usr/bin/env node
// The CLI from its sources, whether or not it was built.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { main } = await import(join(root, 'src', 'cli', 'main.ts'));
await main(process.argv.slice(2), { root, name: 'kubevip', source: true });
