/** Names, as apimachinery checks them: DNS labels and subdomains, qualified names, label values. */

/** Why a name is not allowed; empty when it is. `prefix`: a generateName, which a suffix will follow. */
export type NameRule = (name: string, prefix: boolean) => string[];

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`;
const RFC1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const NAME_PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const matches = (pattern: string, text: string): boolean => new RegExp(`^(?:${pattern})$`).test(text);
const tooLong = (limit: number): string => `must be no more than ${limit} characters`;

function regexMessage(text: string, pattern: string, ...examples: string[]): string {
  const quoted = examples.map((example) => `'${example}', `).join(' or ');
  return `${text} (e.g. ${quoted}regex used for validation is '${pattern}')`;
}

/** A generateName may end in a dash: what follows makes it whole. */
function whole(name: string, prefix: boolean): string {
  return prefix && name.endsWith('-') ? `${name.slice(0, -1)}a` : name;
}

function rule(pattern: string, limit: number, message: string): NameRule {
  return (name, prefix) => [
    ...(name.length > limit ? [tooLong(limit)] : []),
    ...(matches(pattern, whole(name, prefix)) ? [] : [message]),
  ];
}

export const nameIsSubdomain: NameRule = rule(
  SUBDOMAIN,
  253,
  regexMessage(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    SUBDOMAIN,
    'example.com',
  ),
);

export const nameIsLabel: NameRule = rule(
  LABEL,
  63,
  regexMessage(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    LABEL,
    'my-name',
    '123-abc',
  ),
);

export const nameIsRfc1035Label: NameRule = rule(
  RFC1035,
  63,
  regexMessage(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    RFC1035,
    'my-name',
    'abc-123',
  ),
);

/** RBAC names only have to fit into a path: `system:node`. */
export const nameIsPathSegment: NameRule = (name) => [
  ...(name === '.' || name === '..' ? [`may not be '${name}'`] : []),
  ...['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`),
];

/** `prefix/name` or `name`: keys of labels and annotations, finalizers, condition types. */
export function qualifiedNameErrors(text: string): string[] {
  const slash = text.indexOf('/');
  const name = text.slice(slash + 1);
  const prefix = slash < 0 ? undefined : text.slice(0, slash);
  const message = regexMessage(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    NAME_PART,
    'MyName',
    'my.name',
    '123-abc',
  );
  return [
    ...(prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : nameIsSubdomain(prefix, false).map((why) => `prefix part ${why}`)),
    ...(name === '' ? ['name part must be non-empty'] : []),
    ...(name.length > 63 ? [`name part ${tooLong(63)}`] : []),
    ...(matches(NAME_PART, name) ? [] : [`name part ${message}`]),
  ];
}

export function labelValueErrors(text: string): string[] {
  const message = regexMessage(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    LABEL_VALUE,
    'MyValue',
    'my_value',
    '12345',
  );
  return [...(text.length > 63 ? [tooLong(63)] : []), ...(matches(LABEL_VALUE, text) ? [] : [message])];
}

/** Names of ports that a Service refers to: IANA service names. */
export function portNameErrors(text: string): string[] {
  return [
    ...(text.length > 15 ? [tooLong(15)] : []),
    ...(/^[-a-z0-9]+$/.test(text) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
    ...(/[a-z]/.test(text) ? [] : ['must contain at least one letter (a-z)']),
    ...(text.includes('--') ? ['must not contain consecutive hyphens'] : []),
    ...(/^-|-$/.test(text) ? ['must not begin or end with a hyphen'] : []),
  ];
}
