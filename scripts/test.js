// Runs the tests: `node scripts/test.js [project…]`. Without projects everything that has no script of its own, static
// checks included. The last line is `N passed, N failed`, and the exit code follows it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);

const CHECKS = [
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['lint', bin('eslint'), ['.']],
  ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['architecture', bin('depcruise'), ['src', 'bin', '--config', '.dependency-cruiser.cjs', '--output-type', 'err']],
];

const projects = process.argv.slice(2);
const counts = { passed: 0, failed: 0 };
if (projects.length === 0) await runChecks();
await runVitest();
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** Each check counts as one test. */
async function runChecks() {
  for (const [name, command, args] of CHECKS) {
    const { code, output } = await run(command, args, { capture: true });
    counts[code === 0 ? 'passed' : 'failed']++;
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code !== 0) console.log(output.trimEnd());
  }
}

async function runVitest() {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-results-'));
  const file = join(dir, 'results.json');
  try {
    const { code } = await run(bin('vitest'), [
      'run',
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, '--passWithNoTests'],
      // These have scripts of their own.
      ...(projects.length > 0 ? projects : ['!soak', '!image', '!kubeadm']).flatMap((project) => [
        '--project',
        project,
      ]),
    ]);
    count(readResults(file), code);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Vitest did not get as far as writing it; its exit code tells.
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}

function count({ numPassedTests, numFailedTests, testResults }, code) {
  // A file that failed without a failed test in it: it could not be loaded, or a hook of it failed.
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((assertion) => assertion.status === 'failed'),
  ).length;
  for (const { assertionResults } of testResults) {
    for (const { status, fullName } of assertionResults) {
      if (status === 'skipped' || status === 'pending') console.log(`- not run: ${fullName}`);
    }
  }
  const failed = numFailedTests + broken;
  counts.passed += numPassedTests;
  // Errors outside of any test (an unhandled rejection, say) show only in the exit code.
  counts.failed += failed === 0 && code !== 0 ? 1 : failed;
}

function run(command, args, { capture = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 128, output }));
  });
}
