// `npm run bench -- [NAME …] [ROW …] [--json] [--n N] [--minutes M] [--election lease|heartbeat]`: runs benches, prints
// their rows as a table, or as one JSON object per line. NAME is a folder in here; a word that is none is the name of a
// row. Each row has a number of samples of its own, mostly 20, and those that are about time going by a length of one:
// `--help` shows them, `--n` and `--minutes` change them.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_ELECTION, ELECTIONS } from '../src/agent/election-config.ts';
import { rowJson, rowsTable } from './harness.ts';

const DEFAULT_RUNS = 20;
const folder = dirname(fileURLToPath(import.meta.url));
const USAGE =
  'npm run bench -- [NAME …] [ROW …] [--json] [--n N] [--minutes M] [--election ' + ELECTIONS.join('|') + ']';
const { values, positionals } = readArguments();
const benches = readdirSync(folder)
  .filter((file) => existsSync(join(folder, file, 'bench.ts')))
  .sort();
const wantedBenches = positionals.filter((word) => benches.includes(word));
const wantedRows = positionals.filter((word) => !benches.includes(word));
const n = values.n === undefined ? undefined : Number(values.n);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);

const modules = await Promise.all(
  (wantedBenches.length > 0 ? wantedBenches : benches).map((name) => import(join(folder, name, 'bench.ts'))),
);
const known = modules.flatMap(({ rows }) => rows);
const rows = known.filter(({ name }) => wantedRows.length === 0 || wantedRows.includes(name));
const unknown = wantedRows.find((name) => !known.some((row) => row.name === name));

const names = known.map(({ name }) => name).join(', ');
const wrong =
  unknown !== undefined
    ? `there is no bench or row "${unknown}". Benches: ${benches.join(', ')}; rows: ${names}`
    : n !== undefined && (!Number.isInteger(n) || n < 1)
      ? `--n ${values.n} is not a number of samples`
      : minutes !== undefined && !(minutes > 0)
        ? `--minutes ${values.minutes} is not a number of minutes`
        : !ELECTIONS.includes(values.election)
          ? `--election is one of ${ELECTIONS.join(', ')}, not ${values.election}`
          : undefined;

if (values.help) {
  const width = Math.max(...known.map(({ name }) => name.length));
  const shown = known.map((row) => `  ${row.name.padEnd(width)}  ${extentOf(row)}: ${row.what}`);
  console.log(`${USAGE}\nBenches: ${benches.join(', ')}\nRows:\n${shown.join('\n')}`);
} else if (wrong !== undefined) {
  console.error(wrong);
  process.exitCode = 2;
} else {
  const results = [];
  // Also of a run that is interrupted: what was measured until then.
  process.on('exit', () => {
    if (!values.json && results.length > 0) console.log(rowsTable(results));
  });
  // One after the other: they share two cores.
  for (const row of rows) {
    console.error(`${row.name} (${extentOf(row)}): ${row.what}`);
    try {
      const measured = [await row.measure(runsOf(row), { minutes, election: values.election })].flat();
      results.push(...measured);
      if (values.json) for (const result of measured) console.log(rowJson(result));
    } catch (error) {
      console.error(`${row.name} failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
}

function runsOf(row) {
  return n ?? row.runs ?? DEFAULT_RUNS;
}

/** How many samples, and how long each is. */
function extentOf(row) {
  return `n = ${runsOf(row)}${row.minutes === undefined ? '' : `, ${minutes ?? row.minutes} min each`}`;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        n: { type: 'string' },
        minutes: { type: 'string' },
        election: { type: 'string', default: DEFAULT_ELECTION },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(`${error.message.split('. ')[0]}\n${USAGE}`);
    process.exit(2);
  }
}
