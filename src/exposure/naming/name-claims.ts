/**
 * Which Service has which name. Every agent sees every Service, so all of them come to the same answer without
 * asking each other, and the LAN is never told the same name by two of our nodes: whoever has published a name
 * keeps it, else it is the older Service's, by creation time and then by uid.
 */
import { KEY } from '../../model/annotations.ts';
import { failed, type NotReady } from '../../model/decision.ts';
import { keyOf, type Service, type ServiceKey } from '../../model/kubernetes.ts';
import { foldName, sameName } from '../../protocols/mdns/name.ts';
import { attemptOf, renamedHost } from '../../protocols/mdns/rename.ts';
import type { Intent } from '../intent/port.ts';

export interface NameClaim {
  readonly service: ServiceKey;
  /** Hosts asked for, and those of them, or renamings of them (`web-2.local`), that are in use. */
  readonly asked: readonly string[];
  readonly published: readonly string[];
  /** RFC 3339; an unknown age is the youngest. */
  readonly created: string;
  readonly uid: string;
}

export class NameClaims {
  readonly #byService = new Map<ServiceKey, NameClaim>();
  readonly #byHost = new Map<string, Set<ServiceKey>>();

  /**
   * Takes in what a Service claims now; undefined: nothing (any more).
   * @returns other Services that want one of the names too, if anything changed: they may stand differently now.
   */
  set(service: ServiceKey, claim: NameClaim | undefined): ServiceKey[] {
    const before = this.#byService.get(service);
    if (JSON.stringify(before) === JSON.stringify(claim)) return [];
    const affected = [...hostsOf(before), ...hostsOf(claim)].flatMap((host) => [...(this.#byHost.get(host) ?? [])]);
    for (const host of hostsOf(before)) this.#remove(host, service);
    if (claim) this.#byService.set(service, claim);
    else this.#byService.delete(service);
    for (const host of hostsOf(claim)) this.#byHost.set(host, (this.#byHost.get(host) ?? new Set()).add(service));
    return [...new Set(affected)].filter((other) => other !== service);
  }

  /** Why the Service may not publish the names it asks for: one of them is another's. */
  refusal(service: ServiceKey): NotReady | undefined {
    for (const host of this.#byService.get(service)?.asked ?? []) {
      const holder = this.#holder(host);
      if (holder === undefined || holder === service) continue;
      return failed('NameTaken', `${host} belongs to Service ${holder}, which had it first; choose another name`);
    }
    return undefined;
  }

  #holder(host: string): ServiceKey | undefined {
    const claims = [...(this.#byHost.get(foldName(host)) ?? [])].flatMap((key) => this.#byService.get(key) ?? []);
    return claims.toSorted((a, b) => rank(a, host) - rank(b, host) || byAge(a, b))[0]?.service;
  }

  #remove(host: string, service: ServiceKey): void {
    const services = this.#byHost.get(host);
    services?.delete(service);
    if (services?.size === 0) this.#byHost.delete(host);
  }
}

/** Undefined when no name is asked for, or none that can be had. */
export function nameClaimOf(service: Service, { name }: Pick<Intent, 'name'>): NameClaim | undefined {
  if (!name || 'state' in name) return undefined;
  const { annotations, creationTimestamp = '9999', uid = '' } = service.metadata;
  const published = (annotations?.[KEY.publishedNames] ?? '').split(',').filter((one) =>
    // What it asked for before is not its own any more.
    name.hosts.some((host) => attemptOf(one, (attempt) => renamedHost(host, attempt)) !== undefined),
  );
  return { service: keyOf(service), asked: name.hosts, published, created: creationTimestamp, uid };
}

function hostsOf(claim: NameClaim | undefined): Set<string> {
  return new Set([...(claim?.asked ?? []), ...(claim?.published ?? [])].map(foldName));
}

function rank({ published }: NameClaim, host: string): number {
  return published.some((name) => sameName(name, host)) ? 0 : 1;
}

function byAge(a: NameClaim, b: NameClaim): number {
  return compare(a.created, b.created) || compare(a.uid, b.uid) || compare(a.service, b.service);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
