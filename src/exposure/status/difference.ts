/** What of a patch is not on the Service already: a steady Service costs no write. */
import type { Condition, Service } from '../../model/kubernetes.ts';
import type { ServicePatch } from './port.ts';

/** Undefined: nothing to write. */
export function difference(service: Service, patch: ServicePatch): ServicePatch | undefined {
  const { metadata, spec, status } = service;
  const changed: { -readonly [K in keyof ServicePatch]: ServicePatch[K] } = {};
  const annotations = changedKeys(metadata.annotations, patch.annotations);
  if (annotations) changed.annotations = annotations;
  const labels = changedKeys(metadata.labels, patch.labels);
  if (labels) changed.labels = labels;
  if (patch.ingress && !sameJson(patch.ingress, status?.loadBalancer?.ingress ?? [], ['ip', 'hostname', 'ipMode'])) {
    changed.ingress = patch.ingress;
  }
  const conditions = patch.conditions?.filter((wanted) => !isOn(status?.conditions, wanted));
  if (conditions && conditions.length > 0) changed.conditions = conditions;
  const drop = patch.dropConditions?.filter((type) => status?.conditions?.some((existing) => existing.type === type));
  if (drop && drop.length > 0) changed.dropConditions = drop;
  const finalizers = metadata.finalizers ?? [];
  if (
    patch.addFinalizer !== undefined &&
    !finalizers.includes(patch.addFinalizer) &&
    metadata.deletionTimestamp === undefined
  ) {
    changed.addFinalizer = patch.addFinalizer;
  }
  if (patch.removeFinalizer !== undefined && finalizers.includes(patch.removeFinalizer))
    changed.removeFinalizer = patch.removeFinalizer;
  if (patch.loadBalancerIP !== undefined && patch.loadBalancerIP !== (spec.loadBalancerIP ?? '')) {
    changed.loadBalancerIP = patch.loadBalancerIP;
  }
  if (Object.keys(changed).length === 0) return undefined;
  return patch.onThisVersion === true ? { ...changed, onThisVersion: true } : changed;
}

type Keys = Readonly<Record<string, string | undefined>>;

function changedKeys(have: Keys | undefined, want: Keys | undefined): Keys | undefined {
  const entries = Object.entries(want ?? {}).filter(([key, value]) => have?.[key] !== value);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isOn(conditions: readonly Condition[] | undefined, wanted: Condition): boolean {
  const fields: (keyof Condition)[] = ['status', 'reason', 'message', 'observedGeneration'];
  const existing = conditions?.find(({ type }) => type === wanted.type);
  return existing !== undefined && fields.every((field) => existing[field] === wanted[field]);
}

/** Compares the named fields only: the API server adds others (`ports`). */
function sameJson(a: readonly object[], b: readonly object[], fields: readonly string[]): boolean {
  const pick = (list: readonly object[]): string =>
    JSON.stringify(list.map((item) => fields.map((field) => (item as Record<string, unknown>)[field] ?? null)));
  return pick(a) === pick(b);
}
