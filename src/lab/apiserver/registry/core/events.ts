/** Events: one table, in the form of the core group; events.k8s.io/v1 is another view of it. */
import { invalidValue, required, type FieldError } from '../../errors.ts';
import { equal, numberAt, objectAt, stringAt, type JsonObject } from '../../json.ts';
import type { ApiObject } from '../../object.ts';
import { eventColumns } from '../../printers/core.ts';
import { coreEvent, event } from '../../schema/core.ts';
import { immutable } from '../../validation/metadata.ts';
import { qualifiedNameErrors } from '../../validation/names.ts';
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

/** What both forms demand. Events of the old kind have no `eventTime`, and hardly any rules. */
function eventErrors(object: ApiObject, names: { target: string; controller: string; note: string }): FieldError[] {
  const { namespace } = object.metadata;
  const about = stringAt(objectAt(object, names.target), 'namespace');
  const elsewhere = [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
  if (stringAt(object, 'eventTime') === '') return (about || 'default') === namespace ? [] : elsewhere;
  const controller = stringAt(object, names.controller);
  return [
    ...(about === '' && namespace !== 'default' && namespace !== 'kube-system' ? elsewhere : []),
    ...(controller === '' ? [required(names.controller)] : []),
    ...qualifiedNameErrors(controller).map((why) => invalidValue(names.controller, controller, why)),
    ...['reportingInstance', 'action', 'reason'].flatMap((key) => [
      ...(stringAt(object, key) === '' ? [required(key)] : []),
      ...longerThan(128, stringAt(object, key), key),
    ]),
    ...longerThan(1024, stringAt(object, names.note), 'message'),
  ];
}

/** Lengths are those of UTF-8. */
function longerThan(limit: number, text: string, field: string): FieldError[] {
  return Buffer.byteLength(text) > limit ? [invalidValue(field, '', `can have at most ${limit} characters`)] : [];
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
  validate: (object) =>
    eventErrors(object, { target: 'involvedObject', controller: 'reportingComponent', note: 'message' }),
});

function validateEvent(object: ApiObject): FieldError[] {
  const errors = [
    ...eventErrors(object, { target: 'regarding', controller: 'reportingController', note: 'note' }),
    ...seriesErrors(object),
  ];
  // One that has a version is there already, perhaps in the old form.
  return object.metadata.resourceVersion === undefined ? [...errors, ...newEventErrors(object)] : errors;
}

function seriesErrors(object: ApiObject): FieldError[] {
  if (object['series'] === undefined) return [];
  const series = objectAt(object, 'series');
  return [
    ...((numberAt(series, 'count') ?? 0) < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : []),
    ...(stringAt(series, 'lastObservedTime') === '' ? [required('series.lastObservedTime')] : []),
  ];
}

function newEventErrors(object: ApiObject): FieldError[] {
  const type = stringAt(object, 'type');
  const old = ['firstTimestamp', 'lastTimestamp', 'count', 'source'].filter((key) => {
    const value = object[RENAMED[key] ?? key];
    return value !== undefined && !equal(value, {});
  });
  return [
    ...(stringAt(object, 'eventTime') === '' ? [required('eventTime')] : []),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...old.map((key) => invalidValue(key, '', 'needs to be unset')),
  ];
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
