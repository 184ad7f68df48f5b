/** Arguments of the agent: a manifest of kube-vip says `manager`, and some settings only as flags. */
import type { Setting } from '../manifests/kube-vip/setting.ts';
import { ROWS, type SettingName } from '../manifests/kube-vip/table.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { suggest } from '../model/suggest.ts';

/** kube-vip's names of its daemon. */
const COMMANDS: ReadonlySet<string> = new Set(['manager', 'service', 'agent']);

const FLAGS: ReadonlyMap<string, readonly [SettingName, Setting]> = new Map(
  ROWS.flatMap(([name, row]) =>
    [row.flag, ...(row.aliases ?? []), row.char].flatMap((flag) =>
      flag === undefined ? [] : [[flag, [name, row]] as const],
    ),
  ),
);

/**
 * Flags as the variables that they are; `--flag` alone is true for booleans.
 * @throws KubevipError BAD_ARGUMENT (exit 2) naming each argument that is none.
 */
export function settingsOfArguments(args: readonly string[]): Partial<Record<SettingName, string>> {
  const settings: Partial<Record<SettingName, string>> = {};
  const faults: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, flag = '', , value] = /^--?([^=]+)(=([\s\S]*))?$/.exec(arg) ?? [];
    const known = FLAGS.get(flag);
    if (flag === '') {
      if (!COMMANDS.has(arg)) faults.push(`${JSON.stringify(arg)} is no argument of the agent`);
    } else if (known === undefined) {
      const meant = suggest(flag, [...FLAGS.keys()]);
      faults.push(`--${flag} is no flag${meant === undefined ? '' : ` (--${meant}?)`}`);
    } else {
      const [name, row] = known;
      const text = value ?? (row.type === 'boolean' ? 'true' : rest.shift());
      if (text === undefined) faults.push(`--${flag} needs a value`);
      else settings[name] = text;
    }
  }
  if (faults.length === 0) return settings;
  throw new KubevipError(`the agent’s arguments are not right: ${faults.join('; ')}`, {
    code: 'BAD_ARGUMENT',
    exit: EXIT.usage,
  });
}
