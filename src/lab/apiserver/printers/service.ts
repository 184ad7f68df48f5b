/** kubectl get services, endpoints, endpointslices */
import { numberAt, objectAt, objectsAt, stringAt, stringMapAt, stringsAt, type JsonObject } from '../json.ts';
import { specOf, statusOf, type ApiObject } from '../object.ts';
import { column, wide, type Column } from './column.ts';
import { ageColumn, formatMap, nameColumn } from './common.ts';

function externalAddress(object: ApiObject): string {
  const spec = specOf(object);
  const external = stringsAt(spec, 'externalIPs');
  switch (stringAt(spec, 'type')) {
    case 'LoadBalancer': {
      const ingress = objectsAt(objectAt(statusOf(object), 'loadBalancer'), 'ingress');
      const addresses = [...ingress.map((item) => stringAt(item, 'ip') || stringAt(item, 'hostname')), ...external];
      return addresses.length === 0 ? '<pending>' : addresses.join(',');
    }
    case 'ExternalName':
      return stringAt(spec, 'externalName');
    default:
      return external.length === 0 ? '<none>' : external.join(',');
  }
}

function ports(spec: JsonObject): string {
  const shown = objectsAt(spec, 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort');
    const node = nodePort === undefined ? '' : `:${nodePort}`;
    return `${numberAt(port, 'port') ?? 0}${node}/${stringAt(port, 'protocol')}`;
  });
  return shown.length === 0 ? '<none>' : shown.join(',');
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column('Type', (object) => stringAt(specOf(object), 'type')),
  column('Cluster-IP', (object) => stringAt(specOf(object), 'clusterIP') || '<none>'),
  column('External-IP', externalAddress),
  column('Port(s)', (object) => ports(specOf(object))),
  ageColumn,
  wide('Selector', (object) => formatMap(stringMapAt(specOf(object), 'selector'))),
];

function endpointsOf(object: ApiObject): string {
  const shown = objectsAt(object, 'subsets').flatMap((subset) => {
    const numbers = objectsAt(subset, 'ports').map((port) => numberAt(port, 'port') ?? 0);
    return objectsAt(subset, 'addresses').flatMap((address) => {
      const ip = stringAt(address, 'ip');
      return numbers.length === 0 ? [ip] : numbers.map((port) => `${ip}:${port}`);
    });
  });
  if (shown.length === 0) return '<none>';
  return shown.length <= 3 ? shown.join(',') : `${shown.slice(0, 3).join(',')} + ${shown.length - 3} more...`;
}

export const endpointsColumns: readonly Column[] = [nameColumn, column('Endpoints', endpointsOf), ageColumn];

const some = (values: readonly string[], limit: number, none: string): string => {
  if (values.length === 0) return none;
  return values.length <= limit
    ? values.join(',')
    : `${values.slice(0, limit).join(',')} + ${values.length - limit} more...`;
};

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column('AddressType', (object) => stringAt(object, 'addressType')),
  column('Ports', (object) => {
    const numbers = objectsAt(object, 'ports').map((port) => String(numberAt(port, 'port') ?? '*'));
    return some(numbers, 3, '<unset>');
  }),
  column('Endpoints', (object) =>
    some(
      objectsAt(object, 'endpoints').flatMap((item) => stringsAt(item, 'addresses')),
      3,
      '<unset>',
    ),
  ),
  ageColumn,
];
