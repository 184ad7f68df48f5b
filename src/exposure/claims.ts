/** Which Services want which address. An address has one owner however many share it, so it is kept by address. */
import type { Ip } from '../model/ip.ts';
import type { ServiceKey } from '../model/kubernetes.ts';

export interface Claim {
  readonly ips: readonly Ip[];
  /** Nodes that may serve this Service; undefined: any. */
  readonly nodes?: readonly string[];
}

export class Claims {
  readonly #byService = new Map<ServiceKey, Claim>();

  /** @returns the addresses that nobody claims any more. */
  set(service: ServiceKey, claim: Claim | undefined): Ip[] {
    const before = this.#byService.get(service)?.ips ?? [];
    if (claim) this.#byService.set(service, claim);
    else this.#byService.delete(service);
    return before.filter((ip) => this.claimants(ip).length === 0);
  }

  claimants(ip: Ip): ServiceKey[] {
    return [...this.#byService].filter(([, claim]) => claim.ips.includes(ip)).map(([service]) => service);
  }

  /** Nodes of `live` that may serve every Service on the address. */
  eligible(ip: Ip, live: readonly string[]): string[] {
    const limits = [...this.#byService.values()].filter((claim) => claim.ips.includes(ip)).map((claim) => claim.nodes);
    return live.filter((node) => limits.every((nodes) => nodes === undefined || nodes.includes(node)));
  }

  services(): ServiceKey[] {
    return [...this.#byService.keys()];
  }
}
