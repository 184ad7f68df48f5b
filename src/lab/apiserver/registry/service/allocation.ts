/** Cluster addresses of Services: taken from what no other Service has. */
import type { Cidr } from '../../../../model/cidr.ts';
import { parseIp } from '../../../../model/ip.ts';
import { internalError, invalid, invalidValue } from '../../errors.ts';
import { clone, equal, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import { nameOf, specOf, type ApiObject } from '../../object.ts';
import type { Surroundings } from '../resource.ts';
import { isExternalName } from './defaults.ts';
import { isKeptPreference, settleFamilies } from './families.ts';
import { allocateNodePorts } from './node-ports.ts';
import { familyOfRange, freeAddress, takeable } from './ranges.ts';

/** @throws ApiError 422 for what is contradictory, taken or out of range, 500 when nothing is left. */
export function allocateService(object: ApiObject, old: ApiObject | undefined, around: Surroundings): void {
  const spec = specOf(object);
  const before = old === undefined ? {} : specOf(old);
  // The uid tells the Service itself apart: what it has already is not taken from it.
  const others = around.store
    .list('services')
    .filter(({ object: other }) => other.metadata.uid !== object.metadata.uid)
    .map((stored) => specOf(stored.object));
  keepAddresses(spec, before);
  if (!isExternalName(spec) && !isKeptPreference(spec, before)) {
    settleFamilies(object, before, around.network.clusterCidrs);
    allocateAddresses(object, before, others, around.network.clusterCidrs);
  }
  allocateNodePorts(object, old, others, around.network.nodePorts);
}

/** `clusterIP` is the old name of the first of `clusterIPs`; a client may send either, and leave out what it was given. */
function keepAddresses(spec: JsonObject, before: JsonObject): void {
  const [had, hadAll] = [stringAt(before, 'clusterIP'), before['clusterIPs']];
  if (had !== '' && !isExternalName(spec)) {
    spec['clusterIP'] ??= had;
    spec['clusterIPs'] ??= clone(hadAll);
  }
  const first = stringAt(spec, 'clusterIP');
  const changed = first !== had && equal(spec['clusterIPs'], hadAll);
  if (first !== '' && (spec['clusterIPs'] === undefined || changed)) spec['clusterIPs'] = [first];
}

/** Addresses for all families of a new Service, for the second of one that had none. */
function allocateAddresses(
  object: ApiObject,
  before: JsonObject,
  others: readonly JsonObject[],
  ranges: readonly Cidr[],
): void {
  const spec = specOf(object);
  const addresses = stringsAt(spec, 'clusterIPs');
  if (addresses[0] === 'None' || stringAt(before, 'clusterIP') === 'None') return;
  const families = stringsAt(spec, 'ipFamilies');
  const had = stringsAt(before, 'ipFamilies').length;
  const taken = new Set(others.flatMap((other) => stringsAt(other, 'clusterIPs')).map((ip) => parseIp(ip) ?? ip));
  for (const [index, family] of families.entries()) {
    if (index < had) continue;
    const range = ranges.find((candidate) => familyOfRange(candidate) === family);
    if (range === undefined) continue;
    addresses[index] = takeAddress(object, addresses, index, range, taken);
  }
  spec['clusterIP'] = addresses[0] ?? '';
  spec['clusterIPs'] = addresses;
}

function takeAddress(
  object: ApiObject,
  addresses: string[],
  index: number,
  range: Cidr,
  taken: ReadonlySet<string>,
): string {
  const wanted = addresses[index];
  if (wanted === undefined) {
    const free = freeAddress(range, taken);
    if (free !== undefined) return free;
    throw internalError(`failed to allocate a serviceIP for Service "${nameOf(object)}": range is full`);
  }
  const ip = parseIp(wanted);
  const why =
    ip === undefined || !takeable(range, ip)
      ? 'the provided network does not match the current range'
      : taken.has(ip)
        ? 'provided IP is already allocated'
        : undefined;
  if (why === undefined) return wanted;
  const error = invalidValue('spec.clusterIPs', addresses, `failed to allocate IP ${wanted}: ${why}`);
  throw invalid({ group: '', kind: 'Service' }, nameOf(object), [error]);
}
