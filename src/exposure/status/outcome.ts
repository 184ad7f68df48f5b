/** What one reconciliation found, as the patch of the Service that shows it. */
import { FINALIZER, KEY } from '../../model/annotations.ts';
import { pending, type Decision, type NotReady } from '../../model/decision.ts';
import type { Service } from '../../model/kubernetes.ts';
import { readAssigned, withoutNext, writeAssigned } from '../address/assigned.ts';
import type { LeaseDecisions } from '../address/dhcp/stage.ts';
import { leaseOf, LEASE_FAMILIES, leasesOf, renewed, withoutLease } from '../address/leased.ts';
import type { AssignedAddress } from '../address/port.ts';
import type { Announced } from '../announcement/port.ts';
import type { Intent } from '../intent/port.ts';
import type { PublishedName } from '../naming/port.ts';
import type { Owner } from '../ownership/port.ts';
import type { RouterDecision } from '../router/stage.ts';
import { ourConditions, toConditions, type StageDecisions } from './conditions.ts';
import { poolRecord, withoutPoolRecord } from './pool-record.ts';
import type { ServicePatch } from './port.ts';

export interface Outcome {
  readonly node: string;
  readonly now: Date;
  /** What stands on the Service. */
  readonly assigned: AssignedAddress | undefined;
  readonly address: Decision<AssignedAddress>;
  readonly owner: Decision<Owner>;
  readonly announced: Decision<Announced>;
  /** What hangs on an address that the Service is about to leave: `off` once it is cleared away. */
  readonly leaving: NotReady | undefined;
  readonly leases: LeaseDecisions;
  readonly router: RouterDecision;
  readonly name: Decision<PublishedName>;
}

export function patchFor(service: Service, intent: Intent, outcome: Outcome): ServicePatch {
  const { owner, router, name } = outcome;
  const mine = owner.state === 'ready' && owner.value.mine;
  const assigned = nextAssigned(outcome);
  const { conditions, drop } = toConditions(service, shownStages(outcome), outcome.now);
  const { annotations, ...record } = poolRecord(service, intent, assigned);
  const external = router.state === 'ready' ? router.value.records : undefined;
  return {
    annotations: {
      [KEY.assigned]: assigned && writeAssigned(assigned),
      ...(mine ? { [KEY.vipHost]: outcome.node } : {}),
      ...(mine && external ? { [KEY.routerMappings]: JSON.stringify(external) } : {}),
      ...(mine && (router.state === 'off' || router.closed) ? { [KEY.routerMappings]: undefined } : {}),
      ...(mine ? namesOf(name) : {}),
      ...annotations,
      ...leaseRecord(assigned),
    },
    ...record,
    ...(needsFinalizer(intent, assigned)
      ? { addFinalizer: FINALIZER }
      : releasable(service, outcome)
        ? { removeFinalizer: FINALIZER }
        : {}),
    ...ingressFor(assigned, outcome),
    conditions,
    dropConditions: drop,
    ...(bringsLease(outcome.assigned, assigned) ? { onThisVersion: true } : {}),
  };
}

/**
 * Of a lease that the Service does not carry yet. Whoever sees that the Service does not want it any more gives it back
 * at once: a record of it that arrives after that would be of a lease that is not there.
 */
function bringsLease(before: AssignedAddress | undefined, after: AssignedAddress | undefined): boolean {
  return [
    [before, after],
    [before?.next, after?.next],
  ].some(([was, is]) =>
    LEASE_FAMILIES.some((family) => {
      const lease = leaseOf(is, family);
      return lease !== undefined && lease.ip !== leaseOf(was, family)?.ip;
    }),
  );
}

/** As kube-vip writes them, for whoever reads them: the addresses that were leased, and who the IPv4 client is. */
function leaseRecord(assigned: AssignedAddress | undefined): ServicePatch['annotations'] {
  const leased = leasesOf(assigned);
  if (leased.length === 0) return {};
  const shown = assigned?.lease ? { [KEY.hwaddr]: assigned.lease.mac } : {};
  return { [KEY.requestedIP]: leased.map(({ ip }) => ip).join(','), ...shown };
}

/** What comes next, for the owner of the address that the Service still has; undefined when nothing does. */
export function foretellingPatch({
  assigned,
  address,
}: Pick<Outcome, 'assigned' | 'address'>): ServicePatch | undefined {
  if (!assigned || address.state !== 'ready' || isSame(withoutNext(assigned), address.value)) return undefined;
  const annotations = { [KEY.assigned]: writeAssigned({ ...withoutNext(assigned), next: address.value }) };
  return { annotations, onThisVersion: true };
}

function isSame(a: AssignedAddress, b: AssignedAddress): boolean {
  return writeAssigned(a) === writeAssigned(b);
}

