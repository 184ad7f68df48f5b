/** What the router's own pages show for a mapping. */
import type { ServiceKey } from '../../model/kubernetes.ts';

/** Longer ones are cut or refused by some routers. */
const MAX_LENGTH = 64;

/**
 * `kubevip/NAMESPACE/NAME` in letters, digits, `.`, `_`, `/` and `-`: routers give back anything else mangled, and it is
 * read back to know our own. Too long a name is cut in the middle, where names differ least.
 */
export function mappingDescription(service: ServiceKey): string {
  const text = `kubevip/${service}`.replaceAll(/[^A-Za-z0-9/._-]/g, '_');
  if (text.length <= MAX_LENGTH) return text;
  const head = Math.floor((MAX_LENGTH - 2) / 2);
  return `${text.slice(0, head)}..${text.slice(text.length - (MAX_LENGTH - 2 - head))}`;
}

/** Text from a router for people: one line, no control characters, not too long. */
export function printable(text: string, maxLength = 80): string {
  const line = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}
