/** Columns of the tables that kubectl prints: the server computes them, kubectl only draws. */
import type { Json } from '../json.ts';
import type { ApiObject } from '../object.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer';
  readonly description: string;
  /** 0 is shown always, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  readonly value: (object: ApiObject, now: Date) => Json;
}

export function column(name: string, value: Column['value'], options: Partial<Column> = {}): Column {
  return { name, value, type: 'string', description: '', priority: 0, ...options };
}

export function wide(name: string, value: Column['value']): Column {
  return column(name, value, { priority: 1 });
}
