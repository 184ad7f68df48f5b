/**
 * The pipeline backwards, for a Service that is being deleted or is ours no more: name, router mapping, lease,
 * announcement, and only then the record and the finalizer. The owner does it, from where the address stands.
 */
import { KEY } from '../model/annotations.ts';
import { off, type Decision } from '../model/decision.ts';
import type { Ip } from '../model/ip.ts';
import { keyOf, type Service, type ServiceKey } from '../model/kubernetes.ts';
import { readAssigned } from './address/assigned.ts';
import { leaseOf, LEASE_FAMILIES } from './address/leased.ts';
import type { AssignedAddress, LeasesByFamily } from './address/port.ts';
import type { Announcement } from './announcement/port.ts';
import type { Claims } from './claims.ts';
import type { NamePublisher } from './naming/port.ts';
import { nameRequestFor, readPublished } from './naming/request.ts';
import { isMine } from './ownership/is-mine.ts';
import type { Owner } from './ownership/port.ts';
import { withdrawFamilies, type StandingAddress } from './router/families.ts';
import type { RouterMappings } from './router/port.ts';
import { mayBeMapped } from './router/records.ts';
import { removalPatch } from './status/outcome.ts';
import type { Reporter } from './status/reporter.ts';

const CLEARED = off('Released', 'nothing hangs on the address any more');

export interface WithdrawalParts {
  readonly allocating: () => boolean;
  readonly leases: LeasesByFamily;
  readonly announcement: Announcement;
  readonly router: RouterMappings;
  readonly names: NamePublisher;
  readonly reporter: Pick<Reporter, 'report' | 'cede'>;
}

export class Withdrawal {
  readonly #parts: WithdrawalParts;
  readonly #claims: Claims;
  /** What stood on Services that are undone: until the API server says so too, nothing of them is touched again. */
  readonly #done = new Map<ServiceKey, string>();
  /** UIDs of Services whose names are said goodbye to. */
  readonly #unnamed = new Map<ServiceKey, string>();
  /** Changes of address for which everything is cleared away; as above. */
  readonly #left = new Map<ServiceKey, { readonly from: string; readonly next: AssignedAddress }>();

  constructor(parts: WithdrawalParts, claims: Claims) {
    this.#parts = parts;
    this.#claims = claims;
  }

