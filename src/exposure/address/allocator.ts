/**
 * Gives addresses to Services. Runs on one agent at a time (under a Lease); a ledger in memory bridges the
 * moment between a decision and its arrival on the Service, everything else is read from the cluster.
 */
import { failed, pending, ready, type Decision, type NotReady } from '../../model/decision.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import { namespaceOf, type Service, type ServiceKey } from '../../model/kubernetes.ts';
import type { Clock } from '../../model/time.ts';
import type { Network } from '../../model/wire.ts';
import type { AddressRequest, Intent } from '../intent/port.ts';
import { checkAddress } from './address-check.ts';
import { describeAssigned } from './assigned.ts';
import { candidates, poolContains } from './candidates.ts';
import { canShare } from './in-use.ts';
import { leaseOf, leasesOf } from './leased.ts';
import { Ledger, type Uses } from './ledger.ts';
import { ProbeTurns } from './probe-turns.ts';
import { satisfies } from './satisfies.ts';
import { NamedAddresses } from './named.ts';
import { noFamily, noPool } from './pool-refusals.ts';
import { linkFor } from './subnets.ts';
import { offers, poolFor, type Pool, type PoolConfig } from './pools.ts';
import type { AddressProber, AssignedAddress, DhcpLease, LeasesByFamily, LookUp } from './port.ts';
import { VerifiedAddresses } from './verified.ts';

const OTHERS_FIRST = pending('Probing', 'the LAN is being asked about the addresses of other Services');
/** How many free addresses of a pool are kept verified. */
const WARM = 4;

export interface AllocatorParts {
  readonly network: Pick<Network, 'links'>;
  readonly prober: AddressProber;
  /** Addresses are announced to routers, and need lie in no subnet of this node. */
  readonly routed?: boolean;
  readonly leases: LeasesByFamily;
  readonly lookUp: LookUp;
  readonly clock: Clock;
  /** Every Service of the cluster. */
  readonly services: () => readonly Service[];
  readonly pools: () => PoolConfig;
  /** `vip_servicesinterface` or `vip_interface`: where DHCP is spoken and unplaced addresses are probed. */
  readonly defaultLink: () => string | undefined;
  /** A probe has ended: these Services are to be looked at again; without any named all that wait. */
  readonly changed: (services?: readonly ServiceKey[]) => void;
}

export class Allocator {
  readonly #parts: AllocatorParts;
  readonly #verified: VerifiedAddresses;
  readonly #ledger: Ledger;
  readonly #turns = new ProbeTurns();
  readonly #named: NamedAddresses;
  /** Why Services do not have what their names lead to now, by Service. */
  readonly #notFollowed = new Map<ServiceKey, string>();

  constructor(parts: AllocatorParts) {
    this.#parts = parts;
    this.#ledger = new Ledger(parts.clock, parts.services);
    this.#verified = new VerifiedAddresses(parts.prober, parts.clock, (ip) => this.#probed(ip));
    this.#named = new NamedAddresses({ lookUp: parts.lookUp, clock: parts.clock, changed: parts.changed });
  }