/** Until another address takes the place of this one, the stages behind it wait. */
function shownStages(outcome: Outcome): StageDecisions {
  const { leaving, owner, announced, router, name, address } = outcome;
  const stages = { address: addressShown(outcome), owner, announcement: announced, router, name };
  if (leaving === undefined || address.state !== 'ready') return stages;
  if (leaving.state !== 'off') return { ...stages, address: leaving };
  const changing = pending('AddressChanging', `${address.value.ips.join(', ')} is about to be used`);
  return {
    ...stages,
    owner: changing,
    announcement: changing,
    ...(router.state === 'off' ? {} : { router: changing }),
  };
}

/** The names in use, for the next owner; kept through trouble, and given up with the name. */
function namesOf(name: Decision<PublishedName>): ServicePatch['annotations'] {
  if (name.state === 'ready') {
    const { hosts, instances } = name.value;
    const listed = instances.length > 0 ? instances.join(',') : undefined;
    return { [KEY.publishedNames]: hosts.join(','), [KEY.publishedInstances]: listed };
  }
  if (name.state !== 'off' && name.reason !== 'NameTaken') return {};
  return { [KEY.publishedNames]: undefined, [KEY.publishedInstances]: undefined };
}

/** The patch that takes away everything of ours, for a Service that is ours no more. */
export function removalPatch(service: Service): ServicePatch {
  const { deletionTimestamp, finalizers = [] } = service.metadata;
  // Nobody will read anything on it once the last finalizer is off.
  if (deletionTimestamp !== undefined && finalizers.join() === FINALIZER) return { removeFinalizer: FINALIZER };
  const assigned = readAssigned(service);
  const written: string[] = [KEY.assigned, KEY.vipHost, KEY.routerMappings, KEY.publishedNames, KEY.publishedInstances];
  if (assigned?.source === 'dhcp') written.push(KEY.requestedIP, KEY.hwaddr);
  const { annotations, ...record } = withoutPoolRecord(service);
  return {
    annotations: { ...Object.fromEntries(written.map((key) => [key, undefined])), ...annotations },
    ...record,
    ...(assigned ? { ingress: [] } : {}),
    dropConditions: ourConditions(service),
    removeFinalizer: FINALIZER,
  };
}

/** What the lease has to say comes first: that it is lost, or that it still holds although nobody renews it. */
function addressShown({ address, leases }: Outcome): Decision<unknown> {
  const both = LEASE_FAMILIES.map((family) => leases[family]);
  const lost = both.find(({ state }) => state === 'failed');
  if (lost) return lost;
  const silent = both.find(({ state, reason }) => state === 'ready' && reason === 'RenewalUnanswered');
  return silent && address.state === 'ready' ? silent : address;
}

/** The newest form of the leases; without what is lost, so that an address is acquired anew. */
function nextAssigned({ assigned, address, owner, leaving, leases }: Outcome): AssignedAddress | undefined {
  const lost = LEASE_FAMILIES.filter((family) => isLost(leases[family]));
  // An old address is kept until the wish for another is met, and until its owner has cleared away what hangs on it.
  const next = address.state === 'ready' ? address.value : undefined;
  const stays = next !== undefined && (assigned?.ips ?? []).every((ip) => next.ips.includes(ip));
  const waits = !stays && assigned !== undefined && next !== undefined && (leaving ?? owner).state === 'pending';
  let record = waits ? { ...withoutNext(assigned), next } : (next ?? assigned);
  if (lost.length > 0) record = assigned && withoutNext(assigned);
  for (const family of LEASE_FAMILIES) {
    const lease = leases[family];
    if (record === undefined) return undefined;
    if (lost.includes(family)) record = withoutLease(record, family);
    else if (leaseOf(record, family) && lease.state === 'ready' && lease.value)
      record = renewed(record, family, lease.value);
  }
  return record;
}

function isLost({ state, reason }: Decision<unknown>): boolean {
  return state === 'failed' && reason === 'LeaseLost';
}

/** Leases and mappings live outside the cluster: the Service may not go before they are undone. */
function needsFinalizer(intent: Intent, assigned: AssignedAddress | undefined): boolean {
  const asksDhcp = 'kind' in intent.address && intent.address.kind === 'dhcp';
  const asksRouter = intent.router !== undefined && !('state' in intent.router);
  return asksDhcp || asksRouter || assigned?.source === 'dhcp';
}

/** Nothing outside is held any more, as far as the owner knows. */
function releasable(service: Service, { owner, router }: Outcome): boolean {
  const mine = owner.state === 'ready' && owner.value.mine;
  return (
    mine &&
    router.state !== 'ready' &&
    router.state !== 'pending' &&
    service.metadata.annotations?.[KEY.routerMappings] === undefined
  );
}

/** Written once the LAN has been told; taken back only with the address, not while it moves. */
function ingressFor(
  assigned: AssignedAddress | undefined,
  { leaving, announced }: Outcome,
): Pick<ServicePatch, 'ingress'> {
  if (assigned === undefined || leaving?.state === 'off') return { ingress: [] };
  return announced.state === 'ready' ? { ingress: assigned.ips.map((ip) => ({ ip, ipMode: 'VIP' as const })) } : {};
}
