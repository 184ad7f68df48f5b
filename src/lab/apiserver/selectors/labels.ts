/** Label selectors: `app=web,tier in (a,b),!canary`, and the `matchLabels`/`matchExpressions` of objects. */
import { badRequest } from '../errors.ts';
import { objectsAt, stringAt, stringMapAt, stringsAt, type JsonObject } from '../json.ts';

type Labels = Readonly<Record<string, string>>;
export type LabelSelector = (labels: Labels) => boolean;

const KEY = String.raw`(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`;
const VALUE = String.raw`[-A-Za-z0-9_.]*`;
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const EQUALITY = new RegExp(String.raw`^(${KEY})\s*(==|=|!=)\s*(${VALUE})$`);
const ORDER = new RegExp(String.raw`^(${KEY})\s*([<>])\s*(-?\d+)$`);
const EXISTENCE = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

/** @throws ApiError 400 for text that is not a selector. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((holds) => holds(labels));
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '(') depth++;
    if (text[index] === ')') depth--;
    if (text[index] !== ',' || depth > 0) continue;
    parts.push(text.slice(start, index));
    start = index + 1;
  }
  parts.push(text.slice(start));
  return parts.length === 1 && text.trim() === '' ? [] : parts.map((part) => part.trim());
}

function parseRequirement(text: string): LabelSelector {
  const set = SET.exec(text);
  if (set)
    return membership(
      set[1] ?? '',
      set[2] === 'in',
      (set[3] ?? '').split(',').map((value) => value.trim()),
    );
  const equality = EQUALITY.exec(text);
  if (equality) return membership(equality[1] ?? '', equality[2] !== '!=', [equality[3] ?? '']);
  const order = ORDER.exec(text);
  if (order) return comparison(order[1] ?? '', order[2] === '>', Number(order[3]));
  const existence = EXISTENCE.exec(text);
  if (existence) return presence(existence[2] ?? '', existence[1] !== '!');
  throw badRequest(`unable to parse requirement: found '${text}', expected a label selector`);
}

/** A key that is absent is in no set, so `!=` and `notin` hold for it. */
function membership(key: string, wanted: boolean, values: readonly string[]): LabelSelector {
  return (labels) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return (value !== undefined && values.includes(value)) === wanted;
  };
}

function comparison(key: string, greater: boolean, limit: number): LabelSelector {
  return (labels) => {
    const value = Object.hasOwn(labels, key) ? Number(labels[key]) : Number.NaN;
    return greater ? value > limit : value < limit;
  };
}

function presence(key: string, wanted: boolean): LabelSelector {
  return (labels) => Object.hasOwn(labels, key) === wanted;
}

/** metav1.LabelSelector as a predicate; an empty one matches everything. */
export function compileLabelSelector(selector: JsonObject): LabelSelector {
  const equalities = Object.entries(stringMapAt(selector, 'matchLabels')).map(([key, value]) =>
    membership(key, true, [value]),
  );
  const expressions = objectsAt(selector, 'matchExpressions').map((expression) => {
    const key = stringAt(expression, 'key');
    const operator = stringAt(expression, 'operator');
    if (operator === 'Exists' || operator === 'DoesNotExist') return presence(key, operator === 'Exists');
    return membership(key, operator === 'In', stringsAt(expression, 'values'));
  });
  const all = [...equalities, ...expressions];
  return (labels) => all.every((holds) => holds(labels));
}

/** A LabelSelector as text, as `scale` and the tables show it. */
export function formatLabelSelector(selector: JsonObject): string {
  const equalities = Object.entries(stringMapAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${value}`);
  const expressions = objectsAt(selector, 'matchExpressions').map((expression) => {
    const key = stringAt(expression, 'key');
    const operator = stringAt(expression, 'operator');
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${stringsAt(expression, 'values').join(',')})`;
  });
  return [...equalities, ...expressions].sort().join(',');
}
