/**
 * As much of Helm's templates as our chart has: `if`, `range` over a map, values, and `quote`. Anything else is an
 * error, so that the chart stays as simple.
 */
export type Values = Readonly<Record<string, unknown>>;

export function renderTemplate(template: string, values: Values): string {
  return render(template.split('\n'), { Values: values });
}

type Scope = Readonly<Record<string, unknown>>;

const ACTION = /^\{\{- (.*) \}\}$/;

function render(lines: readonly string[], scope: Scope): string {
  let text = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const action = ACTION.exec(line)?.[1];
    if (action === undefined) {
      text += `${line.replace(/\{\{ (.*?) \}\}/g, (_, expression: string) => evaluate(expression, scope))}\n`;
      continue;
    }
    const end = endOf(lines, at);
    const inside = lines.slice(at + 1, end);
    const [, condition] = /^if (\S+)$/.exec(action) ?? [];
    const [, key = '', value = '', map] = /^range (\$\w+), (\$\w+) := (\S+)$/.exec(action) ?? [];
    if (condition !== undefined) text += truthy(look(condition, scope)) ? render(inside, scope) : '';
    else if (map !== undefined)
      // Go goes through a map in the order of its keys.
      for (const [name, one] of Object.entries(look(map, scope) as Values).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        text += render(inside, { ...scope, [key]: name, [value]: one });
    else throw new Error(`line ${at + 1}: ${line} is more than this understands`);
    at = end;
  }
  return text;
}

/** The line that ends what begins at `from`. */
function endOf(lines: readonly string[], from: number): number {
  let depth = 0;
  for (let at = from; at < lines.length; at++) {
    const action = ACTION.exec(lines[at] ?? '')?.[1];
    if (action === undefined) continue;
    depth += action === 'end' ? -1 : 1;
    if (depth === 0) return at;
  }
  throw new Error(`line ${from + 1}: no end`);
}

function evaluate(expression: string, scope: Scope): string {
  const [path = '', filter] = expression.split(' | ');
  const value = String(look(path, scope));
  if (filter === undefined) return value;
  if (filter !== 'quote') throw new Error(`${filter} is more than this understands`);
  return JSON.stringify(value);
}

function look(path: string, scope: Scope): unknown {
  return path
    .replace(/^\./, '')
    .split('.')
    .reduce<unknown>((value, name) => {
      if (typeof value !== 'object' || value === null || !(name in value)) throw new Error(`there is no ${path}`);
      return (value as Values)[name];
    }, scope);
}

function truthy(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== '' && value !== false && value !== 0;
}
