/** What the router's own pages show for a mapping. */
import type { ServiceKey } from '../../model/kubernetes.ts';

/** Longer ones are cut or refused by some routers. */
const MAX_LENGTH = 64;

/** So many digits of a UID tell Services, and clusters, apart. */
const DIGITS = 8;

/** Whose a mapping is, as its description says. */
export interface MappingOwner {
  /** UID of the Service, cut. */
  readonly uid: string;
  /** UID of the cluster, cut. */
  readonly cluster: string;
}

/** The way UIDs stand in a description. */
export function shortUid(uid: string): string {
  return uid.slice(0, DIGITS).toLowerCase();
}

/**
 * `kubevip/NAMESPACE/NAME`, and where the cluster is known `/UID.CLUSTER`, by which a mapping is known for ours when its
 * Service is gone. In letters, digits, `.`, `_`, `/` and `-`: routers give back anything else mangled. Too long a name is
 * cut in the middle, where names differ least.
 */
export function mappingDescription(service: ServiceKey, owner?: MappingOwner): string {
  const end = owner ? `/${shortUid(owner.uid)}.${shortUid(owner.cluster)}` : '';
  const text = `kubevip/${service}`.replaceAll(/[^A-Za-z0-9/._-]/g, '_');
  const room = MAX_LENGTH - end.length;
  if (text.length <= room) return text + end;
  const head = Math.floor((room - 2) / 2);
  return `${text.slice(0, head)}..${text.slice(text.length - (room - 2 - head))}${end}`;
}

/** Undefined for a description that is not ours, or does not say whose it is. */
export function ownerOfMapping(description: string): MappingOwner | undefined {
  const [, uid, cluster] = /^kubevip\/.*\/([0-9a-f]{8})\.([0-9a-f]{8})$/.exec(description) ?? [];
  return uid === undefined || cluster === undefined ? undefined : { uid, cluster };
}

/** Text from a router for people: one line, no control characters, not too long. */
export function printable(text: string, maxLength = 80): string {
  const line = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}
