/** In place of the endpoint slice controller. */
import { isApiError } from '../../kube/errors.ts';
import type { EndpointSlice } from '../../model/kubernetes.ts';
import type { ClusterContext } from './context.ts';
import { endpointSlices, MANAGED_BY, sameSlice } from './endpoints.ts';

/** Makes the slices of one Service be what its pods are. Those of a Service that is gone go too. */
export async function syncEndpoints(context: ClusterContext, key: string): Promise<void> {
  const service = context.seen.services.get(key);
  const [namespace = '', name = ''] = key.split('/');
  const existing = context.seen.slices
    .list()
    .filter(
      ({ metadata: { labels = {}, ...metadata } }) =>
        metadata.namespace === namespace &&
        labels['kubernetes.io/service-name'] === name &&
        labels['endpointslice.kubernetes.io/managed-by'] === MANAGED_BY,
    );
  const wanted = service === undefined ? [] : endpointSlices(service, context.seen.pods.list());
  const surplus = existing.filter(({ metadata }) => !wanted.some((slice) => slice.metadata.name === metadata.name));
  await Promise.all([
    ...wanted.map((slice) => writeSlice(context, slice, existing)),
    ...surplus.map((slice) => deleteSlice(context, slice)),
  ]);
}

async function writeSlice(
  context: ClusterContext,
  slice: EndpointSlice,
  existing: readonly EndpointSlice[],
): Promise<void> {
  const before = existing.find(({ metadata }) => metadata.name === slice.metadata.name);
  if (before !== undefined && sameSlice(before, slice)) return;
  const slices = context.cluster.resource('EndpointSlice');
  try {
    if (before === undefined) await slices.create(slice);
    else await slices.patch(slice.metadata, { endpoints: slice.endpoints, ports: slice.ports }, { type: 'merge' });
  } catch (error) {
    // Created or deleted a moment ago: the change that tells us brings us here again.
    if (!isApiError(error, 'ALREADY_EXISTS', 'NOT_FOUND')) throw error;
  }
}

async function deleteSlice(context: ClusterContext, { metadata }: EndpointSlice): Promise<void> {
  try {
    await context.cluster.resource('EndpointSlice').delete(metadata);
  } catch (error) {
    if (!isApiError(error, 'NOT_FOUND')) throw error;
  }
}
