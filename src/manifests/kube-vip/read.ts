/** Values of kube-vip's settings from flags and the environment. Flags win, then the environment, then the default. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Setting } from './setting.ts';
import { ROWS, SETTINGS, type SettingName, type Values } from './table.ts';

export interface Given {
  readonly values: Values;
  /** The settings that did not come from their default. */
  readonly given: ReadonlySet<SettingName>;
}

export interface Sources {
  /** By name of the flag, as typed. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws KubevipError BAD_SETTING (exit 2) naming the flag or variable, and what it takes. */
export function readSettings({ flags, env }: Sources): Given {
  const values: Record<string, unknown> = {};
  const given = new Set<SettingName>();
  for (const [name, row] of ROWS) {
    const flag = row.flag === undefined ? undefined : flags[row.flag];
    // As in kube-vip an empty variable is one that is not set.
    const variable = row.flagOnly === true || env[name] === '' ? undefined : env[name];
    const text = flag ?? variable;
    if (text !== undefined) given.add(name);
    values[name] = parse(row, text ?? row.fallback, flag === undefined ? name : `--${row.flag ?? name}`);
  }
  return { values: values as Values, given };
}

/** How people call a setting: by its flag, if it has one. */
export function wordFor(name: SettingName): string {
  const { flag }: Setting = SETTINGS[name];
  return flag === undefined ? name : `--${flag}`;
}

/** As Go's strconv.ParseBool takes them. */
const BOOLEANS: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false]),
]) as Record<string, boolean>;

function parse(row: Setting, text: string, where: string): boolean | number | string {
  if (row.type === 'boolean') {
    const value = BOOLEANS[text];
    if (value === undefined) throw badSetting(where, text, 'true or false');
    return value;
  }
  if (row.type === 'number') {
    const [least, most] = row.range ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw badSetting(where, text, `a number from ${least} to ${most}`);
    return value;
  }
  if (row.options !== undefined && text !== row.fallback && !row.options.includes(text))
    throw badSetting(where, text, `one of ${row.options.join(', ')}`);
  return text;
}

export function badSetting(where: string, text: string, wanted: string, ...hints: string[]): KubevipError {
  return new KubevipError(`${where} ${JSON.stringify(text)} is not ${wanted}`, {
    code: 'BAD_SETTING',
    exit: EXIT.usage,
    hints,
  });
}
