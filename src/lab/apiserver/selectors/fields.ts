/** Field selectors: `metadata.name=web,status.phase!=Running`, over the fields a kind declares as selectable. */
import { badRequest } from '../errors.ts';

type Fields = Readonly<Record<string, string>>;
export type FieldSelector = (fields: Fields) => boolean;

export interface FieldRequirement {
  readonly field: string;
  readonly value: string;
  readonly negated: boolean;
}

/** @throws ApiError 400 for text that is not a selector. */
export function parseFieldRequirements(text: string): FieldRequirement[] {
  return splitUnescaped(text).map(parseRequirement);
}

/** @throws ApiError 400 for a field that cannot be selected by. */
export function compileFieldSelector(
  requirements: readonly FieldRequirement[],
  selectable: readonly string[],
): FieldSelector {
  for (const { field } of requirements) {
    if (!selectable.includes(field)) throw badRequest(`field label not supported: ${field}`);
  }
  return (fields) => requirements.every(({ field, value, negated }) => ((fields[field] ?? '') === value) !== negated);
}

function splitUnescaped(text: string): string[] {
  return text.trim() === '' ? [] : (text.match(/(?:\\.|[^,\\])+/g) ?? []);
}

function parseRequirement(text: string): FieldRequirement {
  const match = /^((?:\\.|[^=!\\])+)(==|!=|=)((?:\\.|[^=\\])*)$/.exec(text);
  if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  const [, field = '', operator, value = ''] = match;
  return { field: unescape(field.trim()), value: unescape(value), negated: operator === '!=' };
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
