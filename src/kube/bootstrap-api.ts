/** The API server as bootstrapping sees it: any kubeconfig as text. */
import type { ApiConnector, ClusterApi, ObjectRef } from '../cluster/ports/api.ts';
import type { KubeObject } from '../model/kubernetes.ts';
import { loadCredentials } from './credentials.ts';
import { ApiError, isApiError, type Subject } from './errors.ts';
import { KINDS, pathOf, type Kind, type KindInfo } from './kinds.ts';
import { PATCH_TYPE } from './resource.ts';
import { createTransport, type Method } from './transport.ts';

/** Who owns the fields that are applied. */
const FIELD_MANAGER = 'kubevip';

export function createApiConnector(userAgent: string): ApiConnector {
  return {
    connect(kubeconfig): ClusterApi {
      const credentials = loadCredentials({ content: kubeconfig, env: {} });
      const transport = createTransport(credentials, userAgent);
      const call = async (
        verb: string,
        method: Method,
        ref: { readonly kind: string; readonly name?: string | undefined; readonly namespace?: string | undefined },
        options: Omit<Parameters<typeof transport.send>[0], 'method' | 'path' | 'subject'> = {},
      ): Promise<unknown> => {
        const info = infoOf(ref.kind);
        const { name, namespace } = ref;
        const where = { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) };
        const subject: Subject = { verb, group: info.group, resource: info.plural, ...where };
        return transport.send({ ...options, method, path: pathOf(info, where), subject });
      };
      return {
        server: credentials.server.href.replace(/\/$/, ''),
        version: async (options) => {
          const subject = { verb: 'get', resource: 'version', group: '' };
          const answer = await transport.send({ ...options, method: 'GET', path: '/version', subject });
          return typeof answer === 'object' && answer !== null && 'gitVersion' in answer
            ? String(answer.gitVersion)
            : '';
        },
        find: async (ref, options) => {
          try {
            return (await call('get', 'GET', ref, options)) as KubeObject;
          } catch (error) {
            if (isApiError(error, 'NOT_FOUND')) return undefined;
            throw error;
          }
        },
        list: async (kind, namespace, options) => {
          const list = await call('list', 'GET', { kind, namespace }, options);
          return (list as { readonly items: readonly KubeObject[] | null }).items ?? [];
        },
        apply: async (object, options) => {
          await call('patch', 'PATCH', refOf(object), {
            ...options,
            body: object,
            contentType: PATCH_TYPE.apply,
            query: { fieldManager: FIELD_MANAGER, force: true },
          });
        },
        create: async (object, options) => {
          const { kind, namespace } = refOf(object);
          await call('create', 'POST', { kind, namespace }, { ...options, body: object });
        },
        remove: async (ref, options) => {
          try {
            await call('delete', 'DELETE', ref, options);
          } catch (error) {
            if (!isApiError(error, 'NOT_FOUND')) throw error;
          }
        },
        close: () => transport.close(),
      };
    },
  };
}

function refOf({ kind = '', metadata }: KubeObject): ObjectRef {
  return { kind, name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

function infoOf(kind: string): KindInfo {
  const info = kind in KINDS ? KINDS[kind as Kind] : undefined;
  if (info === undefined) throw new ApiError(`kind ${kind} is not known here`, { code: 'INVALID' });
  return info;
}
