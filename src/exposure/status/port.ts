/** The status stage: what users see of a Service, in its status, its annotations and its Events. */
import type { Condition, IngressAddress, KubeObject, Service } from '../../model/kubernetes.ts';

/** What shall change on a Service. Absent: left as it is. */
export interface ServicePatch {
  /** Status sub-resource. `conditions` are merged by type, `ingress` replaced. */
  readonly ingress?: readonly IngressAddress[];
  readonly conditions?: readonly Condition[];
  /** Condition types to take away. */
  readonly dropConditions?: readonly string[];
  /** undefined as value removes the key. */
  readonly annotations?: Readonly<Record<string, string | undefined>>;
  readonly labels?: Readonly<Record<string, string | undefined>>;
  readonly addFinalizer?: string;
  readonly removeFinalizer?: string;
  readonly loadBalancerIP?: string;
  /** Only of the version that is patched: who has changed it meanwhile knows better, and nothing is written. */
  readonly onThisVersion?: true;
}

export interface ServiceWriter {
  /**
   * Patch this very Service (its UID is a precondition) without a resourceVersion, so that it cannot lose
   * against other writers. A Service that is gone is not an error. @throws KubevipError otherwise.
   */
  patch(service: Service, patch: ServicePatch, signal?: AbortSignal): Promise<void>;
}

export type EventType = 'Normal' | 'Warning';

export interface EventRecorder {
  /** Fire and forget, repeated ones folded together (series). */
  record(object: KubeObject, type: EventType, reason: string, note: string): void;
}
