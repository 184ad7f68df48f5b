// Runs the tests: `node scripts/test.js [project…]`. Without projects everything that has no script of its own, static
// checks included. The last line is `N passed, N failed`, and the exit code follows it.
//
// Two lanes run beside each other: tests on a LAN spend most of their time waiting for it, and the others compute. These
// run at lower priority, so that the LAN has the machine when it wants it. What counts in fractions of a second runs when
// both are done.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);

const CHECKS = [
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['lint', bin('eslint'), ['.']],
  ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['architecture', bin('depcruise'), ['src', 'bin', '--config', '.dependency-cruiser.cjs', '--output-type', 'err']],
];
const LAN = ['netns', 'e2e'];
/** After both of them. */
const ALONE = ['alone'];
const OTHERS = ['unit', 'property', 'vectors', 'compliance', 'repo', 'cli', 'kube', 'aside'];

const wanted = process.argv.slice(2);
const counts = { passed: 0, failed: 0 };
/** Of the failed ones, for the end: the two lanes have written in between each other. */
const failures = [];
const projects = wanted.length > 0 ? wanted : [...LAN, ...OTHERS, ...ALONE];
const lan = projects.filter((project) => LAN.includes(project));
await Promise.all([
  lan.length > 0 && runVitest(lan),
  runOthers(
    projects.filter((project) => !LAN.includes(project) && !ALONE.includes(project)),
    lan.length > 0 ? ['nice', '-n', '10'] : [],
  ),
]);
const alone = projects.filter((project) => ALONE.includes(project));
if (alone.length > 0) await runVitest(alone);
for (const failure of failures) console.log(`✗ ${failure}`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

async function runOthers(others, politely) {
  if (wanted.length === 0) await runChecks(politely);
  if (others.length > 0) await runVitest(others, politely);
}

/** Each check counts as one test. */
async function runChecks(politely) {
  for (const [name, command, args] of CHECKS) {
    const { code, output } = await run([...politely, command, ...args], { quiet: true });
    counts[code === 0 ? 'passed' : 'failed']++;
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code === 0) continue;
    console.log(output.trimEnd());
    failures.push(name);
  }
}

async function runVitest(names, politely = []) {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-results-'));
  const file = join(dir, 'results.json');
  try {
    const { code } = await run([
      ...politely,
      ...[bin('vitest'), 'run', '--passWithNoTests'],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      ...names.flatMap((name) => ['--project', name]),
    ]);
    count(readResults(file), code, names);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Vitest did not get as far as writing it; its exit code tells.
    return { numPassedTests: 0, testResults: [] };
  }
}

function count({ numPassedTests, testResults }, code, names) {
  const failed = [];
  for (const { name, status, assertionResults } of testResults) {
    const file = name.replace(`${root}/`, '');
    const here = assertionResults.filter((assertion) => assertion.status === 'failed');
    failed.push(...here.map(({ fullName }) => `${file} > ${fullName}`));
    // Without a failed test in it: it could not be loaded, or a hook of it failed.
    if (status === 'failed' && here.length === 0) failed.push(file);
    for (const assertion of assertionResults) {
      if (assertion.status === 'skipped' || assertion.status === 'pending')
        console.log(`- not run: ${assertion.fullName}`);
    }
  }
  // Errors outside of any test (an unhandled rejection, say) show only in the exit code.
  if (failed.length === 0 && code !== 0) failed.push(`vitest of ${names.join(', ')} ended with ${code}`);
  counts.passed += numPassedTests;
  counts.failed += failed.length;
  failures.push(...failed);
}

/** Passes on what the command writes, line by line. @returns that too when it is asked to be quiet instead. */
function run([command, ...args], { quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (quiet) output += `${line}\n`;
        else console.log(line);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 128, output }));
  });
}
