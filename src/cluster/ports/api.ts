/** The API server, as far as bootstrapping needs it. Every call throws ApiError. */
import type { KubeObject } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export interface ApiCall {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: Milliseconds;
}

export interface ObjectRef {
  readonly kind: string;
  readonly name: string;
  /** Absent for what is in no namespace. */
  readonly namespace?: string;
}

export interface ClusterApi {
  /** URL it is reached at. */
  readonly server: string;
  /** `gitVersion`: proof that it answers. */
  version(call?: ApiCall): Promise<string>;
  /** Undefined: no such object. */
  find(ref: ObjectRef, call?: ApiCall): Promise<KubeObject | undefined>;
  list(kind: string, namespace?: string, call?: ApiCall): Promise<readonly KubeObject[]>;
  /** Server-side apply as `kubevip`: made if it is not there, changed where it differs, as often as one likes. */
  apply(object: KubeObject, call?: ApiCall): Promise<void>;
  create(object: KubeObject, call?: ApiCall): Promise<void>;
  /** One that is not there is fine. */
  remove(ref: ObjectRef, call?: ApiCall): Promise<void>;
  close(): void;
}

export interface ApiConnector {
  /** @param kubeconfig its text: what is only in memory is in nobody's file. @throws ApiError BAD_KUBECONFIG */
  connect(kubeconfig: string): ClusterApi;
}
