/** Columns as kubectl prints them: upper-case headers, three blanks between, no borders, nothing cut off. */

export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => string;
}

const GAP = '   ';

/** Lines without a last line break. No rows: only the headers. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ header }) => header.toUpperCase()),
    ...rows.map((row) => columns.map(({ value }) => orDash(value(row)))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => widthOf(line[i] ?? ''))));
  return cells
    .map((line) =>
      line
        .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

/** An empty cell would shift what a reader (or awk) takes for the columns. */
function orDash(text: string): string {
  return text.trim() === '' ? '-' : text;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

/** Time since, as kubectl shows ages: `42s`, `5m12s`, `3h`, `4d`. */
export function age(since: string | undefined, now: Date): string {
  const start = since === undefined ? Number.NaN : Date.parse(since);
  if (Number.isNaN(start)) return '-';
  return shortDuration(Math.max(0, Math.floor((now.getTime() - start) / 1000)));
}

/** Whole seconds as kubectl's short form. */
export function shortDuration(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return `${minutes}m${seconds % 60 === 0 ? '' : `${seconds % 60}s`}`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