  /**
   * The addresses for a Service that has none, asks for others, or lacks those of a family. Never blocks; `pending`
   * calls back.
   * @param current what it has: kept as far as it is still wanted.
   */
  allocate(intent: Intent, current?: AssignedAddress): Decision<AssignedAddress> {
    const wanted = intent.address;
    if ('state' in wanted) return wanted;
    // Verified when it was given, and not free for a second look since.
    const given = this.#ledger.given(intent.service);
    const now = this.resolved(intent, current);
    if (given && leasesOf(given.value).length === 0 && satisfies(intent, given.value, this.#parts.pools(), now))
      return given;
    switch (wanted.kind) {
      case 'explicit':
        return this.#explicit(intent, { ips: wanted.addresses }, current);
      case 'name': {
        const named = this.#named.of({ ...intent, names: wanted.names }, current?.ips);
        if (named.state !== 'ready') return named;
        const given = this.#explicit(intent, { ips: named.value, name: wanted.names.join() }, current);
        if (given.state === 'failed' && current)
          this.#notFollowed.set(intent.service, `${named.message}: ${given.message}`);
        return given;
      }
      case 'dhcp':
        return this.#dhcp(intent, wanted, current);
      case 'pool':
        return this.#fromPool(intent, wanted.pool, current);
    }
  }

  /** Why the Service keeps an address that its names lead to no more: its owner, who speaks for it, does not know. */
  notFollowed(service: ServiceKey): string | undefined {
    return this.#notFollowed.get(service);
  }

  /** What the names lead to that the Service asks for; undefined: it asks for none, or they lead nowhere yet. */
  resolved(intent: Intent, current?: AssignedAddress): readonly Ip[] | undefined {
    const wanted = intent.address;
    if ('state' in wanted || wanted.kind !== 'name') return undefined;
    const named = this.#named.of({ ...intent, names: wanted.names }, current?.ips);
    return named.state === 'ready' ? named.value : undefined;
  }

  /** The Service is gone or carries its address: the ledger's line is no longer needed. */
  settled(service: ServiceKey): void {
    this.#ledger.settled(service);
    this.#turns.forget(service);
    this.#notFollowed.delete(service);
  }

  /** A Service lost these addresses: they may be given out again as soon as their last owner has let go. */
  freed(ips: readonly Ip[]): void {
    for (const ip of ips) this.#verified.freed(ip);
  }

  /** Called now and then by the leading agent. */
  keepWarm(): void {
    const uses = this.#ledger.uses();
    for (const pool of this.#parts.pools().pools.values()) {
      if (!pool.dhcp) this.#warm(pool, uses);
    }
  }

  #explicit(
    intent: Intent,
    wanted: Pick<AssignedAddress, 'ips' | 'name'>,
    current: AssignedAddress | undefined,
  ): Decision<AssignedAddress> {
    for (const ip of wanted.ips) {
      // Its own owner answers for what it has already.
      const verdict = current?.ips.includes(ip) === true ? undefined : this.#mayHave(intent, ip);
      if (verdict) return verdict;
    }
    return this.#give(intent, { ...wanted, source: 'explicit' });
  }

  /** Why the Service cannot have this very address; undefined: it can. */
  #mayHave(intent: Intent, ip: Ip): NotReady | undefined {
    const users = this.#ledger.uses(intent.service).of(ip);
    if (users.length === 0) {
      const verdict = this.#verify(ip, intent.link);
      if (verdict?.state === 'pending') this.#turns.wait(intent.service);
      return verdict;
    }
    const ports = intent.ports.map(({ port }) => port);
    return canShare(ports, users)
      ? undefined
      : failed(
          'AddressInUse',
          `${ip} belongs to Service ${users.map(({ service }) => service).join(', ')}, with ports in common`,
        );
  }

