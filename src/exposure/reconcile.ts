/**
 * The product in one file: Service → intent → address → owner → announcement → router → name → status.
 * Level-triggered and synchronous: every stage is told what is wanted and says what is; whatever takes time
 * goes on behind the stage, which calls back. So no Service ever waits for another.
 */
import { EXCLUDE_LABEL } from '../model/annotations.ts';
import { failed, pending, ready, type Decision, type NotReady } from '../model/decision.ts';
import type { Ip } from '../model/ip.ts';
import { keyOf, namespaceOf, type Service, type ServiceKey } from '../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import type { Allocator } from './address/allocator.ts';
import { describeAssigned, readAssigned, withoutNext } from './address/assigned.ts';
import { LeaseStage } from './address/dhcp/stage.ts';
import type { AssignedAddress, LeasesByFamily } from './address/port.ts';
import type { PoolConfig } from './address/pools.ts';
import { satisfies } from './address/satisfies.ts';
import type { Announced, Announcement } from './announcement/port.ts';
import { Claims, type ClaimedAddress } from './claims.ts';
import { readIntent, type ClassRules } from './intent/intent.ts';
import type { Intent } from './intent/port.ts';
import { Leaving } from './leaving.ts';
import type { NamePublisher } from './naming/port.ts';
import { NameStage } from './naming/stage.ts';
import { UNCONFIRMED } from './ownership/custody.ts';
import { isMine } from './ownership/is-mine.ts';
import type { Owner, Ownership } from './ownership/port.ts';
import type { RouterMappings } from './router/port.ts';
import { RouterStage } from './router/stage.ts';
import { NOT_HERE, NOT_OWNER } from './standing.ts';
import type { Reporter } from './status/reporter.ts';
import { foretellingPatch, patchFor, type Outcome } from './status/outcome.ts';
import { Withdrawal } from './withdraw.ts';

export interface ReconcilerParts {
  readonly node: string;
  readonly rules: ClassRules;
  readonly clock: Clock;
  /** The Service as last seen; undefined once gone. */
  readonly service: (key: ServiceKey) => Service | undefined;
  /** Nodes with ready endpoints of the Service. */
  readonly endpointNodes: (key: ServiceKey) => readonly string[];
  /** Nodes that may own nothing (`honor_exclude_label`). */
  readonly excludedNodes: () => readonly string[];
  /** Nodes that addresses are to leave, where there is another one for them. */
  readonly drainingNodes: () => readonly string[];
  readonly pools: () => PoolConfig;
  /** Whether this agent gives out addresses now. */
  readonly allocating: () => boolean;
  /** `enable_upnp`: whether router ports may be opened at all. */
  readonly routerEnabled: boolean;
  /** `conflict_policy`, for Services that do not say. */
  readonly conflictPolicy: 'defend' | 'yield';
  /** Interface for addresses that name none (`vip_servicesinterface`, `vip_interface`). */
  readonly defaultLink: () => string | undefined;
  readonly allocator: Pick<Allocator, 'allocate' | 'resolved' | 'settled'>;
  readonly leases: LeasesByFamily;
  readonly ownership: Ownership;
  /**
   * Who hears no other agent is alone for all it knows, and may as well be the one that was cut off (heartbeats): where it
   * cannot announce an address it does not own it either.
   */
  readonly silenceIsCutOff?: boolean;
  readonly announcement: Announcement;
  readonly router: RouterMappings;
  readonly names: NamePublisher;
  readonly reporter: Pick<Reporter, 'report' | 'cede' | 'forget'>;
  /** A Service may stand differently because of another one: it is to be reconciled soon. */
  readonly again: (key: ServiceKey) => void;
}

/** An address that nobody owns yet usually has an owner by then, who has more to say. */
const OWNER_SOON: Milliseconds = 1000;

