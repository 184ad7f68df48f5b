/** What every bench has in common: samples, their summary, and how it is shown. */

export interface BenchRow {
  readonly name: string;
  /** One line for people: what is measured. */
  readonly what: string;
  /** Samples where nobody says how many. Default 20; fewer where one takes minutes. */
  readonly runs?: number;
  /** How long one lasts where nobody says; only of rows that are about time going by. */
  readonly minutes?: number;
  /**
   * @param n samples. @throws Error when a sample could not be taken: a number that hides failures is none.
   * @returns several for a row that looks at more than one thing at once.
   */
  measure(n: number, options: BenchOptions): Promise<RowResult | readonly RowResult[]>;
}

/** What can be said on the command line besides the number of samples. */
export interface BenchOptions {
  /** Length of one sample of a row that has `minutes`; undefined: the row's own. */
  readonly minutes?: number;
  /** How the agents of a lab find owners. */
  readonly election: 'heartbeat' | 'lease';
}

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
}

export interface RowResult extends Summary {
  readonly row: string;
  /** Empty for what is counted. */
  readonly unit: 'ms' | 'MB' | '%' | '/s' | '';
  /** Measured in turn with it, on the same machine at the same time. */
  readonly peer?: { readonly name: string } & Summary;
  /** What it is held to; a row without is for comparison. */
  readonly bar?: { readonly text: string; readonly held: boolean };
}

/** @throws RangeError without samples. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError('no samples');
  return { n: sorted.length, median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), min, max };
}

/** Between the two nearest samples, as most tools have it. */
function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** A row held to a fixed number, of milliseconds unless told otherwise (median). */
export function absoluteRow(
  row: string,
  samples: readonly number[],
  limit: number,
  unit: RowResult['unit'] = 'ms',
): RowResult {
  const summary = summarise(samples);
  return { row, unit, ...summary, bar: { text: `≤ ${limit} ${unit}`, held: summary.median <= limit } };
}

/** A row held to a fixed number (median), with somebody beside it for comparison. */
export function besideRow(
  row: string,
  samples: readonly number[],
  limit: number,
  peer: { readonly name: string; readonly samples: readonly number[] },
): RowResult {
  return { ...absoluteRow(row, samples, limit), peer: { name: peer.name, ...summarise(peer.samples) } };
}

/** A row that is only printed: what it shows is somebody else's doing. */
export function printedRow(row: string, samples: readonly number[], unit: RowResult['unit'] = 'ms'): RowResult {
  return { row, unit, ...summarise(samples) };
}

/** A row of which no single sample may be above a number of milliseconds. */
export function mostRow(row: string, samples: readonly number[], limit: number): RowResult {
  const summary = summarise(samples);
  return { row, unit: 'ms', ...summary, bar: { text: `all ≤ ${limit} ms`, held: summary.max <= limit } };
}

/** A row of what must not happen at all: held when every sample is 0. */
export function neverRow(row: string, samples: readonly number[]): RowResult {
  const summary = summarise(samples);
  return { row, unit: '', ...summary, bar: { text: '0', held: summary.max === 0 } };
}

/** A row held to a multiple of its peer (medians). */
export function pairedRow(
  row: string,
  samples: readonly number[],
  peer: { readonly name: string; readonly samples: readonly number[] },
  factor: number,
): RowResult {
  const summary = summarise(samples);
  const other = summarise(peer.samples);
  return {
    row,
    unit: 'ms',
    ...summary,
    peer: { name: peer.name, ...other },
    bar: { text: `≤ ${factor} × ${peer.name}`, held: summary.median <= factor * other.median },
  };
}

/** The contract: one object a line. */
export function rowJson({ row, unit, n, median, p95, min, max, peer, bar }: RowResult): string {
  const shown = { row, unit, n, median, p95, min, max, ...(peer ? { peer } : {}), ...(bar ? { bar } : {}) };
  return JSON.stringify(shown, (_, value: unknown) => (typeof value === 'number' ? round(value) : value));
}

export function rowsTable(rows: readonly RowResult[]): string {
  const cells = [
    ['ROW', 'N', 'MEDIAN', 'P95', 'MIN', 'MAX', 'PEER', 'RATIO', 'BAR', 'HELD'],
    ...rows.map(({ row, unit, n, median, p95, min, max, peer, bar }) => [
      row,
      `${n}`,
      ...[median, p95, min, max].map((value) => `${round(value)} ${unit}`.trim()),
      peer ? `${peer.name} ${round(peer.median)} ${unit}`.trim() : '-',
      peer ? `${(median / peer.median).toFixed(2)} ×` : '-',
      bar?.text ?? '-',
      bar === undefined ? '-' : bar.held ? 'yes' : 'NO',
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((line) => (line[i] ?? '').length)));
  return cells
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
