import type { Service } from '../../model/kubernetes.ts';

/** Value of an annotation, blanks trimmed; undefined when absent or empty. */
export function annotation(service: Service, key: string): string | undefined {
  const value = service.metadata.annotations?.[key]?.trim();
  return value === '' ? undefined : value;
}
