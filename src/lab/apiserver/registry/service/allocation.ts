/** Cluster addresses and node ports of Services: taken from what no other Service has. */
import { randomInt } from 'node:crypto';
import { ApiError, invalid, invalidValue, type FieldError } from '../../errors.ts';
import { numberAt, objectsAt, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import { nameOf, specOf, type ApiObject } from '../../object.ts';
import type { Surroundings } from '../resource.ts';
import { needsHealthCheckPort, needsNodePorts } from './defaults.ts';

const KIND = { group: '', kind: 'Service' };

/** @throws ApiError 422 for a value that is taken or out of range, 500 when nothing is left. */
export function allocateService(object: ApiObject, old: ApiObject | undefined, around: Surroundings): void {
  const spec = specOf(object);
  // The uid tells the Service itself apart: what it has already is not taken from it.
  const others = around.store
    .list('services')
    .filter(({ object: other }) => other.metadata.uid !== object.metadata.uid)
    .map((stored) => specOf(stored.object));
  allocateClusterIP(object, spec, others, around);
  if (needsNodePorts(spec) || stringAt(spec, 'type') === 'LoadBalancer') {
    allocateNodePorts(object, spec, old === undefined ? {} : specOf(old), others, around);
  }
  allocateHealthCheckPort(object, spec, others, around);
}

function allocateClusterIP(object: ApiObject, spec: JsonObject, others: JsonObject[], around: Surroundings): void {
  if (stringAt(spec, 'type') === 'ExternalName') {
    for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) Reflect.deleteProperty(spec, key);
    return;
  }
  const wanted = stringAt(spec, 'clusterIP') || stringsAt(spec, 'clusterIPs')[0];
  const taken = new Set(others.flatMap((other) => stringsAt(other, 'clusterIPs')));
  const address = wanted ?? freeAddress(around.network.clusterCidr, taken);
  if (wanted !== undefined && wanted !== 'None') {
    const errors = clusterAddressErrors(wanted, around.network.clusterCidr, taken);
    if (errors.length > 0) throw invalid(KIND, nameOf(object), errors);
  }
  spec['clusterIP'] = address;
  spec['clusterIPs'] = [address];
  spec['ipFamilies'] ??= ['IPv4'];
  spec['ipFamilyPolicy'] ??= 'SingleStack';
}

function clusterAddressErrors(ip: string, cidr: string, taken: ReadonlySet<string>): FieldError[] {
  const { first, count } = rangeOf(cidr);
  const number = toNumber(ip);
  const failed = `failed to allocate IP ${ip}: `;
  if (!(number > first && number < first + count - 1)) {
    const why = `${failed}the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${cidr}`;
    return [invalidValue('spec.clusterIPs', [ip], why)];
  }
  return taken.has(ip) ? [invalidValue('spec.clusterIPs', [ip], `${failed}provided IP is already allocated`)] : [];
}

function freeAddress(cidr: string, taken: ReadonlySet<string>): string {
  const { first, count } = rangeOf(cidr);
  const usable = count - 2;
  const start = randomInt(usable);
  for (let step = 0; step < usable; step++) {
    const address = fromNumber(first + 1 + ((start + step) % usable));
    if (!taken.has(address)) return address;
  }
  throw new ApiError(500, 'InternalError', 'failed to allocate a serviceIP: range is full');
}

/** The first address of a Service network: that of the API server itself. */
export function firstAddress(cidr: string): string {
  return fromNumber(rangeOf(cidr).first + 1);
}

function rangeOf(cidr: string): { first: number; count: number } {
  const [ip = '', length = '32'] = cidr.split('/');
  const count = 2 ** (32 - Number(length));
  return { first: Math.floor(toNumber(ip) / count) * count, count };
}

function toNumber(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function fromNumber(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Node ports are per protocol: TCP and UDP may have the same number. */
function allocateNodePorts(
  object: ApiObject,
  spec: JsonObject,
  before: JsonObject,
  others: JsonObject[],
  around: Surroundings,
): void {
  const taken = new Set(others.flatMap((other) => objectsAt(other, 'ports').map(portKey)));
  for (const other of others) {
    const healthPort = numberAt(other, 'healthCheckNodePort');
    if (healthPort !== undefined) taken.add(`TCP/${healthPort}`);
  }
  const ports = objectsAt(spec, 'ports');
  for (const [index, port] of ports.entries()) {
    const wanted = numberAt(port, 'nodePort');
    if (wanted === undefined) continue;
    const errors = nodePortErrors(`spec.ports[${index}].nodePort`, wanted, taken.has(portKey(port)), around);
    if (errors.length > 0) throw invalid(KIND, nameOf(object), errors);
    taken.add(portKey(port));
  }
  if (!needsNodePorts(spec)) return;
  for (const port of ports) {
    if (port['nodePort'] !== undefined) continue;
    const protocol = stringAt(port, 'protocol');
    // A client that sends its own manifest again, without node ports, keeps those it was given for ports of the name.
    const had = objectsAt(before, 'ports').find((candidate) => stringAt(candidate, 'name') === stringAt(port, 'name'));
    const kept = had === undefined ? undefined : numberAt(had, 'nodePort');
    port['nodePort'] =
      kept !== undefined && !taken.has(`${protocol}/${kept}`) ? kept : freePort(protocol, taken, around);
    taken.add(portKey(port));
  }
}

function portKey(port: JsonObject): string {
  return `${stringAt(port, 'protocol')}/${numberAt(port, 'nodePort') ?? 0}`;
}

function nodePortErrors(field: string, port: number, taken: boolean, around: Surroundings): FieldError[] {
  const { first, last } = around.network.nodePorts;
  if (port < first || port > last) {
    const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return [invalidValue(field, port, why)];
  }
  return taken ? [invalidValue(field, port, 'provided port is already allocated')] : [];
}

function freePort(protocol: string, taken: ReadonlySet<string>, around: Surroundings): number {
  const { first, last } = around.network.nodePorts;
  const count = last - first + 1;
  const start = randomInt(count);
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count);
    if (!taken.has(`${protocol}/${port}`)) return port;
  }
  throw new ApiError(500, 'InternalError', 'failed to allocate a nodePort: range is full');
}

function allocateHealthCheckPort(
  object: ApiObject,
  spec: JsonObject,
  others: JsonObject[],
  around: Surroundings,
): void {
  if (!needsHealthCheckPort(spec)) return;
  const taken = new Set([...others, spec].flatMap((other) => objectsAt(other, 'ports').map(portKey)));
  for (const other of others) {
    const port = numberAt(other, 'healthCheckNodePort');
    if (port !== undefined) taken.add(`TCP/${port}`);
  }
  const wanted = numberAt(spec, 'healthCheckNodePort');
  if (wanted === undefined) {
    spec['healthCheckNodePort'] = freePort('TCP', taken, around);
    return;
  }
  const errors = nodePortErrors('spec.healthCheckNodePort', wanted, taken.has(`TCP/${wanted}`), around);
  if (errors.length > 0) throw invalid(KIND, nameOf(object), errors);
}
