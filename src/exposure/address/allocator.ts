/**
 * Gives addresses to Services. Runs on one agent at a time (under a Lease); a ledger in memory bridges the
 * moment between a decision and its arrival on the Service, everything else is read from the cluster.
 */
import { failed, pending, ready, type Decision, type NotReady } from '../../model/decision.ts';
import type { Family, Ip } from '../../model/ip.ts';
import type { Service, ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import type { AddressRequest, Intent } from '../intent/port.ts';
import { candidates, poolContains } from './candidates.ts';
import { linkFor, subnetsOf } from './subnets.ts';
import { addressesInUse, canShare, type Use } from './in-use.ts';
import { poolFor, type Pool, type PoolConfig } from './pools.ts';
import type { AddressProber, AssignedAddress, DhcpLeases } from './port.ts';
import { VerifiedAddresses } from './verified.ts';

/** A decision that has not arrived on its Service by then was never written. */
const RESERVED_FOR: Milliseconds = 30_000;
/** How many free addresses of a pool are kept verified. */
const WARM = 4;

export interface AllocatorParts {
  readonly network: Pick<Network, 'links'>;
  readonly prober: AddressProber;
  readonly leases: DhcpLeases;
  readonly clock: Clock;
  /** Every Service of the cluster. */
  readonly services: () => Iterable<Service>;
  readonly pools: () => PoolConfig;
  /** `vip_servicesinterface` or `vip_interface`: where DHCP is spoken and unplaced addresses are probed. */
  readonly defaultLink: () => string | undefined;
  /** A probe has ended: Services that wait may be looked at again. */
  readonly changed: () => void;
}

export class Allocator {
  readonly #parts: AllocatorParts;
  readonly #verified: VerifiedAddresses;
  readonly #reserved = new Map<
    ServiceKey,
    { readonly ips: readonly Ip[]; readonly use: Use; readonly until: Milliseconds }
  >();

  constructor(parts: AllocatorParts) {
    this.#parts = parts;
    this.#verified = new VerifiedAddresses(parts.prober, parts.clock, () => parts.changed());
  }

  /** The address for a Service that has none or asks for another. Never blocks; `pending` calls back. */
  allocate(intent: Intent): Decision<AssignedAddress> {
    const wanted = intent.address;
    if ('state' in wanted) return wanted;
    switch (wanted.kind) {
      case 'explicit':
        return this.#explicit(intent, wanted.addresses);
      case 'dhcp':
        return this.#dhcp(intent, wanted);
      case 'pool':
        return this.#fromPool(intent, wanted.pool);
    }
  }

  /** The Service is gone or carries its address: the ledger's line is no longer needed. */
  settled(service: ServiceKey): void {
    this.#reserved.delete(service);
  }

  /** Called now and then by the leading agent. */
  keepWarm(): void {
    const uses = this.#uses();
    for (const pool of this.#parts.pools().pools.values()) {
      if (!pool.dhcp) this.#warm(pool, uses);
    }
  }

  #explicit(intent: Intent, ips: readonly Ip[]): Decision<AssignedAddress> {
    const uses = this.#uses(intent.service);
    const ports = intent.ports.map(({ port }) => port);
    for (const ip of ips) {
      const users = uses.get(ip) ?? [];
      if (users.length > 0 && !canShare(ports, users)) {
        return failed(
          'AddressInUse',
          `${ip} belongs to Service ${users.map(({ service }) => service).join(', ')}, with ports in common`,
        );
      }
      if (users.length > 0) continue;
      const verdict = this.#verify(ip, intent.link);
      if (verdict) return verdict;
    }
    return this.#give(intent, { ips, source: 'explicit' });
  }

  #dhcp(intent: Intent, wanted: Omit<Extract<AddressRequest, { kind: 'dhcp' }>, 'kind'>): Decision<AssignedAddress> {
    const link = this.#dhcpLink(intent);
    if (link === undefined) {
      return failed(
        'NoLink',
        'no interface to speak DHCP on: none has a default route; set vip_interface or annotate the Service with the interface',
      );
    }
    const { hostname, requested, mac } = wanted;
    const lease = this.#parts.leases.acquire({
      service: intent.service,
      uid: intent.uid,
      hostname,
      link,
      ...(requested === undefined ? {} : { requested }),
      ...(mac === undefined ? {} : { mac }),
    });
    if (lease.state !== 'ready') return lease;
    const other = this.#uses(intent.service).get(lease.value.ip)?.[0];
    if (other)
      return failed(
        'AddressInUse',
        `the DHCP server gave ${lease.value.ip}, which belongs to Service ${other.service}: its range overlaps a pool`,
      );
    return this.#give(intent, { ips: [lease.value.ip], source: 'dhcp', link, lease: lease.value });
  }

  #fromPool(intent: Intent, named: string | undefined): Decision<AssignedAddress> {
    const config = this.#parts.pools();
    const namespace = intent.service.split('/')[0] ?? '';
    const pool = poolFor(config, namespace, named);
    if (pool === undefined) return noPool(config, namespace, named);
    if (pool.dhcp) {
      return this.#dhcp(intent, { hostname: intent.service.split('/')[1] ?? '' });
    }
    const uses = this.#uses(intent.service);
    const link = intent.link ?? config.interfaceFor(namespace);
    const ips: Ip[] = [];
    for (const family of intent.families) {
      const found = this.#pick({ ...intent, ...(link === undefined ? {} : { link }) }, pool, family, uses, config);
      if (typeof found !== 'string') return found;
      ips.push(found);
    }
    this.#warm(pool, uses);
    return this.#give(intent, { ips, source: 'pool', pool: pool.key, ...(link === undefined ? {} : { link }) });
  }

  #pick(intent: Intent, pool: Pool, family: Family, uses: Map<Ip, Use[]>, config: PoolConfig): Ip | NotReady {
    const ports = intent.ports.map(({ port }) => port);
    const namespace = intent.service.split('/')[0] ?? '';
    if (family === 4 && config.allowsSharing(namespace)) {
      const shared = [...uses].find(([ip, users]) => poolContains(pool, ip) && canShare(ports, users));
      if (shared) return shared[0];
    }
    const strangers: string[] = [];
    for (const ip of candidates(pool, family, config.descending)) {
      if (uses.has(ip)) continue;
      const verdict = this.#verify(ip, intent.link);
      if (verdict === undefined) return ip;
      if (verdict.reason !== 'AddressConflict') return verdict;
      strangers.push(ip);
    }
    const taken =
      strangers.length > 0 ? `; answered by other hosts on the LAN: ${strangers.slice(0, 5).join(', ')}` : '';
    return failed('PoolExhausted', `pool ${pool.key} has no free IPv${family} address left${taken}`);
  }

  /** Undefined: the address is free. */
  #verify(ip: Ip, wantedLink: string | undefined): NotReady | undefined {
    const own = this.#parts.network
      .links()
      .find(({ addresses }) => addresses.some((address) => address.ip === ip && !this.#isOurs(ip)));
    if (own) return failed('AddressConflict', `${ip} is an address of this node (${own.name})`);
    const link = wantedLink ?? linkFor(this.#parts.network.links(), ip);
    if (link === undefined)
      return failed(
        'NoLink',
        `${ip} is in no subnet of this node's interfaces (${subnetsOf(this.#parts.network.links())}), so the LAN could not reach it`,
      );
    const known = this.#verified.look(ip, link);
    switch (known.state) {
      case 'free':
        return undefined;
      case 'taken':
        return failed('AddressConflict', `${ip} is in use on the LAN by ${known.mac}`);
      case 'unprobed':
        return pending('Probing', `asking the LAN whether ${ip} is free`);
      case 'broken':
        return failed('ProbeFailed', `cannot ask the LAN whether ${ip} is free: ${known.message}`);
    }
  }

  /** An address on our interface that a Service already had is not a conflict. */
  #isOurs(ip: Ip): boolean {
    return addressesInUse(this.#parts.services()).has(ip);
  }

  #dhcpLink(intent: Intent): string | undefined {
    const namespace = intent.service.split('/')[0] ?? '';
    const links = this.#parts.network.links();
    return (
      intent.link ??
      this.#parts.pools().interfaceFor(namespace) ??
      this.#parts.defaultLink() ??
      links.find((link) => link.gateway.v4 !== undefined)?.name
    );
  }

  #warm(pool: Pool, uses: Map<Ip, Use[]>): void {
    let warm = 0;
    for (const ip of candidates(pool, 4, this.#parts.pools().descending)) {
      if (warm >= WARM) return;
      if (uses.has(ip)) continue;
      const link = linkFor(this.#parts.network.links(), ip);
      if (link === undefined) return;
      this.#verified.keepWarm(ip, link);
      warm++;
    }
  }

  #uses(except?: ServiceKey): Map<Ip, Use[]> {
    const others = (use: Use): boolean => use.service !== except;
    const uses = addressesInUse(this.#parts.services());
    for (const [ip, users] of uses) {
      const left = users.filter(others);
      if (left.length === 0) uses.delete(ip);
      else uses.set(ip, left);
    }
    for (const [service, { ips, use, until }] of this.#reserved) {
      if (until <= this.#parts.clock.now()) this.#reserved.delete(service);
      else if (service !== except) for (const ip of ips) uses.set(ip, [...(uses.get(ip) ?? []), use]);
    }
    return uses;
  }

  #give(intent: Intent, assigned: AssignedAddress): Decision<AssignedAddress> {
    const use = { service: intent.service, ports: intent.ports.map(({ port }) => port) };
    this.#reserved.set(intent.service, { ips: assigned.ips, use, until: this.#parts.clock.now() + RESERVED_FOR });
    for (const ip of assigned.ips) this.#verified.forget(ip);
    return ready(assigned, 'AddressAssigned', describeAssigned(assigned));
  }
}

export function describeAssigned(assigned: AssignedAddress): string {
  const ips = assigned.ips.join(', ');
  if (assigned.source === 'pool') return `${ips} from pool ${assigned.pool ?? '?'}`;
  if (assigned.source === 'dhcp') return `${ips} by DHCP from ${assigned.lease?.server ?? '?'}`;
  return `${ips} as asked for`;
}

function noPool(config: PoolConfig, namespace: string, named: string | undefined): NotReady {
  const keys =
    named === undefined
      ? `cidr-${namespace}, cidr-global, range-${namespace} or range-global`
      : `cidr-${named} or range-${named}`;
  const bad = config.problems.find(({ key }) => keys.split(/, | or /).includes(key));
  if (bad) return failed('PoolInvalid', `ConfigMap kubevip, key ${bad.key}: ${bad.message}`);
  return failed(
    'NoPool',
    `ConfigMap kubevip in kube-system has none of ${keys}; or ask for DHCP with kube-vip.io/loadbalancerIPs: 0.0.0.0`,
  );
}