  /** One step; called again whenever a stage has got further. */
  run(service: Service, ownerOf: (ip: Ip) => Decision<Owner>): void {
    const key = keyOf(service);
    const { names, router, leases, announcement, reporter } = this.#parts;
    const assigned = readAssigned(service);
    if (!assigned) {
      // Never got an address: whatever was under way is dropped, and one agent clears the record. Should an address be on
      // its way there all the same, that is to be given back first.
      names.withdraw(key);
      router.yield(key);
      for (const family of LEASE_FAMILIES) leases[family].abandon(key);
      this.afresh(key);
      if (this.#parts.allocating()) reporter.report(service, { ...removalPatch(service), onThisVersion: true });
      return;
    }
    if (this.isUndone(service)) return reporter.report(service, removalPatch(service));
    // Where the first address is the others are; one that is not (see Claims.leaderOf) goes with its claim.
    const [owner] = assigned.ips.map((ip) => ownerOf(ip));
    if (!owner || !isMine(owner)) {
      reporter.cede(key);
      names.yield(key);
      router.yield(key);
      // An address by DHCP may just have been asked for, in place of the one on record.
      for (const family of LEASE_FAMILIES)
        leases[family].abandon(key, leaseOf(assigned, family) ?? leaseOf(assigned.next, family));
      return;
    }
    const standing = assigned.ips.filter((ip) => isMine(ownerOf(ip)));
    const undone = [this.#unname(service, assigned.ips), this.#unmap(service, standing)];
    if (undone.some(({ state }) => state !== 'off')) return;
    for (const each of assigned.next ? [assigned, assigned.next] : [assigned])
      if (this.#giveBack(service, each).state !== 'off') return;
    for (const ip of assigned.ips) {
      if (this.#claims.claimants(ip).every((claimant) => claimant === key)) announcement.release(ip);
    }
    this.#done.set(key, recordOf(service));
    reporter.report(service, removalPatch(service));
  }

  /** Also names that another agent published: caches would keep them for more than an hour. */
  #unname(service: Service, ips: readonly Ip[]): Decision {
    const { names, announcement } = this.#parts;
    const [key, uid] = [keyOf(service), service.metadata.uid ?? ''];
    const published = readPublished(service);
    const [ip] = ips;
    if (ip === undefined || published.length === 0 || this.#unnamed.get(key) === uid) return names.withdraw(key);
    const announced = announcement.ensure({ ip });
    if (announced.state !== 'ready') return { state: 'pending', reason: announced.reason, message: announced.message };
    this.#unnamed.set(key, uid);
    return names.withdraw(key, nameRequestFor(service, published, ips, announced.value.link));
  }

  /**
   * Clears away what hangs on an address of this node that the Service is about to leave for another: router ports, and
   * a lease that does not go on. Called again until it says `off`.
   */
  leave(service: Service, assigned: AssignedAddress, next: AssignedAddress): Decision {
    const key = keyOf(service);
    if (this.leftFor(service) !== undefined) return CLEARED;
    const left = assigned.ips.filter((ip) => !next.ips.includes(ip));
    const unmapped = this.#unmap(service, left);
    if (unmapped.state !== 'off') return unmapped;
    const given = this.#giveBack(service, assigned, next);
    if (given.state === 'off') this.#left.set(key, { from: addressesOf(service), next });
    return given;
  }

  /** What the Service has left its address for: that is being written, whatever is wished for by now. */
  leftFor(service: Service): AssignedAddress | undefined {
    const left = this.#left.get(keyOf(service));
    return left?.from === addressesOf(service) ? left.next : undefined;
  }

  /** Whether all of it has been taken back and that is being written, whatever is wished for by now. */
  isUndone(service: Service): boolean {
    return this.#done.get(keyOf(service)) === recordOf(service);
  }

  /** Nothing of the Service is undone any more: it is wanted again, or has nothing that could be. */
  afresh(key: ServiceKey): void {
    this.#unnamed.delete(key);
    this.#done.delete(key);
  }

  /** The Service stays where it is, or has arrived. */
  settled(key: ServiceKey): void {
    this.#left.delete(key);
  }

  /** The Service is gone, and so is what was remembered of it. */
  forget(key: ServiceKey): void {
    this.#left.delete(key);
    this.afresh(key);
  }

  /** The leases of a record but for those that go on in the next one. */
  #giveBack(service: Service, assigned: AssignedAddress, next?: AssignedAddress): Decision {
    const { link } = assigned;
    const { uid = '', name } = service.metadata;
    if (link === undefined) return CLEARED;
    const given = LEASE_FAMILIES.flatMap((family) => {
      const lease = leaseOf(assigned, family);
      if (!lease || leaseOf(next, family)?.ip === lease.ip) return [];
      const request = { service: keyOf(service), uid, hostname: name, link, mac: lease.mac };
      return [this.#parts.leases[family].release(request, lease)];
    });
    return given.find(({ state }) => state !== 'off') ?? given[0] ?? CLEARED;
  }

  /** From the address itself: routers in secure mode accept the removal from nobody else. */
  #unmap(service: Service, ips: readonly Ip[]): Decision {
    const { router, announcement } = this.#parts;
    if (!mayBeMapped(service)) {
      router.yield(keyOf(service));
      return { state: 'off', reason: 'NotMapped', message: 'nothing is mapped' };
    }
    const addresses: StandingAddress[] = [];
    for (const ip of ips) {
      const announced = announcement.ensure({ ip });
      if (announced.state !== 'ready')
        return { state: 'pending', reason: announced.reason, message: announced.message };
      addresses.push({ ip, link: announced.value.link });
    }
    return withdrawFamilies(router, service, addresses);
  }
}

function recordOf({ metadata }: Service): string {
  return `${metadata.uid} ${metadata.annotations?.[KEY.assigned]}`;
}

function addressesOf(service: Service): string {
  return `${service.metadata.uid} ${readAssigned(service)?.ips.join()}`;
}
