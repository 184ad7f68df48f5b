/** What a row of the table of kube-vip's settings says. */

export type SettingType = 'boolean' | 'number' | 'string';

export interface Setting {
  /** Without the dashes; undefined: kube-vip has only the environment variable. */
  readonly flag?: string;
  /** Other spellings of the flag. */
  readonly aliases?: readonly string[];
  /** Letter of the short form. */
  readonly char?: string;
  /** There is no environment variable: the key of the row is a flag. */
  readonly flagOnly?: true;
  readonly type: SettingType;
  /** As typed; '' where there is none. */
  readonly fallback: string;
  /** What a number must not go below or beyond. */
  readonly range?: readonly [least: number, most: number];
  readonly options?: readonly string[];
  readonly meaning: string;
  /**
   * What kube-vip's generators do with it. `written`: it stands in the manifest. `dropped`: the flag is accepted and
   * forgotten. `environment`: there is no flag, and the variable is forgotten. `generator`: it steers the generator.
   */
  readonly kubeVip: 'written' | 'dropped' | 'environment' | 'generator';
  /** Where our generators do otherwise than to write it, or write it differently. */
  readonly ours?: string;
}

/** Rows of the table with their keys as literal types, so that values can be read with the right type. */
export function settings<const Table extends Readonly<Record<string, Setting>>>(table: Table): Table {
  return table;
}

interface Types {
  readonly boolean: boolean;
  readonly number: number;
  readonly string: string;
}
export type ValueOf<Row extends Setting> = Types[Row['type']];
