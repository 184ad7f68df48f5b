// `npm run bench -- [NAME …] [ROW …] [--json] [--n 20]`: runs benches, prints one row each as a table, or as one JSON
// object per line. NAME is a file in here; a word that is none is the name of a row.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rowJson, rowsTable } from './harness.ts';

const folder = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, n: { type: 'string', default: '20' } },
});
const benches = readdirSync(folder)
  .filter((file) => existsSync(join(folder, file, 'bench.ts')))
  .sort();
const wantedBenches = positionals.filter((word) => benches.includes(word));
const wantedRows = positionals.filter((word) => !benches.includes(word));
const n = Number(values.n);

const modules = await Promise.all(
  (wantedBenches.length > 0 ? wantedBenches : benches).map((name) => import(join(folder, name, 'bench.ts'))),
);
const known = modules.flatMap(({ rows }) => rows);
const rows = known.filter(({ name }) => wantedRows.length === 0 || wantedRows.includes(name));
const unknown = wantedRows.find((name) => !known.some((row) => row.name === name));

if (unknown !== undefined || !Number.isInteger(n) || n < 1) {
  const names = known.map(({ name }) => name).join(', ');
  console.error(
    unknown === undefined
      ? `--n ${values.n} is not a number of samples`
      : `there is no bench or row "${unknown}". Benches: ${benches.join(', ')}; rows: ${names}`,
  );
  process.exitCode = 2;
} else {
  const results = [];
  // One after the other: they share two cores.
  for (const row of rows) {
    console.error(`${row.name}: ${row.what}`);
    try {
      const result = await row.measure(n);
      results.push(result);
      if (values.json) console.log(rowJson(result));
    } catch (error) {
      console.error(`${row.name} failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
  if (!values.json && results.length > 0) console.log(rowsTable(results));
}
