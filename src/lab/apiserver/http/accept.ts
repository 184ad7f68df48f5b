/** Content negotiation: JSON always, as a Table or as metadata only when that is what the client likes best. */
import { ApiError } from '../errors.ts';

export interface Representation {
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata' | 'APIGroupDiscoveryList';
  /** Version of the group that `as` belongs to. */
  readonly version: string;
}

/** Objects as they are. */
export const PLAIN: Representation = { as: 'object', version: '' };

interface Offer {
  readonly type: string;
  readonly as: string;
  readonly group: string;
  readonly version: string;
}

/** The first form in the client's list that this server has. @throws ApiError 406 when there is none. */
export function negotiate(accept: string | undefined, supported: readonly Representation['as'][]): Representation {
  const offers = parseAccept(accept ?? '');
  if (offers.length === 0) return PLAIN;
  for (const { type, as, group, version } of offers) {
    if (!isJson(type)) continue;
    if (as === '') return PLAIN;
    const wanted = supported.find((item) => item !== 'object' && (item === as || `${item}List` === as));
    if (wanted !== undefined && hasVersion(wanted, group, version)) return { as: wanted, version };
  }
  throw new ApiError(406, 'NotAcceptable', 'only the following media types are accepted: application/json');
}

function hasVersion(as: Representation['as'], group: string, version: string): boolean {
  return as === 'APIGroupDiscoveryList'
    ? group === 'apidiscovery.k8s.io' && (version === 'v2' || version === 'v2beta1')
    : group === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1');
}

function isJson(type: string): boolean {
  return ['application/json', 'application/*', '*/*'].includes(type);
}

function parseAccept(accept: string): Offer[] {
  const clauses = accept
    .split(',')
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '');
  return clauses.map((clause) => {
    const [type = '', ...pairs] = clause.split(';').map((part) => part.trim());
    const values = Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string | undefined]));
    return { type: type.toLowerCase(), as: values['as'] ?? '', group: values['g'] ?? '', version: values['v'] ?? '' };
  });
}
