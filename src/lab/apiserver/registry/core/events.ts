/** Events: one table, in the form of the core group; events.k8s.io/v1 is another view of it. */
import { invalidValue, required, type FieldError } from '../../errors.ts';
import { objectAt, stringAt, type JsonObject } from '../../json.ts';
import type { ApiObject } from '../../object.ts';
import { eventColumns } from '../../printers/core.ts';
import { coreEvent, event } from '../../schema/core.ts';
import { immutable } from '../../validation/metadata.ts';
import { defineResource } from '../resource.ts';

/** Name in the core form → name in events.k8s.io/v1. Everything else has the same name in both. */
const RENAMED: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
};
const BACK = Object.fromEntries(Object.entries(RENAMED).map(([from, to]) => [to, from]));

function rename(object: ApiObject, names: Readonly<Record<string, string>>, apiVersion: string): ApiObject {
  const renamed: JsonObject = {};
  for (const [key, value] of Object.entries(object)) renamed[names[key] ?? key] = value;
  return { ...renamed, apiVersion, kind: object.kind, metadata: object.metadata };
}

const inTarget =
  (key: string, target: string) =>
  (object: ApiObject): string =>
    stringAt(objectAt(object, target), key);

const TARGET_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

function selectableBy(target: string): Record<string, (object: ApiObject) => string> {
  return Object.fromEntries(TARGET_FIELDS.map((key) => [`${target}.${key}`, inTarget(key, target)]));
}

const shared = {
  plural: 'events',
  kind: 'Event',
  shortNames: ['ev'],
  storage: 'events',
  createOnUpdate: true,
} as const;

function validateCoreEvent(object: ApiObject): FieldError[] {
  const wanted = stringAt(objectAt(object, 'involvedObject'), 'namespace') || 'default';
  if (wanted === object.metadata.namespace) return [];
  return [invalidValue('involvedObject.namespace', wanted, 'does not match event.namespace')];
}

export const coreEvents = defineResource({
  ...shared,
  group: '',
  version: 'v1',
  schema: coreEvent,
  columns: eventColumns,
  selectable: {
    ...selectableBy('involvedObject'),
    reason: (object) => stringAt(object, 'reason'),
    reportingComponent: (object) => stringAt(object, 'reportingComponent'),
    source: (object) => stringAt(objectAt(object, 'source'), 'component') || stringAt(object, 'reportingComponent'),
    type: (object) => stringAt(object, 'type'),
  },
  validate: validateCoreEvent,
});

/** The new form has rules; the old one has none to speak of. */
function validateEvent(object: ApiObject): FieldError[] {
  const errors: FieldError[] = [];
  if (stringAt(object, 'eventTime') === '') {
    // Events of the old form, seen through the new one, have none.
    return stringAt(object, 'deprecatedFirstTimestamp') === '' ? [required('eventTime')] : [];
  }
  for (const key of ['reportingController', 'reportingInstance', 'action', 'reason']) {
    if (stringAt(object, key) === '') errors.push(required(key));
  }
  if (stringAt(object, 'note').length > 1024)
    errors.push(invalidValue('message', '', 'can have at most 1024 characters'));
  const type = stringAt(object, 'type');
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalidValue('type', type, 'has invalid value'));
  return errors;
}

/** What has been said stays said; only the series goes on. */
const FINAL = [
  'regarding',
  'reason',
  'note',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingController',
  'reportingInstance',
  'deprecatedSource',
  'deprecatedFirstTimestamp',
  'deprecatedLastTimestamp',
  'deprecatedCount',
];

function validateEventUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  // Errors name fields as the stored form does, as on the real server.
  return FINAL.flatMap((key) => immutable(object[key], old[key], BACK[key] ?? key));
}

export const events = defineResource({
  ...shared,
  group: 'events.k8s.io',
  version: 'v1',
  schema: event,
  columns: eventColumns,
  selectable: {
    ...selectableBy('regarding'),
    reason: (object) => stringAt(object, 'reason'),
    reportingController: (object) => stringAt(object, 'reportingController'),
    type: (object) => stringAt(object, 'type'),
  },
  validate: validateEvent,
  validateUpdate: validateEventUpdate,
  fromStored: (object) => rename(object, RENAMED, 'events.k8s.io/v1'),
  toStored: (object) => rename(object, BACK, 'v1'),
});
