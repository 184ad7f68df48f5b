/** v1 Endpoints and discovery.k8s.io/v1 EndpointSlice */
import { duplicate, invalidValue, required, unsupported, type FieldError } from '../../errors.ts';
import { objectsAt, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import { endpointsColumns, endpointSliceColumns } from '../../printers/service.ts';
import { endpoints as endpointsSchema, endpointSlice } from '../../schema/service.ts';
import { canonicalIpProblem, ipProblem, unusualAddress } from '../../validation/ip-text.ts';
import { immutable } from '../../validation/metadata.ts';
import { nameIsLabel, nameIsSubdomain, qualifiedNameErrors } from '../../validation/names.ts';
import { ensure, fill } from '../defaults.ts';
import { defineResource } from '../resource.ts';
import { portNumberErrors } from '../service/port-validation.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

export const endpoints = defineResource({
  group: '',
  version: 'v1',
  plural: 'endpoints',
  kind: 'Endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  createOnUpdate: true,
  schema: endpointsSchema,
  columns: endpointsColumns,
  setDefaults: (object) => {
    for (const subset of objectsAt(object, 'subsets')) {
      for (const port of objectsAt(subset, 'ports')) fill(port, { protocol: 'TCP' });
    }
  },
  validate: (object) =>
    objectsAt(object, 'subsets').flatMap((subset, index) => subsetErrors(subset, `subsets[${index}]`)),
});

function subsetErrors(subset: JsonObject, field: string): FieldError[] {
  const keys = ['addresses', 'notReadyAddresses'] as const;
  const ports = objectsAt(subset, 'ports');
  return [
    ...(keys.every((key) => objectsAt(subset, key).length === 0)
      ? [required(field, 'must specify `addresses` or `notReadyAddresses`')]
      : []),
    ...keys.flatMap((key) =>
      objectsAt(subset, key).flatMap((address, index) => addressErrors(address, `${field}.${key}[${index}]`)),
    ),
    ...ports.flatMap((port, index) => {
      const at = `${field}.ports[${index}]`;
      return [
        ...(ports.length > 1 && stringAt(port, 'name') === '' ? [required(`${at}.name`)] : []),
        ...portErrors(port, at),
        ...portNumberErrors(port, 'port', `${at}.port`),
      ];
    }),
  ];
}

function addressErrors(address: JsonObject, field: string): FieldError[] {
  const ip = stringAt(address, 'ip');
  const why = ipProblem(ip) ?? unusualAddress(ip);
  return [...(why === undefined ? [] : [invalidValue(`${field}.ip`, ip, why)]), ...hostErrors(address, field)];
}

/** The names of an endpoint and its node. */
function hostErrors(endpoint: JsonObject, field: string): FieldError[] {
  const names = [
    ['nodeName', nameIsSubdomain],
    ['hostname', nameIsLabel],
  ] as const;
  return names.flatMap(([key, rule]) => {
    const name = endpoint[key];
    if (typeof name !== 'string') return [];
    return rule(name, false).map((why) => invalidValue(`${field}.${key}`, name, why));
  });
}

function portErrors(port: JsonObject, field: string): FieldError[] {
  const name = stringAt(port, 'name');
  const protocol = stringAt(port, 'protocol');
  const appProtocol = port['appProtocol'];
  return [
    ...(name === '' ? [] : nameIsLabel(name, false).map((why) => invalidValue(`${field}.name`, name, why))),
    ...(PROTOCOLS.includes(protocol) ? [] : [unsupported(`${field}.protocol`, protocol, PROTOCOLS)]),
    ...(typeof appProtocol === 'string'
      ? qualifiedNameErrors(appProtocol).map((why) => invalidValue(`${field}.appProtocol`, appProtocol, why))
      : []),
  ];
}

export const endpointSlices = defineResource({
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  countsGenerations: true,
  schema: endpointSlice,
  columns: endpointSliceColumns,
  setDefaults: (object) => {
    for (const port of objectsAt(object, 'ports')) {
      fill(port, { protocol: 'TCP' });
      if (port['name'] === undefined) port['name'] = '';
    }
    for (const endpoint of objectsAt(object, 'endpoints')) ensure(endpoint, 'conditions');
    // Both stand there as null when there are none: readers have to expect that of the real server.
    object['endpoints'] ??= null;
    object['ports'] ??= null;
  },
  validate: (object) => {
    const type = stringAt(object, 'addressType');
    if (type === '') return [required('addressType')];
    return [
      ...(ADDRESS_TYPES.includes(type) ? [] : [unsupported('addressType', type, ADDRESS_TYPES)]),
      ...slicePortErrors(objectsAt(object, 'ports')),
      ...objectsAt(object, 'endpoints').flatMap((endpoint, index) =>
        endpointErrors(endpoint, type, `endpoints[${index}]`),
      ),
    ];
  },
  validateUpdate: (object, old) => immutable(object['addressType'], old['addressType'], 'addressType'),
});

function slicePortErrors(ports: readonly JsonObject[]): FieldError[] {
  const names = ports.map((port) => stringAt(port, 'name'));
  return ports.flatMap((port, index) => {
    const name = names[index] ?? '';
    return [
      ...portErrors(port, `ports[${index}]`),
      ...(names.indexOf(name) < index ? [duplicate(`ports[${index}].name`, name)] : []),
    ];
  });
}

function endpointErrors(endpoint: JsonObject, type: string, field: string): FieldError[] {
  const addresses = stringsAt(endpoint, 'addresses');
  if (addresses.length === 0) return [required(`${field}.addresses`, 'must contain at least 1 address')];
  return [
    ...addresses.flatMap((address, index) => sliceAddressErrors(address, type, `${field}.addresses`, index)),
    ...hostErrors(endpoint, field),
  ];
}

/** IPv6 has to be in its canonical form here, unlike anywhere else. */
function sliceAddressErrors(address: string, type: string, field: string, index: number): FieldError[] {
  const at = `${field}[${index}]`;
  if (type === 'FQDN') return nameIsSubdomain(address, false).map((why) => invalidValue(at, address, why));
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const wrong = type === 'IPv4' ? ipProblem(address) : canonicalIpProblem(address);
  if (wrong !== undefined) return [invalidValue(at, address, wrong)];
  const unusual = unusualAddress(address);
  return [
    ...(address.includes(':') === (type === 'IPv6')
      ? []
      : [invalidValue(field, address, `must be an ${type} address`)]),
    ...(unusual === undefined ? [] : [invalidValue(at, address, unusual)]),
  ];
}
