/** v1 Node */
import { duplicate, forbiddenField, invalidValue, type FieldError } from '../../errors.ts';
import { equal, isObject, isTrueAt, objectsAt, stringAt, stringsAt } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import { nodeColumns } from '../../printers/core.ts';
import { node } from '../../schema/core.ts';
import { cidrProblem, isOfOneFamily } from '../../validation/ip-text.ts';
import { ensure } from '../defaults.ts';
import { defineResource } from '../resource.ts';

export const nodes = defineResource({
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  schema: node,
  subresources: ['status'],
  columns: nodeColumns,
  selectable: { 'spec.unschedulable': (object) => String(isTrueAt(specOf(object), 'unschedulable')) },
  setDefaults: (object) => {
    const status = ensure(object, 'status');
    if (status['allocatable'] === undefined && isObject(status['capacity'])) {
      status['allocatable'] = { ...status['capacity'] };
    }
    // `podCIDR` is the old name of the first of `podCIDRs`, and the one that counts.
    const spec = ensure(object, 'spec');
    const [first] = stringsAt(spec, 'podCIDRs');
    const single = stringAt(spec, 'podCIDR');
    if (single !== '' && single !== first) spec['podCIDRs'] = [single];
    else if (first !== undefined) spec['podCIDR'] = first;
  },
  validate: (object) => {
    const ranges = stringsAt(specOf(object), 'podCIDRs');
    const wrong = ranges.flatMap((range, index) => {
      const why = cidrProblem(range);
      return why === undefined ? [] : [invalidValue(`spec.podCIDRs[${index}]`, range, why)];
    });
    if (wrong.length > 0 || !isOfOneFamily(ranges)) return wrong;
    return [invalidValue('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family')];
  },
  validateUpdate: (object, old) => [...addressErrors(object), ...givenErrors(object, old)],
});

function addressErrors(object: ApiObject): FieldError[] {
  const addresses = objectsAt(statusOf(object), 'addresses');
  return addresses.flatMap((address, index) => {
    if (addresses.findIndex((other) => equal(other, address)) === index) return [];
    const named = { Type: stringAt(address, 'type'), Address: stringAt(address, 'address') };
    return [duplicate(`status.addresses[${index}]`, named)];
  });
}

/** What a node was given once it keeps. */
function givenErrors(object: ApiObject, old: ApiObject): FieldError[] {
  const [spec, before] = [specOf(object), specOf(old)];
  const had = stringsAt(before, 'podCIDRs');
  const providerID = stringAt(before, 'providerID');
  const only = (what: string): string => `node updates may not change ${what} except from "" to valid`;
  return [
    ...(had.length > 0 && !equal(had, stringsAt(spec, 'podCIDRs'))
      ? [forbiddenField('spec.podCIDRs', only('podCIDR'))]
      : []),
    ...(providerID !== '' && stringAt(spec, 'providerID') !== providerID
      ? [forbiddenField('spec.providerID', only('providerID'))]
      : []),
  ];
}
