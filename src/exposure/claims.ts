/** Which Services want which address. An address has one owner however many share it, so it is kept by address. */
import type { Ip } from '../model/ip.ts';
import type { ServiceKey } from '../model/kubernetes.ts';

export interface Claim {
  /** The first one leads: the others go where it is. */
  readonly ips: readonly Ip[];
  /** Nodes that may serve this Service; undefined: any. */
  readonly nodes?: readonly string[];
  /** Interface by name; undefined: the one whose subnet holds the address. */
  readonly link?: string;
  /** What to do when another machine claims an address; undefined: as for all. */
  readonly onConflict?: 'defend' | 'yield';
  /** The Service goes: things are undone, and the address is not served anew. */
  readonly ending?: true;
}

/** What an agent must know of an address to serve it when it cannot ask for its Services. */
export interface ClaimedAddress {
  readonly ip: Ip;
  /** Nodes that may own it; undefined: any. */
  readonly nodes?: readonly string[];
  readonly link?: string;
  /** The address whose owner is to own this one as well. */
  readonly leader?: Ip;
}

export class Claims {
  readonly #byService = new Map<ServiceKey, Claim>();
  readonly #byIp = new Map<Ip, Set<ServiceKey>>();

  /** @returns the addresses that nobody claims any more. */
  set(service: ServiceKey, claim: Claim | undefined): Ip[] {
    const before = this.#byService.get(service)?.ips ?? [];
    for (const ip of before) this.#byIp.get(ip)?.delete(service);
    if (claim) this.#byService.set(service, claim);
    else this.#byService.delete(service);
    for (const ip of claim?.ips ?? []) this.#byIp.set(ip, (this.#byIp.get(ip) ?? new Set()).add(service));
    const free = before.filter((ip) => this.#byIp.get(ip)?.size === 0);
    for (const ip of free) this.#byIp.delete(ip);
    return free;
  }

  claimants(ip: Ip): ServiceKey[] {
    return [...(this.#byIp.get(ip) ?? [])];
  }

  /** Nodes of `live` that may serve every Service on the address. */
  eligible(ip: Ip, live: readonly string[]): string[] {
    const limits = this.#claimsOn(ip).map(({ nodes }) => nodes);
    return live.filter((node) => limits.every((nodes) => nodes === undefined || nodes.includes(node)));
  }

  /**
   * The address whose owner is to own `ip` as well, so that both families of a Service stand on one node, which opens
   * its router ports and publishes its name. Undefined for an address that leads, or is wanted with different leaders.
   */
  leaderOf(ip: Ip): Ip | undefined {
    const leaders = new Set(this.#claimsOn(ip).map(({ ips }) => ips[0]));
    const [leader] = leaders;
    return leaders.size === 1 && leader !== ip ? leader : undefined;
  }

  linkOf(ip: Ip): string | undefined {
    return this.#claimsOn(ip).find(({ link }) => link !== undefined)?.link;
  }

  /** Whether a Service wants the address that does not go. */
  isServed(ip: Ip): boolean {
    return this.#claimsOn(ip).some(({ ending }) => ending !== true);
  }

  policyOf(ip: Ip): Claim['onConflict'] {
    return this.#claimsOn(ip).find(({ onConflict }) => onConflict !== undefined)?.onConflict;
  }

  all(): ClaimedAddress[] {
    const served = [...this.#byIp.keys()].filter((ip) => this.isServed(ip));
    return served.map((ip) => {
      const limits = this.#claimsOn(ip).flatMap(({ nodes }) => (nodes ? [nodes] : []));
      const [first, ...others] = limits;
      const nodes = first?.filter((node) => others.every((limit) => limit.includes(node)));
      const link = this.linkOf(ip);
      const leader = this.leaderOf(ip);
      return {
        ip,
        ...(nodes === undefined ? {} : { nodes }),
        ...(link === undefined ? {} : { link }),
        ...(leader === undefined ? {} : { leader }),
      };
    });
  }

  services(): ServiceKey[] {
    return [...this.#byService.keys()];
  }

  #claimsOn(ip: Ip): Claim[] {
    return this.claimants(ip).flatMap((service) => this.#byService.get(service) ?? []);
  }
}
