/** Writes what the pipeline found out to a Service: its metadata and its status, nothing of anybody else's. */
import type { ServicePatch, ServiceWriter } from '../exposure/status/port.ts';
import type { Service } from '../model/kubernetes.ts';
import { isApiError } from './errors.ts';
import type { PatchOptions, Resource } from './resource.ts';

/** Field manager of the agent in managedFields. */
export const FIELD_MANAGER = 'kubevip-agent';
/** A write that takes longer is worth less than trying anew. */
const WRITE_TIMEOUT_MS = 10_000;

/**
 * Strategic merge patches, without a resourceVersion unless one is asked for: conditions merge by type and finalizers as a set, so
 * concurrent writers do not undo each other. The UID in the body is the precondition: the API server refuses
 * to change it (422, field metadata.uid), so a Service made anew under the same name is left alone.
 */
export function createServiceWriter(services: Pick<Resource<Service>, 'patch'>): ServiceWriter {
  return {
    async patch(service, patch, signal) {
      const { name, namespace, uid } = service.metadata;
      let { resourceVersion } = service.metadata;
      const send = async (body: object, options: Partial<PatchOptions>): Promise<boolean> => {
        const version = patch.onThisVersion === true && resourceVersion !== undefined ? { resourceVersion } : {};
        const precondition = { ...(uid === undefined ? {} : { uid }), ...version };
        const metadata = { ...precondition, ...('metadata' in body ? (body.metadata as object) : {}) };
        try {
          const written = await services.patch(
            { name, namespace },
            { ...body, metadata },
            { type: 'strategic', fieldManager: FIELD_MANAGER, timeoutMs: WRITE_TIMEOUT_MS, signal, ...options },
          );
          ({ resourceVersion } = written.metadata);
          return true;
        } catch (error) {
          if (isGone(error) || (patch.onThisVersion === true && isApiError(error, 'CONFLICT'))) return false;
          throw error;
        }
      };
      const main = mainPatch(patch);
      const status = statusPatch(patch);
      // The finalizer goes on before anything is shown, and off last: then the Service may be gone.
      const steps = [
        async () => main === undefined || send(main, {}),
        async () => status === undefined || send(status, { subresource: 'status' }),
      ];
      if (patch.removeFinalizer !== undefined) steps.reverse();
      for (const step of steps) if (!(await step())) return;
    },
  };
}

function mainPatch(patch: ServicePatch): object | undefined {
  const { annotations, labels, addFinalizer, removeFinalizer, loadBalancerIP } = patch;
  const metadata = {
    ...(hasKeys(annotations) && { annotations: withNulls(annotations) }),
    ...(hasKeys(labels) && { labels: withNulls(labels) }),
    ...(addFinalizer !== undefined && { finalizers: [addFinalizer] }),
    ...(removeFinalizer !== undefined && { '$deleteFromPrimitiveList/finalizers': [removeFinalizer] }),
  };
  if (!hasKeys(metadata) && loadBalancerIP === undefined) return undefined;
  return { metadata, ...(loadBalancerIP !== undefined && { spec: { loadBalancerIP } }) };
}

function statusPatch({ ingress, conditions = [], dropConditions = [] }: ServicePatch): object | undefined {
  const changed = [...conditions, ...dropConditions.map((type) => ({ $patch: 'delete', type }))];
  if (ingress === undefined && changed.length === 0) return undefined;
  return {
    status: {
      ...(ingress !== undefined && { loadBalancer: { ingress } }),
      ...(changed.length > 0 && { conditions: changed }),
    },
  };
}

/** Deleted, or deleted and made anew: nobody is left to tell. */
function isGone(error: unknown): boolean {
  return isApiError(error, 'NOT_FOUND') || (isApiError(error, 'INVALID') && error.fields.includes('metadata.uid'));
}

function hasKeys<T extends object>(value: T | undefined): value is T {
  return value !== undefined && Object.keys(value).length > 0;
}

/** null is how a patch says "remove". */
function withNulls(values: Readonly<Record<string, string | undefined>>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value ?? null]));
}
