/** What one reconciliation found, as the patch of the Service that shows it. */
import { FINALIZER, IMPLEMENTATION_LABEL, KEY } from '../../model/annotations.ts';
import type { Decision } from '../../model/decision.ts';
import type { Service } from '../../model/kubernetes.ts';
import { readAssigned, writeAssigned } from '../address/assigned.ts';
import type { AssignedAddress } from '../address/port.ts';
import type { Announced } from '../announcement/port.ts';
import type { Intent } from '../intent/port.ts';
import type { PublishedName } from '../naming/port.ts';
import type { Owner } from '../ownership/port.ts';
import type { RouterMapping } from '../router/port.ts';
import { ourConditions, toConditions } from './conditions.ts';
import type { ServicePatch } from './port.ts';

export interface Outcome {
  readonly node: string;
  readonly now: Date;
  /** What stands on the Service. */
  readonly assigned: AssignedAddress | undefined;
  readonly address: Decision<AssignedAddress>;
  readonly owner: Decision<Owner>;
  readonly announced: Decision<Announced>;
  readonly lease: Decision<AssignedAddress['lease']>;
  /** `closed`: nothing is open on the router, whatever the record says. */
  readonly router: Decision<RouterMapping> & { readonly closed?: true };
  readonly name: Decision<PublishedName>;
}

export function patchFor(service: Service, intent: Intent, outcome: Outcome): ServicePatch {
  const { owner, announced, router, name } = outcome;
  const mine = owner.state === 'ready' && owner.value.mine;
  const assigned = nextAssigned(outcome);
  const address = addressShown(outcome);
  const { conditions, drop } = toConditions(
    service,
    { address, owner, announcement: announced, router, name },
    outcome.now,
  );
  // As kube-vip's cloud provider writes it, so that either can go on; not over a new wish of the user's.
  const fromPool =
    assigned?.source === 'pool' && 'kind' in intent.address && intent.address.kind === 'pool' ? assigned : undefined;
  const external = router.state === 'ready' ? router.value.records : undefined;
  return {
    annotations: {
      [KEY.assigned]: assigned && writeAssigned(assigned),
      ...(mine ? { [KEY.vipHost]: outcome.node } : {}),
      ...(mine && external ? { [KEY.routerMappings]: JSON.stringify(external) } : {}),
      ...(mine && (router.state === 'off' || router.closed) ? { [KEY.routerMappings]: undefined } : {}),
      ...(mine ? namesOf(name) : {}),
      ...(fromPool ? { [KEY.loadBalancerIPs]: fromPool.ips.join(',') } : {}),
      ...(assigned?.lease ? { [KEY.requestedIP]: assigned.lease.ip, [KEY.hwaddr]: assigned.lease.mac } : {}),
    },
    ...(fromPool
      ? { labels: { [IMPLEMENTATION_LABEL.key]: IMPLEMENTATION_LABEL.value }, loadBalancerIP: fromPool.ips[0] ?? '' }
      : {}),
    ...(needsFinalizer(intent, assigned)
      ? { addFinalizer: FINALIZER }
      : releasable(service, outcome)
        ? { removeFinalizer: FINALIZER }
        : {}),
    ...ingressFor(assigned, announced),
    conditions,
    dropConditions: drop,
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
  const assigned = readAssigned(service);
  const written: string[] = [KEY.assigned, KEY.vipHost, KEY.routerMappings, KEY.publishedNames, KEY.publishedInstances];
  if (assigned?.source === 'pool') written.push(KEY.loadBalancerIPs);
  if (assigned?.source === 'dhcp') written.push(KEY.requestedIP, KEY.hwaddr);
  return {
    annotations: Object.fromEntries(written.map((key) => [key, undefined])),
    ...(assigned?.source === 'pool' ? { labels: { [IMPLEMENTATION_LABEL.key]: undefined } } : {}),
    ...(assigned ? { ingress: [] } : {}),
    dropConditions: ourConditions(service),
    removeFinalizer: FINALIZER,
  };
}

/** What the lease has to say comes first: that it is lost, or that it still holds although nobody renews it. */
function addressShown({ address, lease }: Outcome): Decision<unknown> {
  if (lease.state === 'failed') return lease;
  return lease.state === 'ready' && address.state === 'ready' && lease.reason === 'RenewalUnanswered' ? lease : address;
}

/** The newest form of the lease; nothing when it is lost, so that an address is acquired anew. */
function nextAssigned({ assigned, address, lease }: Outcome): AssignedAddress | undefined {
  if (lease.state === 'failed' && lease.reason === 'LeaseLost') return undefined;
  if (assigned && lease.state === 'ready' && lease.value)
    return { ...assigned, ips: [lease.value.ip, ...assigned.ips.slice(1)], lease: lease.value };
  // An old address is kept until the wish for another is met.
  return address.state === 'ready' ? address.value : assigned;
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
  announced: Decision<Announced>,
): Pick<ServicePatch, 'ingress'> {
  if (assigned === undefined) return { ingress: [] };
  return announced.state === 'ready' ? { ingress: assigned.ips.map((ip) => ({ ip, ipMode: 'VIP' as const })) } : {};
}
