/** The IP families of a Service: said by the client, told by its addresses, or those of the cluster. */
import type { Cidr } from '../../../../model/cidr.ts';
import { invalid, invalidValue, type FieldError } from '../../errors.ts';
import { equal, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import { nameOf, specOf, type ApiObject } from '../../object.ts';
import { clusterAddressErrors } from './address-validation.ts';
import { familyOfAddress, familyOfRange, type IpFamily } from './ranges.ts';

const BOTH: readonly IpFamily[] = ['IPv4', 'IPv6'];

/**
 * Fills in `ipFamilyPolicy` and `ipFamilies`, and lets go of the second family when the policy does.
 * @param before the spec as it was; empty for a new Service.
 * @throws ApiError 422 for families that contradict each other, the addresses or the cluster.
 */
export function settleFamilies(object: ApiObject, before: JsonObject, ranges: readonly Cidr[]): void {
  const spec = specOf(object);
  const headlessWithoutPods = stringAt(spec, 'clusterIP') === 'None' && spec['selector'] === undefined;
  spec['ipFamilyPolicy'] ??= before['ipFamilyPolicy'] ?? (headlessWithoutPods ? 'RequireDualStack' : 'SingleStack');
  refuse(object, clusterAddressErrors(spec));
  refuse(object, [...releaseErrors(spec, before), ...singleErrors(spec), ...inferFamilies(spec, ranges)]);
  const configured = ranges.map(familyOfRange);
  // Nobody but its own endpoints says which families it has, so the cluster may lack them.
  if (!headlessWithoutPods) refuse(object, missingErrors(spec, configured));
  const families = stringsAt(spec, 'ipFamilies');
  const [first = configured[0] ?? 'IPv4', ...second] = families;
  if (second.length === 0 && !isSingleStack(spec)) {
    second.push(...(headlessWithoutPods ? BOTH : configured).filter((family) => family !== first));
  }
  spec['ipFamilies'] = [first, ...second];
}

function refuse(object: ApiObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: '', kind: 'Service' }, nameOf(object), errors);
}

function isSingleStack(spec: JsonObject): boolean {
  return spec['ipFamilyPolicy'] === 'SingleStack';
}

/** A preference with all that it led to stays as it is, although the cluster may have other ranges by now. */
export function isKeptPreference(spec: JsonObject, before: JsonObject): boolean {
  return (
    spec['ipFamilyPolicy'] === 'PreferDualStack' &&
    ['type', 'ipFamilyPolicy', 'clusterIPs', 'ipFamilies'].every((key) => equal(spec[key], before[key]))
  );
}

/** `SingleStack` says enough to let go of what comes second; any other policy holds it. */
function releaseErrors(spec: JsonObject, before: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, what] of [
    ['clusterIPs', 'cluster IP'],
    ['ipFamilies', 'IP family'],
  ] as const) {
    const [values, had] = [stringsAt(spec, key), stringsAt(before, key)];
    if (isSingleStack(spec)) {
      if (values.length > 1 && equal(values, had)) spec[key] = values.slice(0, 1);
    } else if (values.length > 0 && values.length < had.length) {
      errors.push(policyError(spec, `must be 'SingleStack' to release the secondary ${what}`));
    }
  }
  return errors;
}

function singleErrors(spec: JsonObject): FieldError[] {
  if (!isSingleStack(spec)) return [];
  const errors: FieldError[] = [];
  for (const [key, what] of [
    ['clusterIPs', 'cluster IPs'],
    ['ipFamilies', 'IP families'],
  ] as const) {
    if (stringsAt(spec, key).length !== 2) continue;
    errors.push(
      policyError(spec, `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`),
    );
  }
  return errors;
}

function policyError(spec: JsonObject, why: string): FieldError {
  return invalidValue('spec.ipFamilyPolicy', stringAt(spec, 'ipFamilyPolicy'), why);
}

/** Adds the families of addresses that come without. */
function inferFamilies(spec: JsonObject, ranges: readonly Cidr[]): FieldError[] {
  const addresses = stringsAt(spec, 'clusterIPs').filter((address) => address !== 'None');
  const families = stringsAt(spec, 'ipFamilies');
  const errors: FieldError[] = [];
  for (const [index, address] of addresses.entries()) {
    if (index < families.length) continue;
    const family = familyOfAddress(address);
    if (ranges.some((range) => familyOfRange(range) === family)) families.push(family);
    else errors.push(invalidValue(`spec.clusterIPs[${index}]`, addresses, notConfigured(`${family} is `)));
  }
  if (families.length > 0) spec['ipFamilies'] = families;
  return errors;
}

function missingErrors(spec: JsonObject, configured: readonly string[]): FieldError[] {
  return [
    ...(spec['ipFamilyPolicy'] === 'RequireDualStack' && configured.length < 2
      ? [policyError(spec, 'this cluster is not configured for dual-stack services')]
      : []),
    ...stringsAt(spec, 'ipFamilies').flatMap((family, index) =>
      configured.includes(family) ? [] : [invalidValue(`spec.ipFamilies[${index}]`, family, notConfigured())],
    ),
  ];
}

function notConfigured(subject = ''): string {
  return `${subject}not configured on this cluster`;
}
