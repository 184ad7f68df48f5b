/** apimachinery: the parts of every kind. */
import {
  any,
  atomic,
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  set,
  string,
  struct,
  time,
  type Schema,
  type StructSchema,
} from './schema.ts';

const PREFIX = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const ownerReference = atomic(
  struct(`${PREFIX}.OwnerReference`, {
    apiVersion: string,
    kind: string,
    name: string,
    uid: string,
    controller: bool,
    blockOwnerDeletion: bool,
  }),
);

const managedFieldsEntry = struct(`${PREFIX}.ManagedFieldsEntry`, {
  manager: string,
  operation: string,
  apiVersion: string,
  time,
  fieldsType: string,
  fieldsV1: any,
  subresource: string,
});

export const objectMeta = struct(`${PREFIX}.ObjectMeta`, {
  name: string,
  generateName: string,
  namespace: string,
  selfLink: string,
  uid: string,
  resourceVersion: string,
  generation: int64,
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: int64,
  labels: map(string),
  annotations: map(string),
  ownerReferences: listMap(ownerReference, ['uid']),
  finalizers: set(string),
  managedFields: list(managedFieldsEntry),
});

const labelSelectorRequirement = struct(`${PREFIX}.LabelSelectorRequirement`, {
  key: string,
  operator: string,
  values: list(string),
});

export const labelSelector = atomic(
  struct(`${PREFIX}.LabelSelector`, {
    matchLabels: map(string),
    matchExpressions: list(labelSelectorRequirement),
  }),
);

export const condition = struct(`${PREFIX}.Condition`, {
  type: string,
  status: string,
  observedGeneration: int64,
  lastTransitionTime: time,
  reason: string,
  message: string,
});

export const deleteOptions = struct(`${PREFIX}.DeleteOptions`, {
  apiVersion: string,
  kind: string,
  gracePeriodSeconds: int64,
  preconditions: struct(`${PREFIX}.Preconditions`, { uid: string, resourceVersion: string }),
  orphanDependents: bool,
  propagationPolicy: string,
  dryRun: list(string),
  ignoreStoreReadErrorWithClusterBreakingPotential: bool,
});

export const status = struct(`${PREFIX}.Status`, {
  apiVersion: string,
  kind: string,
  metadata: any,
  status: string,
  message: string,
  reason: string,
  details: any,
  code: int32,
});

/** A kind: its own fields beside the ones that all kinds have. */
export function kindSchema(
  name: string,
  fields: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): StructSchema {
  return struct(name, { apiVersion: string, kind: string, metadata: objectMeta, ...fields }, { required });
}
