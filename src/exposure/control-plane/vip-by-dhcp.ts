/**
 * The address of the VIP by DHCP (`vip_ddns`): the server gets the first label of the VIP's DNS name as host name and enters
 * it into its DNS. Every control plane is the same client to it, so all of them are told the same address and any of them goes
 * on with the lease; none gives it back, since others may have the VIP.
 */
import { pending, ready, type Decision } from '../../model/decision.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Link } from '../../model/wire.ts';
import type { DhcpLease, DhcpLeases, DhcpRequest } from '../address/port.ts';
import type { VipAddresses } from './vip-addresses.ts';

export interface VipByDhcpOptions {
  /** The DNS name of the VIP. */
  readonly name: string;
  /** Told to the server. */
  readonly hostname: string;
  /** Of the address that is leased. */
  readonly family: Family;
  /** Interface by name; undefined: the one with the default route. */
  readonly link: string | undefined;
  readonly links: () => readonly Link[];
  /** Without a check of offers: what the server offers stands on another control plane most of the time. */
  readonly leases: Pick<DhcpLeases, 'acquire' | 'keep' | 'abandon' | 'onChange'> & { close(): void };
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** Not a Service, but leased to like one. */
const KEY: ServiceKey = 'kube-system/kubevip-control-plane';
/** The interface may not be there yet. */
const AGAIN: Milliseconds = 3000;

export class VipByDhcp implements VipAddresses {
  readonly former = [];
  readonly #options: VipByDhcpOptions;
  #current: Decision<readonly Ip[]>;
  #lease: DhcpLease | undefined;
  /** What has been asked about anew because another control plane had told of it. */
  #doubted = '';
  /** Until the answer to that, what was true is the best guess. */
  #asksAnew: Ip | undefined;
  #timer: Timer | undefined;
  #unsubscribe = (): void => undefined;

  constructor(options: VipByDhcpOptions) {
    this.#options = options;
    this.#current = pending('DhcpDiscovering', `${options.name} has not been asked for by DHCP yet`);
  }

  get current(): Decision<readonly Ip[]> {
    return this.#current;
  }

  start(): void {
    this.#unsubscribe = this.#options.leases.onChange(() => this.#ask());
    this.#round();
  }

  stop(): void {
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#options.leases.close();
  }

  /** Another control plane, which has the VIP, says that these are its addresses: if not so here, the server knows. */
  told(all: readonly Ip[]): void {
    const lease = this.#lease;
    const addresses = all.filter((ip) => familyOf(ip) === this.#options.family);
    const told = addresses.join();
    if (lease === undefined || told === '' || addresses.includes(lease.ip) || told === this.#doubted) return;
    this.#doubted = told;
    this.#asksAnew = lease.ip;
    this.#lease = undefined;
    this.#options.leases.abandon(KEY, lease);
    this.#ask();
  }

  #round(): void {
    this.#ask();
    this.#timer = this.#options.clock.after(AGAIN, () => this.#round());
  }

  #ask(): void {
    const { name, link, leases } = this.#options;
    const on = this.#link();
    if (!on) {
      const where = link ?? 'with a default route; name one in vip_interface';
      // What is leased stays so while its interface is away.
      if (!this.#lease)
        this.#say(pending('NoLink', `${name} has no address by DHCP: this node has no interface ${where}`));
      return;
    }
    const request = this.#request(on.name);
    const kept = this.#lease && leases.keep(request, this.#lease);
    if (kept && isLost(kept)) this.#lease = undefined;
    const decision = kept && !isLost(kept) ? kept : leases.acquire(request);
    if (decision.state === 'ready') {
      const isNew = this.#lease === undefined;
      this.#lease = decision.value;
      this.#asksAnew = undefined;
      const { ip, server } = decision.value;
      this.#say(ready([ip], 'Leased', `${name} is ${ip}, by DHCP from ${server}`));
      // From now on it is renewed.
      if (isNew) leases.keep(request, decision.value);
      return;
    }
    if (this.#asksAnew !== undefined) return;
    const without = this.#options.family === 4 ? 'no address' : 'no IPv6 address';
    this.#say(pending(decision.reason, `${name} has ${without}: ${explain(decision, on.name, this.#options.family)}`));
  }

  #link(): Link | undefined {
    const { link, links, family } = this.#options;
    if (link !== undefined) return links().find(({ name }) => name === link);
    const routed = links().find(({ gateway }) => gateway.v4 !== undefined);
    return routed ?? (family === 6 ? links().find(({ gateway }) => gateway.v6 !== undefined) : undefined);
  }

  #request(link: string): DhcpRequest {
    const { name, hostname } = this.#options;
    return {
      service: KEY,
      // The same on every node, and known before there is an API server.
      uid: `control-plane ${name}`,
      hostname,
      link,
      // Answers to the address itself come to its owner alone, which is another node most of the time.
      standby: true,
      ...(this.#asksAnew === undefined ? {} : { requested: this.#asksAnew }),
    };
  }

  #say(decision: Decision<readonly Ip[]>): void {
    const before = this.#current;
    this.#current = decision;
    if (before.reason !== decision.reason || before.message !== decision.message) this.#options.onChange();
  }
}

function isLost({ state, reason }: Decision<DhcpLease>): boolean {
  return state === 'failed' && reason === 'LeaseLost';
}

function explain({ reason, message }: Decision<DhcpLease>, link: string, family: Family): string {
  const by = family === 4 ? 'DHCP' : 'DHCPv6';
  if (reason !== 'NoDhcpServer') return message;
  return `no ${by} server has answered on ${link}: check that the router’s ${by} server is on and has free addresses, and that this is the right interface (vip_interface); asking on`;
}
