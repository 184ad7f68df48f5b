/** What annotations of a Service ask for and do not get, told by Events. */
import type { Reach } from '../exposure/announcement/port.ts';
import { readEgress } from '../exposure/egress/wish.ts';
import { refusedAnnotations } from '../model/kube-vip-annotations.ts';
import type { Service } from '../model/kubernetes.ts';

export interface Refusal {
  readonly reason: 'AnnotationNotSupported' | 'EgressRefused';
  readonly note: string;
}

export function refusalsOf(service: Service, reach: Reach): Refusal[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const egress = readEgress(service);
  const problem =
    egress.state === 'invalid'
      ? `pods keep their source until this is right: ${egress.message}`
      : egress.state === 'wanted' && reach === 'every-node'
        ? 'pods keep their source: every node announces the address, and an answer may come to any; set svc_election=true for one owner'
        : undefined;
  return [
    ...refusedAnnotations(service.metadata.annotations).map((note) => ({
      reason: 'AnnotationNotSupported' as const,
      note,
    })),
    ...(problem === undefined ? [] : [{ reason: 'EgressRefused' as const, note: problem }]),
  ];
}
