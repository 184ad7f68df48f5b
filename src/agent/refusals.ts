/** What annotations of a Service ask for and do not get, told by Events. */
import { readEgress } from '../exposure/egress/wish.ts';
import { refusedAnnotations } from '../model/kube-vip-annotations.ts';
import type { Service } from '../model/kubernetes.ts';

export interface Refusal {
  readonly reason: 'AddressNotFollowed' | 'AnnotationNotSupported' | 'EgressRefused';
  readonly note: string;
}

/**
 * @param egressObstacle why there is no egress from this agent
 * @param notFollowed why the Service does not have what its DNS names lead to now
 */
export function refusalsOf(service: Service, egressObstacle: string | undefined, notFollowed?: string): Refusal[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const egress = readEgress(service);
  const why = egress.state === 'invalid' ? egress.message : egress.state === 'wanted' ? egressObstacle : undefined;
  return [
    ...refusedAnnotations(service.metadata.annotations).map((note) => ({
      reason: 'AnnotationNotSupported' as const,
      note,
    })),
    ...(notFollowed === undefined
      ? []
      : [{ reason: 'AddressNotFollowed' as const, note: `the address stays what it was: ${notFollowed}` }]),
    ...(why === undefined ? [] : [{ reason: 'EgressRefused' as const, note: `pods keep their source: ${why}` }]),
  ];
}
