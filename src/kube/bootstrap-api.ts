/** The API server as bootstrapping sees it: any kubeconfig as text, and objects of any kind. */
import type { ApiConnector, ClusterApi, ObjectRef } from '../cluster/ports/api.ts';
import type { KubeObject } from '../model/kubernetes.ts';
import { connectWith } from './client.ts';
import { loadCredentials } from './credentials.ts';
import { ApiError, isApiError } from './errors.ts';
import { KINDS, type Kind } from './kinds.ts';
import type { Resource } from './resource.ts';

/** Who owns the fields that are applied. */
const FIELD_MANAGER = 'kubevip';

export function createApiConnector(userAgent: string): ApiConnector {
  return {
    connect(kubeconfig): ClusterApi {
      const cluster = connectWith(loadCredentials({ content: kubeconfig, env: {} }), { userAgent });
      const of = (kind = ''): Resource<KubeObject> => cluster.resource(kindOf(kind));
      return {
        server: cluster.server,
        version: (call) => cluster.version(call),
        find: async (ref, call) => of(ref.kind).find(refOf(ref), call),
        list: async (kind, namespace = '*', call = {}) => (await of(kind).list({ namespace }, call)).items,
        apply: async (object, call) => {
          const options = { ...call, type: 'apply', fieldManager: FIELD_MANAGER, force: true } as const;
          await of(object.kind).patch(refOf(object.metadata), object, options);
        },
        create: async (object, call) => {
          await of(object.kind).create(object, call);
        },
        remove: async (ref, call) => {
          try {
            await of(ref.kind).delete(refOf(ref), call);
          } catch (error) {
            if (!isApiError(error, 'NOT_FOUND')) throw error;
          }
        },
        close: () => cluster.close(),
      };
    },
  };
}

function refOf({ name, namespace }: Pick<ObjectRef, 'name' | 'namespace'>): Pick<ObjectRef, 'name' | 'namespace'> {
  return { name, ...(namespace === undefined ? {} : { namespace }) };
}

function kindOf(kind: string): Kind {
  if (kind in KINDS) return kind as Kind;
  throw new ApiError(`kind ${kind} is not known here`, { code: 'INVALID' });
}
