/** The configuration as a file that explains itself, for `--print-config`. */
import { isMap, isScalar, parseDocument, stringify, type Document, type YAMLMap } from 'yaml';
import * as z from 'zod';
import { BOOTSTRAP_CONFIG, type BootstrapConfig } from './config.ts';

interface Described {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
}

/** Every key with its value or default, and above each what it is for. Keys without a value are commented out. */
export function renderTemplate(config: BootstrapConfig): string {
  const schema = z.toJSONSchema(BOOTSTRAP_CONFIG, { io: 'input', unrepresentable: 'any' }) as Described;
  const document = parseDocument(stringify(complete(config, schema), { lineWidth: 0 }));
  if (isMap(document.contents)) comment(document, document.contents, schema, 0);
  return String(document)
    .split('\n')
    .map((line) => line.replace(/^(\s*)(\S+): null$/, '$1# $2:'))
    .join('\n');
}

/** With null for keys that have no value, so that they are shown. */
function complete(value: unknown, { properties }: Described): unknown {
  if (properties === undefined) return value ?? null;
  const given = (value ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(properties).map(([key, about]) => [key, complete(given[key], about)]));
}

function comment(document: Document, map: YAMLMap, { properties = {} }: Described, depth: number): void {
  map.items.forEach((pair, i) => {
    const { key, value } = pair;
    if (!isScalar(key)) return;
    const about = properties[String(key.value)];
    if (about?.description !== undefined) key.commentBefore = ` ${about.description}`;
    if (depth === 0 && i > 0) key.spaceBefore = true;
    if (about !== undefined && isMap(value) && about.properties !== undefined) {
      comment(document, value, about, depth + 1);
    }
  });
}
