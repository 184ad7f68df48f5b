// Builds dist/ from src/. Everything is made in a folder beside it that then takes its place, so that a process that
// reads dist/ meanwhile sees the old one or the new one.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleAgent } from './bundle-agent.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = join(root, '.setup');

/** What a build is made of, in this order; each gets the folder that becomes dist/. */
const steps = [
  compile,
  (out) => bundleAgent(join(out, 'agent')),
  (out) => run(process.execPath, [join(root, 'scripts', 'build-help.js'), out]),
];

/** @param {string} out */
function compile(out) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', out]);
}

function run(command, args) {
  execFileSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function build() {
  // Sources changed while we build are newer than this, and make the next build.
  const started = new Date();
  removeLeftovers();
  const out = join(scratch, `build-${process.pid}`);
  mkdirSync(out, { recursive: true });
  try {
    for (const step of steps) await step(out);
    writeFileSync(join(out, '.built'), '');
    utimesSync(join(out, '.built'), started, started);
    swap(out);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function swap(out) {
  const dist = join(root, 'dist');
  const old = join(scratch, `old-${process.pid}`);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(out, dist);
  rmSync(old, { recursive: true, force: true });
}

/** Folders of builds that were killed. */
function removeLeftovers() {
  if (!existsSync(scratch)) return;
  for (const name of readdirSync(scratch)) {
    const pid = Number(/^(?:build|old)-(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !existsSync(`/proc/${pid}`)) rmSync(join(scratch, name), { recursive: true, force: true });
  }
}

try {
  await build();
} catch (error) {
  // tsc has said what is wrong; anything else is ours to say.
  if (error.status === undefined) console.error(error);
  console.error('The build failed; dist/ is as it was.');
  process.exitCode = 1;
}
