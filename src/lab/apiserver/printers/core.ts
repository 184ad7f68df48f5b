/** kubectl get of the small kinds */
import { numberAt, objectAt, objectsAt, stringAt, stringMapAt } from '../json.ts';
import { nameOf, specOf, statusOf, type ApiObject } from '../object.ts';
import { column, wide, type Column } from './column.ts';
import { ageColumn, nameColumn } from './common.ts';
import { age } from './time.ts';

export const plainColumns: readonly Column[] = [
  nameColumn,
  column('Created At', (object) => object.metadata.creationTimestamp ?? ''),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column('Status', (object) => stringAt(statusOf(object), 'phase')),
  ageColumn,
];

const countOf =
  (...keys: string[]) =>
  (object: ApiObject): number =>
    keys.reduce((sum, key) => sum + Object.keys(objectAt(object, key)).length, 0);

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column('Data', countOf('data', 'binaryData'), { type: 'integer' }),
  ageColumn,
];

export const secretColumns: readonly Column[] = [
  nameColumn,
  column('Type', (object) => stringAt(object, 'type')),
  column('Data', countOf('data'), { type: 'integer' }),
  ageColumn,
];

export const serviceAccountColumns: readonly Column[] = [nameColumn, ageColumn];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column('Holder', (object) => stringAt(specOf(object), 'holderIdentity')),
  ageColumn,
];

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function rolesOf(object: ApiObject): string {
  const labels = object.metadata.labels ?? {};
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) return [key.slice(ROLE_PREFIX.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return roles.length === 0 ? '<none>' : roles.sort().join(',');
}

function nodeStatus(object: ApiObject): string {
  const ready = objectsAt(statusOf(object), 'conditions').find((item) => stringAt(item, 'type') === 'Ready');
  const state = ready === undefined ? 'Unknown' : stringAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return specOf(object)['unschedulable'] === true ? `${state},SchedulingDisabled` : state;
}

const nodeAddress =
  (type: string) =>
  (object: ApiObject): string => {
    const found = objectsAt(statusOf(object), 'addresses').find((item) => stringAt(item, 'type') === type);
    return found === undefined ? '<none>' : stringAt(found, 'address');
  };

const nodeInfo =
  (key: string) =>
  (object: ApiObject): string =>
    stringAt(objectAt(statusOf(object), 'nodeInfo'), key) || '<unknown>';

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column('Status', nodeStatus),
  column('Roles', rolesOf),
  ageColumn,
  column('Version', (object) => stringAt(objectAt(statusOf(object), 'nodeInfo'), 'kubeletVersion')),
  wide('Internal-IP', nodeAddress('InternalIP')),
  wide('External-IP', nodeAddress('ExternalIP')),
  wide('OS-Image', nodeInfo('osImage')),
  wide('Kernel-Version', nodeInfo('kernelVersion')),
  wide('Container-Runtime', nodeInfo('containerRuntimeVersion')),
];

/** Of an Event in the core form: when it was seen first, and when last. */
function firstSeen(object: ApiObject): string {
  return stringAt(object, 'firstTimestamp') || stringAt(object, 'eventTime');
}

function lastSeen(object: ApiObject): string {
  const series = stringAt(objectAt(object, 'series'), 'lastObservedTime');
  return series || stringAt(object, 'lastTimestamp') || firstSeen(object);
}

function involved(object: ApiObject): string {
  const target = objectAt(object, 'involvedObject');
  return `${stringAt(target, 'kind').toLowerCase()}/${stringAt(target, 'name')}`;
}

function source(object: ApiObject): string {
  const { component, host } = stringMapAt(object, 'source');
  return [component ?? stringAt(object, 'reportingComponent'), host ?? stringAt(object, 'reportingInstance')]
    .filter((part) => part !== '')
    .join(', ');
}

export const eventColumns: readonly Column[] = [
  column('Last Seen', (object, now) => age(lastSeen(object), now)),
  column('Type', (object) => stringAt(object, 'type')),
  column('Reason', (object) => stringAt(object, 'reason')),
  column('Object', involved),
  wide('Subobject', (object) => stringAt(objectAt(object, 'involvedObject'), 'fieldPath')),
  wide('Source', source),
  column('Message', (object) => stringAt(object, 'message').trim()),
  wide('First Seen', (object, now) => age(firstSeen(object), now)),
  wide('Count', (object) => numberAt(objectAt(object, 'series'), 'count') ?? numberAt(object, 'count') ?? 1),
  wide('Name', nameOf),
];
