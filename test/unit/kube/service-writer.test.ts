import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/kube/errors.ts';
import type { PatchOptions } from '../../../src/kube/resource.ts';
import { createServiceWriter } from '../../../src/kube/service-writer.ts';
import type { Service } from '../../../src/model/kubernetes.ts';

const service: Service = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' }, spec: {} };
const condition = {
  type: 'A',
  status: 'True',
  reason: 'R',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;

function setup(failures: readonly (ApiError | undefined)[] = []) {
  const calls: { body: unknown; options: PatchOptions }[] = [];
  const writer = createServiceWriter({
    patch: async (ref, body, options) => {
      expect(ref).toEqual({ name: 'web', namespace: 'shop' });
      calls.push({ body, options });
      const failure = failures[calls.length - 1];
      const written = { ...service, metadata: { ...service.metadata, resourceVersion: `${7 + calls.length}` } };
      return failure ? Promise.reject(failure) : Promise.resolve(written);
    },
  });
  return { calls, writer };
}

describe('the writer of Services', () => {
  it('writes metadata first, then status, each under the UID', async () => {
    const { calls, writer } = setup();
    await writer.patch(service, {
      annotations: { a: '1', b: undefined },
      labels: { l: 'x' },
      addFinalizer: 'f/x',
      loadBalancerIP: '10.0.0.5',
      ingress: [{ ip: '10.0.0.5', ipMode: 'VIP' }],
      conditions: [condition],
      dropConditions: ['B'],
    });
    expect(calls.map(({ body }) => body)).toEqual([
      {
        metadata: { uid: 'u1', annotations: { a: '1', b: null }, labels: { l: 'x' }, finalizers: ['f/x'] },
        spec: { loadBalancerIP: '10.0.0.5' },
      },
      {
        metadata: { uid: 'u1' },
        status: {
          loadBalancer: { ingress: [{ ip: '10.0.0.5', ipMode: 'VIP' }] },
          conditions: [condition, { $patch: 'delete', type: 'B' }],
        },
      },
    ]);
    expect(calls.map(({ options }) => options.subresource)).toEqual([undefined, 'status']);
    expect(calls.every(({ options }) => options.type === 'strategic' && options.fieldManager === 'kubevip-agent')).toBe(
      true,
    );
  });

  it('writes nothing over a version that it was not decided on, where that is asked for', async () => {
    const conflict = new ApiError('stale', { code: 'CONFLICT' });
    const { calls, writer } = setup([conflict]);
    const seen = { ...service, metadata: { ...service.metadata, resourceVersion: '7' } };
    await writer.patch(seen, { annotations: { a: '1' }, onThisVersion: true });
    expect(calls.map(({ body }) => body)).toEqual([
      { metadata: { uid: 'u1', resourceVersion: '7', annotations: { a: '1' } } },
    ]);
  });

  it('in two steps has the second one on the version that the first one made', async () => {
    const { calls, writer } = setup();
    const seen = { ...service, metadata: { ...service.metadata, resourceVersion: '7' } };
    await writer.patch(seen, { removeFinalizer: 'f/x', ingress: [], onThisVersion: true });
    const versions = calls.map(({ body }) => (body as Service).metadata.resourceVersion);
    expect(versions).toEqual(['7', '8']);
  });

  it('takes the finalizer off last', async () => {
    const { calls, writer } = setup();
    await writer.patch(service, { removeFinalizer: 'f/x', ingress: [] });
    expect(calls.map(({ options }) => options.subresource)).toEqual(['status', undefined]);
    expect(calls[1]?.body).toEqual({ metadata: { uid: 'u1', '$deleteFromPrimitiveList/finalizers': ['f/x'] } });
  });

  it('asks nothing of the API when nothing is to change', async () => {
    const { calls, writer } = setup();
    await writer.patch(service, { annotations: {}, conditions: [] });
    expect(calls).toEqual([]);
  });

  it.each([
    new ApiError('gone', { code: 'NOT_FOUND' }),
    new ApiError('made anew', { code: 'INVALID', fields: ['metadata.uid'] }),
  ])('is content and goes no further when the Service is $message', async (error) => {
    const { calls, writer } = setup([error]);
    await writer.patch(service, { labels: { a: 'b' }, ingress: [] });
    expect(calls).toHaveLength(1);
  });

  it('reports everything else', async () => {
    const { writer } = setup([new ApiError('no', { code: 'INVALID', fields: ['status'] })]);
    await expect(writer.patch(service, { ingress: [] })).rejects.toMatchObject({ code: 'INVALID' });
  });
});
