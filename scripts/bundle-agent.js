// Bundles the agent: `node scripts/bundle-agent.js DIR` makes DIR/bundle.js, which is what the image runs.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The agent in one file: two thirds of the memory of the same code in its five hundred modules. client-node, which is
 * loaded only for kubeconfigs with a program or a proxy in them, is a second file beside it: 4 MB of what are 65 MB in
 * node_modules. Outside stays only koffi, which has a binary part.
 * @param {string} dir
 */
export async function bundleAgent(dir) {
  await build({
    entryPoints: { bundle: join(root, 'src', 'agent', 'main.ts') },
    outdir: dir,
    chunkNames: 'bundle-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    external: ['koffi'],
    // Some dependencies are CommonJS and ask for Node's own modules that way.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'error',
  });
}

if (import.meta.main) await bundleAgent(process.argv[2] ?? join(root, 'dist', 'agent'));
