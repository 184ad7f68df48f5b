/** Columns that most tables have. */
import { nameOf } from '../object.ts';
import { column, type Column } from './column.ts';
import { age } from './time.ts';

export const nameColumn: Column = column('Name', nameOf);
export const ageColumn: Column = column('Age', (object, now) => age(object.metadata.creationTimestamp, now));

/** `a=1,b=2`, or `<none>`. */
export function formatMap(map: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(map).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}