export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #claims = new Claims();
  readonly #leases: LeaseStage;
  readonly #router: RouterStage;
  readonly #names: NameStage;
  readonly #withdrawal: Withdrawal;
  readonly #leaving: Leaving;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#leases = new LeaseStage(parts);
    this.#router = new RouterStage(parts);
    this.#names = new NameStage(parts);
    this.#withdrawal = new Withdrawal(parts, this.#claims);
    this.#leaving = new Leaving(parts.router, (ip) => this.#unclaim([ip]));
  }

  /** Brings one Service from what is to what is wanted, as far as that goes at once. */
  reconcile(key: ServiceKey): void {
    const service = this.#parts.service(key);
    if (!service) return this.#gone(key);
    const intent = readIntent(service, this.#parts.rules);
    const leaves = service.metadata.deletionTimestamp !== undefined || this.#withdrawal.isUndone(service);
    if (intent.state !== 'ready' || leaves) return this.#withdraw(service);
    this.#withdrawal.afresh(key);
    this.#names.claim(key, service, intent.value);

    const assigned = readAssigned(service);
    const owner = this.#owner(intent.value, assigned);
    const left = isMine(owner) ? this.#withdrawal.leftFor(service) : undefined;
    const address = left
      ? ready(left, 'AddressAssigned', describeAssigned(left))
      : this.#address(intent.value, assigned);
    const announced = this.#announcement(intent.value, assigned, owner);
    const leaving = this.#leave(service, assigned, address, owner);
    const ownerOf = (ip: Ip): Decision<Owner> => this.#ownerOf(ip);
    const standing = { service, intent: intent.value, assigned, address, owner, announced, ownerOf };
    const leases = leaving ? { 4: leaving, 6: leaving } : this.#leases.settle(standing);
    const router = leaving ?? this.#router.settle(standing);
    this.#settleLeaving(key);
    const name = this.#names.settle(standing);
    this.#status(service, intent.value, { assigned, address, owner, announced, leaving, leases, router, name });
  }

  /**
   * The owner of an address changed: whoever lost it lets go before anything else happens, and whoever has it now
   * announces it in this very moment.
   */
  ownerChanged(ip: Ip): ServiceKey[] {
    const claimants = this.#claims.claimants(ip);
    // Asking for the owner of an address that nobody claims would make it wanted again.
    const unwanted = claimants.length === 0 && !this.#leaving.has(ip);
    if (unwanted) this.#parts.announcement.release(ip);
    else if (!this.#claims.isServed(ip)) this.#letGo(ip, this.#ownerOf(ip));
    else this.#announce(ip, this.#ownerOf(ip), this.#claims.linkOf(ip), this.#claims.policyOf(ip));
    return claimants;
  }

  /** All that is claimed, to be remembered. */
  claimed(): ClaimedAddress[] {
    return this.#claims.all();
  }

  /** Services that have an address. */
  claiming(): ServiceKey[] {
    return this.#claims.services();
  }

  claimants(ip: Ip): ServiceKey[] {
    return this.#claims.claimants(ip);
  }

  /** What the Service's address is, or why it has none (yet). A new wish keeps the old address until it is met. */
  #address(intent: Intent, assigned: AssignedAddress | undefined): Decision<AssignedAddress> {
    const resolved = this.#parts.allocating() ? this.#parts.allocator.resolved(intent, assigned) : undefined;
    const both = assigned ? [withoutNext(assigned), assigned.next] : [];
    // Where a name leads now, only the agent that gives out addresses knows: others take its word.
    const isNamed = 'kind' in intent.address && intent.address.kind === 'name';
    for (const known of isNamed ? both.toReversed() : both) {
      if (!known || !satisfies(intent, known, this.#parts.pools(), resolved)) continue;
      this.#parts.allocator.settled(intent.service);
      return ready(known, 'AddressAssigned', describeAssigned(known));
    }
    if (!this.#parts.allocating())
      return pending('WaitingForAllocator', 'the agent that gives out addresses has not answered yet');
    return this.#parts.allocator.allocate(intent, assigned);
  }

  #owner(intent: Intent, assigned: AssignedAddress | undefined): Decision<Owner> {
    const local = intent.trafficPolicy === 'Local';
    const excluded = this.#parts.excludedNodes();
    const among = local ? this.#parts.endpointNodes(intent.service) : this.#parts.ownership.liveNodes();
    const nodes = local || excluded.length > 0 ? among.filter((node) => !excluded.includes(node)) : undefined;
    const ips = assigned?.ips ?? [];
    const link = this.#linkFor(intent, assigned);
    const { onConflict } = intent;
    const claim = {
      ips,
      ...(nodes ? { nodes } : {}),
      ...(link === undefined ? {} : { link }),
      ...(onConflict === undefined ? {} : { onConflict }),
    };
    this.#unclaim(this.#claims.set(intent.service, ips.length === 0 ? undefined : claim));
    const [first, ...others] = ips.map((ip) => this.#ownerOf(ip));
    if (!first) return pending('WaitingForAddress', 'no address yet');
    if (first.state !== 'ready' && nodes?.length === 0) {
      return among.length === 0
        ? failed('NoReadyEndpoints', 'externalTrafficPolicy is Local and no node has a ready endpoint')
        : failed('NodesExcluded', `${among.join(', ')} may not own addresses: label ${EXCLUDE_LABEL} is honoured`);
    }
    const obstacle = first.state === 'ready' ? undefined : this.#obstacle(ips[0]);
    if (obstacle) return failed(obstacle.reason, `no node has taken it; ${obstacle.message}`);
    const missing = others.find(({ state }) => state !== 'ready');
    if (missing ?? first.state !== 'ready') return missing ?? first;
    return others.length === 0 ? first : { ...first, message: `${first.value.node} owns ${ips.join(', ')}` };
  }

  #ownerOf(ip: Ip): Decision<Owner> {
    const { ownership } = this.#parts;
    const leader = this.#claims.leaderOf(ip);
    if (leader === undefined) return ownership.ensure(ip, this.#eligible(ip));
    const leading = this.#ownerOf(leader);
    const owner = ownership.ensure(ip, leading.state === 'ready' ? [leading.value.node] : []);
    return owner.state === 'ready' ? owner : pending('WaitingForOwner', `${ip} goes where ${leader} is`);
  }

  /** A node that cannot announce it, or that is to be left, leaves it to the others, if there are any. */
  #eligible(ip: Ip): string[] {
    const { ownership, node: self, drainingNodes, silenceIsCutOff } = this.#parts;
    const eligible = this.#claims.eligible(ip, ownership.liveNodes());
    const others = eligible.filter((node) => node !== self);
    const replaceable = others.length > 0 || silenceIsCutOff === true;
    const able = replaceable && others.length < eligible.length && this.#obstacle(ip) ? others : eligible;
    const draining = drainingNodes();
    const staying = able.filter((node) => !draining.includes(node));
    return staying.length > 0 ? staying : able;
  }

  #obstacle(ip: Ip | undefined): NotReady | undefined {
    if (ip === undefined) return undefined;
    const link = this.#claims.linkOf(ip);
    return this.#parts.announcement.obstacle({ ip, ...(link === undefined ? {} : { link }) });
  }

  /** Undefined: the one whose subnet holds the address. */
  #linkFor(intent: Intent, assigned: AssignedAddress | undefined): string | undefined {
    return intent.link ?? assigned?.link ?? this.#parts.pools().interfaceFor(namespaceOf(intent.service));
  }

  #announcement(intent: Intent, assigned: AssignedAddress | undefined, owner: Decision<Owner>): Decision<Announced> {
    if (!assigned) return pending('WaitingForAddress', 'no address yet');
    const link = this.#linkFor(intent, assigned);
    const decisions = assigned.ips.map((ip) => this.#announce(ip, this.#ownerOf(ip), link, intent.onConflict));
    const [first = NOT_OWNER, ...others] = decisions;
    if (!isMine(owner) || first.state !== 'ready' || others.length === 0) return first;
    const missing = others.find(({ state }) => state !== 'ready');
    return missing ?? { ...first, message: decisions.map(({ message }) => message).join('; ') };
  }

  #announce(
    ip: Ip,
    owner: Decision<Owner>,
    link: string | undefined,
    policy: Intent['onConflict'],
  ): Decision<Announced> {
    const { announcement, ownership, conflictPolicy } = this.#parts;
    const part = announcement.reach === 'every-node' ? this.#partIn(ip) : isMine(owner) ? 'announces' : 'not-owner';
    if (part === 'not-owner') return this.#letGo(ip, owner);
    if (part !== 'announces') {
      if (part === 'leaves') announcement.cede(ip);
      else announcement.release(ip);
      return NOT_HERE;
    }
    // Against a node that may have taken over nothing is defended.
    const onConflict = owner.reason === UNCONFIRMED ? 'yield' : (policy ?? conflictPolicy);
    const announced = announcement.ensure({ ip, ...(link === undefined ? {} : { link }), onConflict });
    // Whoever cannot be heard does not hear either who else has it.
    if (announced.state === 'failed') ownership.doubt(ip);
    return announced;
  }

  /**
   * Where every node announces: one that may not serve it does not, and one that is to be left leaves it to the others.
   * A node that is excluded serves what still comes; one without an endpoint has nothing to serve it with.
   */
  #partIn(ip: Ip): 'announces' | 'leaves' | 'none' {
    const { node, ownership, drainingNodes, excludedNodes } = this.#parts;
    const eligible = this.#claims.eligible(ip, [...new Set([node, ...ownership.liveNodes()])]);
    if (!eligible.includes(node)) return excludedNodes().includes(node) ? 'leaves' : 'none';
    const draining = drainingNodes();
    return draining.includes(node) && eligible.some((other) => !draining.includes(other)) ? 'leaves' : 'announces';
  }

  /** Unless it is this node's: what is under way is served until everybody knows of the next owner. */
  #letGo(ip: Ip, owner: Decision<Owner>): NotReady {
    if (owner.state !== 'ready') {
      this.#parts.announcement.release(ip);
      return pending('WaitingForOwner', owner.message);
    }
    if (!owner.value.mine) this.#parts.announcement.cede(ip);
    return NOT_OWNER;
  }

  /** Before the Service has another address, its owner clears away what hangs on this one. */
  #leave(
    service: Service,
    assigned: AssignedAddress | undefined,
    address: Decision<AssignedAddress>,
    owner: Decision<Owner>,
  ): NotReady | undefined {
    const next = address.state === 'ready' ? address.value : undefined;
    if (!assigned || !next || !isMine(owner) || assigned.ips.every((ip) => next.ips.includes(ip))) {
      this.#withdrawal.settled(keyOf(service));
      return undefined;
    }
    this.#leases.forget(keyOf(service));
    const cleared = this.#withdrawal.leave(service, assigned, next);
    if (cleared.state === 'off') return cleared;
    return pending('AddressChanging', `before ${next.ips.join(', ')} is used: ${cleared.message}`);
  }

  /**
   * Exactly one agent writes: the owner, or while there is none the one that gives out addresses. That one also tells
   * the owner which address comes next.
   */
  #status(service: Service, intent: Intent, outcome: Omit<Outcome, 'node' | 'now'>): void {
    const { reporter, node, clock, allocating } = this.#parts;
    const { assigned, owner } = outcome;
    if (!isMine(owner) && !allocating()) return reporter.cede(intent.service);
    if (owner.state === 'ready' && !owner.value.mine) {
      const foretelling = foretellingPatch(outcome);
      return foretelling ? reporter.report(service, foretelling) : reporter.cede(intent.service);
    }
    const patch = patchFor(service, intent, { ...outcome, node, now: clock.wall() });
    // Of an address just given the owner tells the rest, and usually sooner than it could be told here.
    if (!assigned && outcome.address.state === 'ready') return reporter.report(service, { ...patch, conditions: [] });
    reporter.report(service, patch, owner.state === 'pending' && assigned ? OWNER_SOON : 0);
  }

  #withdraw(service: Service): void {
    this.#names.claim(keyOf(service));
    this.#leases.forget(keyOf(service));
    if (readAssigned(service)) this.#unclaimNothing(service);
    this.#withdrawal.run(service, (ip) => this.#ownerOf(ip));
    if (!readAssigned(service)) this.#unclaim(this.#claims.set(keyOf(service), undefined));
    this.#settleLeaving(keyOf(service));
  }

  /** While things are undone the claim stands, so that the address is undone from where it is. */
  #unclaimNothing(service: Service): void {
    const assigned = readAssigned(service);
    if (assigned) this.#unclaim(this.#claims.set(keyOf(service), { ips: assigned.ips, ending: true }));
  }

  #gone(key: ServiceKey): void {
    this.#parts.names.withdraw(key);
    this.#names.claim(key);
    // Where somebody took our finalizer away, the ports are closed all the same, as far as this agent knows of them.
    this.#leaving.add(key, this.#claims.set(key, undefined));
    this.#settleLeaving(key);
    if (this.#leaving.busy(key)) return;
    this.#leases.gone(key);
    this.#parts.router.yield(key);
    this.#parts.allocator.settled(key);
    this.#parts.reporter.forget(key);
    this.#withdrawal.forget(key);
  }

  #settleLeaving(key: ServiceKey): void {
    this.#leaving.settle(key, (ip) => this.#claims.claimants(ip).length > 0);
  }

  #unclaim(ips: readonly Ip[]): void {
    for (const ip of ips) {
      this.#parts.announcement.release(ip);
      this.#parts.ownership.release(ip);
    }
  }
}
