/** Objects of the API: what every kind has in common. */
import { objectAt, stringAt, type JsonObject } from './json.ts';

export interface OwnerReference extends JsonObject {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry extends JsonObject {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonObject;
  subresource?: string;
}

/** metav1.ObjectMeta */
export interface Meta extends JsonObject {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

export interface ApiObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: Meta;
}

export function nameOf(object: ApiObject): string {
  return object.metadata.name ?? '';
}

export function namespaceOf(object: ApiObject): string {
  return object.metadata.namespace ?? '';
}

export function specOf(object: ApiObject): JsonObject {
  return objectAt(object, 'spec');
}

export function statusOf(object: ApiObject): JsonObject {
  return objectAt(object, 'status');
}

/** Under which an object is stored, unique within its resource; sorts by namespace, then name. */
export function storageKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** metav1.Time: whole seconds. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `apps/v1` → group and version; the core group is the empty string. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `kind/name` of an object, for messages. */
export function describe(object: ApiObject): string {
  return `${stringAt(object, 'kind')} ${storageKey(namespaceOf(object), nameOf(object))}`;
}