  #dhcp(intent: Intent, wanted: DhcpWish, current: AssignedAddress | undefined): Decision<AssignedAddress> {
    const link = current?.link ?? this.#dhcpLink(intent, wanted.leased);
    if (link === undefined) {
      return failed(
        'NoLink',
        'no interface to speak DHCP on: none has a default route; set vip_interface or annotate the Service with the interface',
      );
    }
    // Of both at once, so that neither waits for the other. The owner keeps a lease up; it is not acquired twice.
    const asked = wanted.leased.map((family) => {
      const carried = leaseOf(current, family);
      return carried ? ready(carried, '', '') : this.#acquire(intent, wanted, family, link);
    });
    const leases = asked.flatMap((lease) => (lease.state === 'ready' ? [lease.value] : []));
    const missing = asked.find(({ state }) => state === 'pending') ?? asked.find(({ state }) => state !== 'ready');
    const lacks = missing?.state === 'ready' ? undefined : missing;
    // A family that nobody leases costs the other one nothing, unless the Service needs both.
    const does = leases.length > leasesOf(current).length && lacks?.state === 'failed' && !intent.needsEveryFamily;
    if (lacks && !does) return lacks;
    for (const { ip } of leases) {
      const other = this.#ledger.uses(intent.service).of(ip)[0];
      if (other)
        return failed(
          'AddressInUse',
          `the DHCP server gave ${ip}, which belongs to Service ${other.service}: its range overlaps a pool`,
        );
    }
    const beside = this.#beside(intent, wanted, current);
    if ('state' in beside) return beside;
    const [lease, lease6] = ([4, 6] as const).map((family) => leases.find(({ ip }) => familyOf(ip) === family));
    const assigned: AssignedAddress = {
      ips: [...leases.map(({ ip }) => ip), ...beside.ips],
      source: 'dhcp',
      link,
      ...(lease ? { lease } : {}),
      ...(lease6 ? { lease6 } : {}),
      ...(beside.pool === undefined ? {} : { pool: beside.pool }),
    };
    return this.#give(intent, assigned, lacks ?? beside.lacks);
  }

  #acquire(intent: Intent, wanted: DhcpWish, family: Family, link: string): Decision<DhcpLease> {
    const requested = family === 4 ? wanted.requested : wanted.requested6;
    const { hostname, mac } = wanted;
    return this.#parts.leases[family].acquire({
      service: intent.service,
      uid: intent.uid,
      hostname,
      link,
      ...(requested === undefined ? {} : { requested }),
      ...(mac === undefined ? {} : { mac }),
    });
  }

  /** The address of the family that is not leased, where there is one: the one asked for, or one from the pool. */
  #beside(intent: Intent, { beside, leased }: DhcpWish, current: AssignedAddress | undefined): Choice | NotReady {
    if (beside !== undefined) {
      const verdict = current?.ips.includes(beside) === true ? undefined : this.#mayHave(intent, beside);
      return verdict ?? { ips: [beside] };
    }
    const family = intent.families.find((one) => !leased.includes(one));
    if (family === undefined) return { ips: [] };
    const pool = poolFor(this.#parts.pools(), namespaceOf(intent.service));
    if (pool && offers(pool, family)) return this.#choose({ ...intent, families: [family] }, pool, current, true);
    return intent.needsEveryFamily ? noFamily(pool, family, namespaceOf(intent.service)) : { ips: [] };
  }

  #fromPool(
    intent: Intent,
    named: string | undefined,
    current: AssignedAddress | undefined,
  ): Decision<AssignedAddress> {
    const config = this.#parts.pools();
    const namespace = namespaceOf(intent.service);
    const pool = poolFor(config, namespace, named);
    if (pool === undefined) return noPool(config, namespace, named);
    if (pool.dhcp)
      return this.#dhcp(intent, { hostname: intent.service.split('/')[1] ?? '', leased: [4] }, ofDhcp(current));
    const link = intent.link ?? config.interfaceFor(namespace);
    const placed = link === undefined ? {} : { link };
    const kept = current?.source === 'pool' ? current : undefined;
    const choice = this.#choose({ ...intent, ...placed }, pool, kept, false);
    if ('state' in choice) return choice;
    this.#warm(pool, this.#ledger.uses(intent.service));
    return this.#give(intent, { ips: choice.ips, source: 'pool', pool: pool.key, ...placed }, choice.lacks);
  }

  /**
   * An address of each family of the Service, kept or picked. Unless it needs every family, it does without those that
   * the pool cannot give.
   * @param optional none at all will do, too.
   */
  #choose(intent: Intent, pool: Pool, current: AssignedAddress | undefined, optional: boolean): Choice | NotReady {
    const ips: Ip[] = [];
    let lacks: NotReady | undefined;
    for (const family of intent.families) {
      const kept = current?.ips.find((ip) => familyOf(ip) === family);
      const found = kept ?? this.#pick(intent, pool, family);
      if (typeof found === 'string') ips.push(found);
      else if (found.state === 'pending') return found;
      else lacks ??= found;
    }
    if (lacks && (intent.needsEveryFamily || (ips.length === 0 && !optional))) return lacks;
    return { ips, pool: pool.key, ...(lacks ? { lacks } : {}) };
  }

  #pick(intent: Intent, pool: Pool, family: Family): Ip | NotReady {
    const config = this.#parts.pools();
    const namespace = namespaceOf(intent.service);
    if (!offers(pool, family)) return noFamily(pool, family, namespace);
    const uses = this.#ledger.uses(intent.service);
    const ports = intent.ports.map(({ port }) => port);
    if (family === 4 && config.allowsSharing(namespace)) {
      const shared = [...uses.addresses()].find((ip) => poolContains(pool, ip) && canShare(ports, uses.of(ip)));
      if (shared !== undefined) return shared;
    }
    const strangers: string[] = [];
    let later: NotReady | undefined;
    for (const ip of candidates(pool, family, config.descending)) {
      if (uses.has(ip)) continue;
      // Its last owner may take seconds, which holds up nobody as long as there are others.
      if (this.#verified.isBeingLetGo(ip)) later ??= pending('Probing', `${ip} is just being let go of`);
      else if (this.#turns.isForAnother(ip, intent.service)) later ??= OTHERS_FIRST;
      else {
        if (!this.#verified.isKnown(ip) && !this.#turns.take(ip, intent.service)) return OTHERS_FIRST;
        const verdict = this.#verify(ip, intent.link);
        if (verdict?.state !== 'pending') this.#turns.drop(ip);
        if (verdict === undefined) return ip;
        if (verdict.reason !== 'AddressConflict') return verdict;
        strangers.push(ip);
      }
    }
    if (later) {
      this.#turns.wait(intent.service);
      return later;
    }
    const taken =
      strangers.length > 0 ? `; answered by other hosts on the LAN: ${strangers.slice(0, 5).join(', ')}` : '';
    return failed('PoolExhausted', `pool ${pool.key} has no free IPv${family} address left${taken}`);
  }

  /** Undefined: the address is free. */
  #verify(ip: Ip, link: string | undefined): NotReady | undefined {
    const isOurs = (address: Ip): boolean => this.#ledger.inCluster().has(address);
    const { network, routed = false } = this.#parts;
    return checkAddress({ network, verified: this.#verified, isOurs, routed }, ip, link);
  }

  #probed(ip: Ip): void {
    const services = this.#turns.ended(ip);
    // What was asked about for nobody in particular may be what anybody waits for.
    this.#parts.changed(services.length > 0 ? services : undefined);
  }

  #dhcpLink(intent: Intent, leased: readonly Family[]): string | undefined {
    const namespace = namespaceOf(intent.service);
    const links = this.#parts.network.links();
    return (
      intent.link ??
      this.#parts.pools().interfaceFor(namespace) ??
      this.#parts.defaultLink() ??
      links.find(({ gateway }) => gateway.v4 !== undefined)?.name ??
      (leased.includes(6) ? links.find(({ gateway }) => gateway.v6 !== undefined)?.name : undefined)
    );
  }

  #warm(pool: Pool, uses: Uses): void {
    const links = this.#parts.network.links();
    for (const family of [4, 6] as const) {
      let warm = 0;
      for (const ip of candidates(pool, family, this.#parts.pools().descending)) {
        if (warm >= WARM) break;
        if (uses.has(ip)) continue;
        const link = linkFor(links, ip);
        if (link === undefined) break;
        this.#verified.keepWarm(ip, link);
        warm++;
      }
    }
  }

  /** @param lacks why it goes without an address of some family. */
  #give(intent: Intent, assigned: AssignedAddress, lacks?: NotReady): Decision<AssignedAddress> {
    const use = { service: intent.service, ports: intent.ports.map(({ port }) => port) };
    for (const ip of assigned.ips) this.#verified.forget(ip);
    const without = lacks ? `; ${lacks.message}` : '';
    const given = ready(assigned, 'AddressAssigned', `${describeAssigned(assigned)}${without}`);
    this.#ledger.reserve(use, given);
    return given;
  }
}

type DhcpWish = Omit<Extract<AddressRequest, { kind: 'dhcp' }>, 'kind'>;

/** Addresses from a pool, and why it is not one of each family. */
interface Choice {
  readonly ips: readonly Ip[];
  readonly pool?: string;
  readonly lacks?: NotReady;
}

/** What came by DHCP goes on in a pool that means DHCP. */
function ofDhcp(current: AssignedAddress | undefined): AssignedAddress | undefined {
  return current?.source === 'dhcp' ? current : undefined;
}
