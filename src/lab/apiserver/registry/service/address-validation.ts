/** Cluster addresses and IP families of a Service, as far as they can be judged without the cluster. */
import { duplicate, invalidValue, required, unsupported, type FieldError } from '../../errors.ts';
import { equal, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import { isExternalName } from './defaults.ts';
import { ipProblem, isOfOneFamily } from '../../validation/ip-text.ts';
import { familyOfAddress } from './ranges.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

export function clusterAddressErrors(spec: JsonObject): FieldError[] {
  const addresses = stringsAt(spec, 'clusterIPs');
  const first = stringAt(spec, 'clusterIP');
  const errors: FieldError[] = [];
  if (first === '' && addresses.length > 0) {
    errors.push(invalidValue('spec.clusterIPs', addresses, 'must be empty when `clusterIP` is not specified'));
  } else if (first !== '' && addresses.length === 0) {
    errors.push(required('spec.clusterIPs'));
  } else if (first !== (addresses[0] ?? '')) {
    errors.push(invalidValue('spec.clusterIPs', addresses, 'first value must match `clusterIP`'));
  }
  const families = stringsAt(spec, 'ipFamilies');
  for (const [index, family] of families.entries()) {
    if (!FAMILIES.includes(family)) errors.push(unsupported(`spec.ipFamilies[${index}]`, family, FAMILIES));
    if (families.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  }
  const policy = stringAt(spec, 'ipFamilyPolicy');
  if (!POLICIES.includes(policy)) errors.push(unsupported('spec.ipFamilyPolicy', policy, POLICIES));
  return [...errors, ...addressErrors(addresses, families)];
}

function addressErrors(addresses: readonly string[], families: readonly string[]): FieldError[] {
  const wrong = addresses.flatMap((address, index) => {
    if (index === 0 && address === 'None') {
      const why = "'None' must be the first and only value";
      return addresses.length > 1 ? [invalidValue('spec.clusterIPs', [...addresses], why)] : [];
    }
    const why = ipProblem(address);
    return why === undefined ? [] : [invalidValue(`spec.clusterIPs[${index}]`, address, why)];
  });
  const tooMany =
    addresses.length > 2 ? [invalidValue('spec.clusterIPs', [...addresses], 'may only hold up to 2 values')] : [];
  if (wrong.length > 0 || addresses[0] === 'None') return [...wrong, ...tooMany];
  const why = 'may specify no more than one IP for each IP family';
  return [
    ...tooMany,
    ...(addresses.length < 3 && isOfOneFamily(addresses) ? [invalidValue('spec.clusterIPs', [...addresses], why)] : []),
    ...addresses.flatMap((address, index) => {
      const family = families[index];
      if (family === undefined || !FAMILIES.includes(family) || family === familyOfAddress(address)) return [];
      const expected = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
      return [invalidValue(`spec.clusterIPs[${index}]`, address, expected)];
    }),
  ];
}

/** What a Service has stays; a second address and family may come and, by its policy, go. */
export function addressChangeErrors(spec: JsonObject, before: JsonObject): FieldError[] {
  if (isExternalName(spec) || isExternalName(before)) return [];
  const [addresses, had] = [stringsAt(spec, 'clusterIPs'), stringsAt(before, 'clusterIPs')];
  const [families, of] = [stringsAt(spec, 'ipFamilies'), stringsAt(before, 'ipFamilies')];
  const headless = addresses[0] === 'None';
  if (headless && had[0] === 'None') return [];
  const changed = changes(addresses, had).map((index) =>
    invalidValue(`spec.clusterIPs[${index}]`, addresses, 'may not change once set'),
  );
  if (headless || had[0] === 'None') return changed;
  // The real server names the first family whichever it was, and quotes the addresses when their number changed.
  const quoted = equal(families.length, of.length) ? families : addresses;
  const other = changes(families, of).map(() => invalidValue('spec.ipFamilies[0]', quoted, 'may not change once set'));
  return [...changed, ...other];
}

/** Positions of what is not what it was; only the first where something came or went. */
function changes(values: readonly string[], had: readonly string[]): number[] {
  const compared = values.length === had.length ? had.length : Math.min(1, had.length);
  return Array.from({ length: compared }, (_, index) => index).filter((index) => values[index] !== had[index]);
}
