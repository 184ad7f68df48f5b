/** The flags of kube-vip's generators, made from the one table of its settings. */
import { Flags, type Interfaces } from '@oclif/core';
import type { Setting } from '../manifests/kube-vip/setting.ts';
import { CONTROL_PLANE_SETTINGS } from '../manifests/kube-vip/settings-control-plane.ts';
import { NETWORK_SETTINGS } from '../manifests/kube-vip/settings-network.ts';
import { PROCESS_SETTINGS } from '../manifests/kube-vip/settings-process.ts';
import { SERVICE_SETTINGS } from '../manifests/kube-vip/settings-services.ts';
import { ROWS, type SettingName } from '../manifests/kube-vip/table.ts';

/** Groups of the help. docs/reference/cli.md leaves them to docs/compatibility.md. */
const GROUPS = [
  ['CONTROL PLANE', CONTROL_PLANE_SETTINGS],
  ['SERVICES', SERVICE_SETTINGS],
  ['INTERFACES AND ANNOUNCEMENT', NETWORK_SETTINGS],
  ['AGENT', PROCESS_SETTINGS],
] as const;

type Flag = ReturnType<typeof Flags.boolean> | Interfaces.OptionFlag<string | undefined>;

/**
 * Every value is read by the table's own parser, the same for flags and the environment: for oclif all but booleans
 * are texts.
 * @param without flags that another command has
 */
export function kubeVipFlags(...without: readonly SettingName[]): Record<string, Flag> {
  return Object.fromEntries(
    GROUPS.flatMap(([helpGroup, table]) =>
      Object.entries(table as Readonly<Record<string, Setting>>).flatMap(([name, row]) =>
        row.flag === undefined || without.includes(name as SettingName) ? [] : [[row.flag, flagOf(row, helpGroup)]],
      ),
    ),
  );
}

function flagOf(row: Setting, helpGroup: string): Flag {
  const description = row.fallback === '' || row.type === 'boolean' ? row.meaning : `${row.meaning} [${row.fallback}]`;
  const common = { helpGroup, description, ...(row.aliases && { aliases: [...row.aliases] }), ...charOf(row) };
  if (row.type === 'boolean') return Flags.boolean(common);
  return Flags.string({ ...common, helpValue: row.options?.join('|') ?? (row.type === 'number' ? 'NUMBER' : 'TEXT') });
}

function charOf({ char }: Setting): { char?: 'n' } {
  return char === 'n' ? { char } : {};
}

const BOOLEANS: ReadonlySet<string> = new Set(
  ROWS.flatMap(([, row]: readonly [SettingName, Setting]) =>
    row.type === 'boolean' && row.flag !== undefined ? [row.flag] : [],
  ),
);

/** kube-vip takes `--arp=true` as well as `--arp`, which oclif does not: such words are taken out of the line first. */
export function takeBooleans(argv: readonly string[]): { rest: string[]; booleans: Record<string, string> } {
  const booleans: Record<string, string> = {};
  const rest = argv.filter((word) => {
    const [, name = '', value = ''] = /^--([\w-]+)=(.*)$/.exec(word) ?? [];
    if (!BOOLEANS.has(name)) return true;
    booleans[name] = value;
    return false;
  });
  return { rest, booleans };
}

/** What oclif parsed, as texts. */
export function flagTexts(flags: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'boolean' ? [[name, String(value)]] : [],
    ),
  );
}
