// Runs the tests: `node scripts/test.js [project…]`. Without projects everything that has no script of its own, static
// checks included. The last line is `N passed, N failed`, and the exit code follows it.
//
// Two lanes run beside each other: tests on a LAN spend most of their time waiting for it, and the others compute. These
// run at lower priority, so that the LAN has the machine when it wants it. What counts in fractions of a second runs when
// both are done.
//
// A file of tests on a LAN that failed runs once more at the very end, when nothing else does: what fails then has failed.
// What passed only then is named, for it may be a fault that is seldom. Where many files fail it is no matter of chance.
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
/** Peers, processes and a machine that is busy have a part in them; in all others the same happens each time. */
const OF_CHANCE = /^test\/(netns|e2e|kube)\//;
const MOST_AGAIN = 3;
const OTHERS = ['unit', 'property', 'vectors', 'compliance', 'repo', 'cli', 'kube', 'aside'];

const wanted = process.argv.slice(2);
/** By file, or check: how many tests passed, and which failed. What is told of them waits for the end of both lanes. */
const results = new Map();
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
await runAgain();
const failures = [...results.values()].flatMap(({ failed }) => failed);
const passed = [...results.values()].reduce((sum, result) => sum + result.passed, 0);
for (const failure of failures) console.log(`✗ ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function runAgain() {
  const failed = [...results].filter(([file, result]) => result.failed.length > 0 && OF_CHANCE.test(file));
  if (failed.length === 0 || failed.length > MOST_AGAIN) return;
  await runVitest(
    projects,
    [],
    failed.map(([file]) => file),
  );
  for (const [file, before] of failed) {
    const left = results.get(file)?.failed ?? [];
    for (const failure of before.failed.filter((one) => !left.includes(one)))
      console.log(`~ passed at the second attempt only: ${failure}`);
  }
}

async function runOthers(others, politely) {
  if (wanted.length === 0) await runChecks(politely);
  if (others.length > 0) await runVitest(others, politely);
}

/** Each check counts as one test. */
async function runChecks(politely) {
  for (const [name, command, args] of CHECKS) {
    const { code, output } = await run([...politely, command, ...args], { quiet: true });
    results.set(name, { passed: code === 0 ? 1 : 0, failed: code === 0 ? [] : [name] });
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code !== 0) console.log(output.trimEnd());
  }
}

/** @param files those alone; none: all of the projects */
async function runVitest(names, politely = [], files = []) {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-results-'));
  const file = join(dir, 'results.json');
  try {
    const { code } = await run([
      ...politely,
      ...[bin('vitest'), 'run', '--passWithNoTests'],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      ...names.flatMap((name) => ['--project', name]),
      ...files,
    ]);
    note(readResults(file), code, names);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Vitest did not get as far as writing it; its exit code tells.
    return { testResults: [] };
  }
}

function note({ testResults }, code, names) {
  let failures = 0;
  for (const { name, status, assertionResults } of testResults) {
    const file = name.replace(`${root}/`, '');
    const having = (wanted) => assertionResults.filter((assertion) => assertion.status === wanted);
    const failed = having('failed').map(({ fullName }) => `${file} > ${fullName}`);
    // Without a failed test in it: it could not be loaded, or a hook of it failed.
    if (status === 'failed' && failed.length === 0) failed.push(file);
    for (const { fullName } of [...having('skipped'), ...having('pending')]) console.log(`- not run: ${fullName}`);
    failures += failed.length;
    results.set(file, { passed: having('passed').length, failed });
  }
  // Errors outside of any test (an unhandled rejection, say) show only in the exit code.
  if (failures > 0 || code === 0) return;
  const failure = `vitest of ${names.join(', ')} ended with ${code}`;
  results.set(failure, { passed: 0, failed: [failure] });
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
