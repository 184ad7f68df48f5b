/** How long the CLI takes for what needs no cluster, beside a Node that does nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pairedRow, type BenchRow } from '../harness.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const cliVersion: BenchRow = startRow('cli-version', '--version', 1.3);
export const cliHelp: BenchRow = startRow('cli-help', '--help', 2);

function startRow(name: string, flag: string, factor: number): BenchRow {
  return {
    name,
    what: `kubevip ${flag}, process start to exit, in turn with a bare \`node -e 0\``,
    measure: (n) => {
      if (!existsSync(join(root, 'dist', 'help'))) throw new Error('dist/ is not built: npm run build');
      const ours: number[] = [];
      const bare: number[] = [];
      // The first of each only warms the page cache.
      for (let i = 0; i <= n; i++) {
        const pair = [run(['-e', '0']), run([join(root, 'bin', 'run.js'), flag])] as const;
        if (i === 0) continue;
        bare.push(pair[0]);
        ours.push(pair[1]);
      }
      return Promise.resolve(pairedRow(name, ours, { name: 'bare node', samples: bare }, factor));
    },
  };
}

/** Milliseconds. */
function run(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const took = performance.now() - start;
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${String(stderr)}`);
  return took;
}
