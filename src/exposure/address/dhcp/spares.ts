/**
 * Leases kept ready for Services to come. A spare is got under an identity of its own, made from cluster,
 * subnet and slot; the Service that gets it carries that identity on, so that the server sees one client all along.
 * Whichever agent gives out addresses next finds the spares recorded, and would be given the same ones anyway.
 */
import type { Decision } from '../../../model/decision.ts';
import type { Family } from '../../../model/ip.ts';
import { keyOf, type Service, type ServiceKey } from '../../../model/kubernetes.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import { readAssigned } from '../assigned.ts';
import { leaseOf } from '../leased.ts';
import type { AddressProber, DhcpLease, DhcpLeases, DhcpRequest } from '../port.ts';
import { leased } from './decisions.ts';
import type { Lan } from './lans.ts';
import type { DhcpLeasesOnNode } from './leases.ts';
import { OfferCheck } from './offer-check.ts';
import type { RecordedSpare, SpareRecord } from './spare-record.ts';
import { asShown, asSpare, carriedMacs, freeSlots, isSpare, spareRequest, type Slot } from './spare-slots.ts';

export interface SparesParts {
  /** Of the addresses that `leases` are for. */
  readonly family: Family;
  readonly leases: DhcpLeasesOnNode;
  /** How many are kept ready in each LAN; 0 gives back what an earlier setting has left. */
  readonly count: number;
  /** Whether this agent gives out addresses now. */
  readonly allocating: () => boolean;
  /** Tells this cluster from others on the same LAN; undefined while not known. */
  readonly cluster: () => string | undefined;
  /** Where Services use DHCP: interface and subnet. */
  readonly lans: () => readonly Lan[];
  readonly services: () => Iterable<Service>;
  readonly record: SpareRecord;
  /** Asks now and then whether somebody has come to use the address of a spare. */
  readonly prober: AddressProber;
  readonly clock: Clock;
}

export interface SpareLeases extends DhcpLeases {
  /** Called now and then, and when it changed who gives out addresses: gets, keeps and gives back what is due. */
  tend(): void;
  /** This agent stops: gives the spares back, unless another one keeps them. */
  handBack(): Promise<void>;
  close(): void;
}

interface Spare {
  readonly slot: Slot;
  readonly request: DhcpRequest;
  lease: DhcpLease | undefined;
  readonly check: OfferCheck;
  checkedAt: Milliseconds;
}

interface Handed {
  readonly uid: string;
  readonly spare: Spare;
  readonly lease: DhcpLease;
}

/** As for the addresses of pools that are kept verified. */
const CHECK_EVERY: Milliseconds = 30_000;

