/** What annotations of a Service ask for and do not get, told by Events. */
import { readEgress } from '../exposure/egress/wish.ts';
import { refusedAnnotations } from '../model/kube-vip-annotations.ts';
import type { Service } from '../model/kubernetes.ts';

export interface Refusal {
  readonly reason: 'AnnotationNotSupported' | 'EgressRefused';
  readonly note: string;
}

/** @param egressObstacle why there is no egress from this agent */
export function refusalsOf(service: Service, egressObstacle: string | undefined): Refusal[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const egress = readEgress(service);
  const why = egress.state === 'invalid' ? egress.message : egress.state === 'wanted' ? egressObstacle : undefined;
  return [
    ...refusedAnnotations(service.metadata.annotations).map((note) => ({
      reason: 'AnnotationNotSupported' as const,
      note,
    })),
    ...(why === undefined ? [] : [{ reason: 'EgressRefused' as const, note: `pods keep their source: ${why}` }]),
  ];
}