export function createSpareLeases(parts: SparesParts): SpareLeases {
  const { family, leases, clock, record } = parts;
  const held = new Map<ServiceKey, Spare>();
  /** On their way back to the server. */
  const leaving = new Map<ServiceKey, Spare>();
  /** In subnets that this node is not in. */
  let elsewhere: readonly RecordedSpare[] = [];
  const handed = new Map<ServiceKey, Handed>();
  /** Services that ask the server themselves and are not interrupted. */
  const asking = new Set<ServiceKey>();
  const listeners = new Set<(service: ServiceKey) => void>();
  /** Whether the record of the agent before this one has been taken over. */
  let adopted = false;
  let closed = false;

  const spareFor = (cluster: string, slot: Slot, lease?: DhcpLease): Spare => {
    const request = spareRequest(cluster, slot);
    const check = new OfferCheck({
      clock,
      probe: (ip, signal) => parts.prober.probe(ip, slot.link, signal),
      changed: () => declineIfTaken(held.get(request.service)),
    });
    return { slot, request, lease, check, checkedAt: clock.now() };
  };

  const declineIfTaken = (spare: Spare | undefined): void => {
    if (spare?.lease === undefined || typeof spare.check.verdict(spare.lease.ip) !== 'object') return;
    spare.check.forget();
    leases.decline(spare.request, spare.lease);
    step(spare);
  };

  /** Goes on with what another agent, or an earlier run of this one, has left. */
  const adopt = (cluster: string, wanted: ReadonlyMap<ServiceKey, Spare>, taken: ReadonlySet<Mac>): void => {
    const lans = new Map(parts.lans().map(({ link, lan }) => [lan, link]));
    const left = record.read().filter(({ lease }) => !taken.has(lease.mac));
    elsewhere = left.filter(({ lan, lease }) => !lans.has(lan) && endOf(lease) > clock.wall().getTime());
    for (const { lan, slot, lease } of left) {
      const link = lans.get(lan);
      if (link === undefined) continue;
      const spare = spareFor(cluster, { link, lan, slot }, lease);
      const key = spare.request.service;
      (wanted.has(key) ? held : leaving).set(key, spare);
    }
    adopted = true;
  };

  /** A Service that went before it could show what it was given leaves it here. */
  const settleHanded = (): void => {
    const services = new Map([...parts.services()].map((service) => [keyOf(service), service]));
    for (const [key, { uid, spare, lease }] of [...handed]) {
      const service = services.get(key);
      const gone = service?.metadata.uid !== uid;
      if (!gone && leaseOf(readAssigned(service), family)?.clientId !== lease.clientId) continue;
      handed.delete(key);
      if (gone) held.set(spare.request.service, Object.assign(spare, { lease }));
    }
  };

  const giveBack = (key: ServiceKey): void => {
    const spare = leaving.get(key);
    if (spare?.lease === undefined) leases.abandon(key);
    else if (leases.release(spare.request, spare.lease).state !== 'off') return;
    leaving.delete(key);
  };

  /** @returns the lease if it can be handed out now. */
  const step = (spare: Spare): DhcpLease | undefined => {
    const { request } = spare;
    if (spare.lease === undefined) {
      const got = leases.acquire(request);
      if (got.state !== 'ready') return undefined;
      spare.lease = got.value;
    }
    const kept = leases.keep(request, spare.lease);
    if (kept.state === 'ready') {
      spare.lease = kept.value;
      return kept.value;
    }
    if (kept.reason === 'LeaseLost') {
      spare.lease = undefined;
      leases.acquire(request);
    }
    return undefined;
  };

  const note = (): Promise<void> => {
    const recorded = [...held.values(), ...leaving.values()].flatMap(({ slot: { lan, slot }, lease }) =>
      lease === undefined ? [] : [{ lan, slot, lease }],
    );
    return record.write([...recorded, ...elsewhere]);
  };

  const rest = (): void => {
    for (const [key, { check }] of [...held, ...leaving]) {
      check.forget();
      leases.yield(key);
    }
    held.clear();
    leaving.clear();
    handed.clear();
    adopted = false;
  };

  const tend = (): void => {
    if (closed) return;
    if (!parts.allocating()) return rest();
    const cluster = parts.cluster();
    if (cluster === undefined) return;
    settleHanded();
    const taken = carriedMacs(parts.services(), family);
    for (const { lease } of handed.values()) taken.add(lease.mac);
    const free = freeSlots(cluster, parts.lans(), parts.count, taken).map((slot) => spareFor(cluster, slot));
    const wanted = new Map(free.map((spare) => [spare.request.service, spare]));
    if (!adopted) adopt(cluster, wanted, taken);
    for (const [key, spare] of [...held]) {
      const still = wanted.get(key);
      // The interface of the subnet may be called differently by now.
      if (still !== undefined && still.request.link !== spare.request.link)
        held.set(key, Object.assign(still, { lease: spare.lease }));
      if (still !== undefined) continue;
      held.delete(key);
      spare.check.forget();
      if (spare.lease !== undefined && taken.has(spare.lease.mac)) leases.yield(key);
      else leaving.set(key, spare);
    }
    for (const key of [...leaving.keys()]) giveBack(key);
    for (const [key, spare] of wanted) if (!held.has(key)) held.set(key, spare);
    for (const spare of [...held.values()]) {
      const lease = step(spare);
      if (lease === undefined || clock.now() < spare.checkedAt + CHECK_EVERY) continue;
      spare.checkedAt = clock.now();
      spare.check.forget();
      spare.check.begin(lease.ip);
    }
    void note();
  };

  const take = ({ service, uid, link, requested, mac }: DhcpRequest): DhcpLease | undefined => {
    if (asking.has(service) || requested !== undefined || mac !== undefined) return undefined;
    for (const [key, spare] of held) {
      const lease = spare.request.link === link ? step(spare) : undefined;
      if (lease === undefined) continue;
      held.delete(key);
      spare.check.forget();
      leases.yield(key);
      handed.set(service, { uid, spare, lease });
      // The next one is got when this Service has been served.
      clock.after(0, tend);
      return lease;
    }
    return undefined;
  };

  leases.onChange((key) => {
    const spare = held.get(key);
    if (!isSpare(key)) {
      for (const listener of [...listeners]) listener(key);
      return;
    }
    if (spare === undefined) giveBack(key);
    else step(spare);
    if (adopted) void note();
  });

  return {
    tend,
    acquire(wanted): Decision<DhcpLease> {
      const request = asShown(wanted, family);
      const before = handed.get(request.service);
      const lease = before?.uid === request.uid ? before.lease : take(request);
      if (lease !== undefined) return leased(lease, undefined);
      asking.add(request.service);
      const cluster = parts.cluster();
      const lan = parts.lans().find(({ link }) => link === request.link)?.lan;
      return leases.acquire(cluster === undefined || lan === undefined ? request : asSpare(request, cluster, lan));
    },
    keep(request, lease) {
      asking.delete(request.service);
      return leases.keep(request, lease);
    },
    abandon(service, carried) {
      asking.delete(service);
      leases.abandon(service, carried);
      const before = handed.get(service);
      if (before?.lease.ip === carried?.ip) return;
      handed.delete(service);
      // What the Service never came to show is a spare again.
      if (before && !held.has(before.spare.request.service))
        held.set(before.spare.request.service, Object.assign(before.spare, { lease: before.lease }));
    },
    release(request, lease) {
      asking.delete(request.service);
      return leases.release(request, lease);
    },
    onChange(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    async handBack() {
      if (!adopted) return;
      for (const [key, spare] of held) leaving.set(key, spare);
      held.clear();
      for (const key of [...leaving.keys()]) giveBack(key);
      await note();
    },
    close() {
      rest();
      closed = true;
      leases.close();
      listeners.clear();
    },
  };
}

/** Unix milliseconds by the clock of the node that took the lease. */
function endOf({ acquiredAt, leaseSeconds }: DhcpLease): number {
  return Date.parse(acquiredAt) + leaseSeconds * 1000;
}
