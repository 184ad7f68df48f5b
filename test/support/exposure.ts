/** Fakes of every port of the pipeline, for tests of the decisions alone. */
import { parsePools } from '../../src/exposure/address/pools.ts';
import type { DhcpLease, DhcpLeases, DhcpRequest } from '../../src/exposure/address/port.ts';
import type { Announcement, Reach } from '../../src/exposure/announcement/port.ts';
import type { NamePublisher } from '../../src/exposure/naming/port.ts';
import type { Ownership } from '../../src/exposure/ownership/port.ts';
import type { RouterMapping, RouterMappings } from '../../src/exposure/router/port.ts';
import { Allocator } from '../../src/exposure/address/allocator.ts';
import { Reconciler } from '../../src/exposure/reconcile.ts';
import { difference } from '../../src/exposure/status/difference.ts';
import type { ServicePatch } from '../../src/exposure/status/port.ts';
import { DEFAULT_CLASS_RULES, type ClassRules } from '../../src/exposure/intent/intent.ts';
import { off, pending, ready, type Decision, type NotReady } from '../../src/model/decision.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { keyOf, type Condition, type Service, type ServiceKey } from '../../src/model/kubernetes.ts';
import { parseMac, type Mac } from '../../src/model/mac.ts';
import type { Link } from '../../src/model/wire.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const MAC = parseMac('02:00:00:00:00:01')!;

export function service(
  name: string,
  over: { spec?: Partial<Service['spec']>; metadata?: Partial<Service['metadata']> } = {},
): Service {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', ...over.metadata },
    spec: {
      type: 'LoadBalancer',
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      ...over.spec,
    },
  };
}

export const LEASE: DhcpLease = {
  ip: ip('10.77.0.101'),
  mac: MAC,
  clientId: 'ff01',
  server: ip('10.77.0.1'),
  acquiredAt: '2026-01-01T00:00:00.000Z',
  leaseSeconds: 120,
  renewSeconds: 60,
  rebindSeconds: 105,
};

export const LEASE6: DhcpLease = { ...LEASE, ip: ip('fd77::1:1'), server: ip('fe80::1'), serverId: '0001' };

export const LINK: Link = {
  name: 'eth0',
  index: 2,
  mac: MAC,
  up: true,
  addresses: [
    { ip: ip('10.77.0.11'), prefixLength: 24 },
    { ip: ip('fd77::11'), prefixLength: 64 },
  ],
  gateway: { v4: ip('10.77.0.1'), v6: ip('fd77::1') },
};

export const NO_LEASES: DhcpLeases = {
  acquire: () => pending('DhcpDiscovering', ''),
  keep: (_request, lease) => ready(lease, 'Leased', ''),
  abandon: () => undefined,
  release: () => off('Released', ''),
  onChange: () => () => undefined,
};

export interface World {
  readonly clock: FakeClock;
  readonly services: Map<ServiceKey, Service>;
  readonly log: string[];
  /** Addresses on the node now. */
  readonly announced: Set<Ip>;
  /** Addresses that were left to others, with notice. */
  readonly ceded: Set<Ip>;
  /** Addresses for which an owner is wanted. */
  readonly wanted: Set<Ip>;
  /** Decisions the fakes give; change them as the test needs. */
  owner: string;
  /** Of single addresses, where it is another one. */
  readonly owners: Map<Ip, string>;
  live: string[];
  endpoints: string[];
  excluded: string[];
  draining: string[];
  lease: Decision<DhcpLease>;
  kept: Decision<DhcpLease>;
  /** What leases were asked for, in order. */
  readonly leaseRequests: DhcpRequest[];
  /** The same of the IPv6 address. */
  lease6: Decision<DhcpLease>;
  kept6: Decision<DhcpLease>;
  readonly leaseRequests6: DhcpRequest[];
  /** Addresses that a Service's names lead to now. */
  readonly named: Map<ServiceKey, readonly Ip[]>;
  mapped: Decision<RouterMapping>;
  unmapped: Decision;
  /** What the router stage says of an address that was left. */
  left: Decision;
  /** Addresses that answer a probe. */
  readonly strangers: Map<Ip, Mac>;
  configMap: Record<string, string>;
  allocating: boolean;
  rules: ClassRules;
  /** Who announces: the owner at first. */
  reach: Reach;
  /** Why this node cannot announce addresses. */
  readonly obstacles: Map<Ip, NotReady>;
  /** What is done about conflicts over addresses that are announced. */
  readonly policies: Map<Ip, string>;
  /** What DNS says, and what it was asked. */
  readonly dns: Map<string, readonly Ip[]>;
  readonly lookUps: string[];
  /** Services that are to be reconciled because of another one. */
  readonly again: Set<ServiceKey>;
  readonly allocator: Allocator;
  readonly reconciler: Reconciler;
  /** Reconciles until nothing changes on the Service, applying the patches as the API server would. */
  settle(key: ServiceKey): Promise<Service | undefined>;
  condition(key: ServiceKey, type: string): Condition | undefined;
}

export function createWorld(node = 'n1'): World {
  const clock = createFakeClock();
  const services = new Map<ServiceKey, Service>();
  const log: string[] = [];
  const announced = new Set<Ip>();
  const ceded = new Set<Ip>();
  const wanted = new Set<Ip>();
  const strangers = new Map<Ip, Mac>();
  const patches = new Map<ServiceKey, ServicePatch>();

  const ownership: Ownership = {
    ensure: (address, eligible) => {
      wanted.add(address);
      const owner = world.owners.get(address) ?? world.owner;
      return eligible.includes(owner)
        ? ready({ node: owner, mine: owner === node, since: '', term: 1 }, 'Owned', owner)
        : pending('WaitingForOwner', 'nobody');
    },
    doubt: (address) => void log.push(`doubt ${address}`),
    release: (address) => {
      log.push(`disown ${address}`);
      wanted.delete(address);
      // As the real one does: whoever lets an address go is told that it has no owner now.
      world.reconciler.ownerChanged(address);
      return off('Released', '');
    },
    liveNodes: () => world.live,
    lostNodes: () => [],
    onChange: () => () => undefined,
    onTakeover: () => () => undefined,
  };
  const announcement: Announcement = {
    get reach() {
      return world.reach;
    },
    ensure: ({ ip: address, onConflict = 'defend' }) => {
      if (!announced.has(address)) log.push(`announce ${address}`);
      world.policies.set(address, onConflict);
      announced.add(address);
      return ready({ link: 'eth0', since: '' }, 'Announced', `${address} on eth0`);
    },
    release: (address) => {
      if (announced.delete(address)) log.push(`silence ${address}`);
      return off('Released', '');
    },
    cede: (address) => {
      if (announced.delete(address)) {
        log.push(`silence ${address}`);
        ceded.add(address);
      }
      return off('Ceded', '');
    },
    setAlone: () => undefined,
    onConflict: () => () => undefined,
    obstacle: ({ ip: address }) => world.obstacles.get(address),
    onClaim: () => () => undefined,
    onConflictOver: () => () => undefined,
    onChange: () => () => undefined,
  };
  const leases: DhcpLeases = {
    acquire: (request) => {
      world.leaseRequests.push(request);
      return world.lease;
    },
    keep: () => {
      log.push('keep');
      return world.kept;
    },
    abandon: (key, carried) => {
      log.push(`abandon ${key}${carried ? ` but ${carried.ip}` : ''}`);
    },
    release: () => {
      log.push('dhcp release');
      return off('Released', '');
    },
    onChange: () => () => undefined,
  };
  const leases6: DhcpLeases = {
    acquire: (request) => {
      world.leaseRequests6.push(request);
      return world.lease6;
    },
    keep: () => {
      log.push('keep6');
      return world.kept6;
    },
    abandon: (key, carried) => {
      if (carried) log.push(`abandon6 ${key} but ${carried.ip}`);
    },
    release: (_request, lease) => {
      log.push(`dhcp release ${lease.ip}`);
      return off('Released', '');
    },
    onChange: () => () => undefined,
  };
  const router: RouterMappings = {
    ensure: ({ ports }) => {
      log.push(`map ${ports.map((port) => port.externalPort).join(',')}`);
      return world.mapped;
    },
    yield: () => undefined,
    leave: (_service, address) => {
      const { state } = world.left;
      if (state === 'pending') log.push(`close from ${address}`);
      return world.left;
    },
    withdraw: () => {
      log.push('unmap');
      return world.unmapped;
    },
    onChange: () => () => undefined,
  };
  const names: NamePublisher = {
    ensure: ({ service: key, hosts, ips }) => {
      world.named.set(key, ips);
      const instances = hosts.map((host) => host.replace(/local$/, '_http._tcp.local'));
      return ready({ hosts, instances }, 'NamePublished', hosts.join());
    },
    yield: () => undefined,
    withdraw: () => {
      log.push('goodbye');
      return off('NotAskedFor', '');
    },
    onChange: () => () => undefined,
    close: () => undefined,
  };

  const allocator = new Allocator({
    network: { links: () => [LINK] },
    prober: { probe: (address) => Promise.resolve(strangers.get(address)) },
    leases: { 4: leases, 6: leases6 },
    lookUp: (name) => {
      world.lookUps.push(name);
      const answer = world.dns.get(name);
      return answer === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(answer);
    },
    clock,
    services: () => [...services.values()],
    pools: () => parsePools(world.configMap),
    defaultLink: () => undefined,
    changed: () => undefined,
  });
  const reconciler = new Reconciler({
    node,
    get rules() {
      return world.rules;
    },
    clock,
    service: (key) => services.get(key),
    endpointNodes: () => world.endpoints,
    excludedNodes: () => world.excluded,
    drainingNodes: () => world.draining,
    pools: () => parsePools(world.configMap),
    allocating: () => world.allocating,
    routerEnabled: true,
    conflictPolicy: 'defend',
    defaultLink: () => undefined,
    allocator,
    leases: { 4: leases, 6: leases6 },
    ownership,
    announcement,
    router,
    names,
    reporter: {
      report: (object, patch) => void patches.set(keyOf(object), patch),
      cede: (key) => void patches.delete(key),
      forget: (key) => void patches.delete(key),
    },
    again: (key) => void world.again.add(key),
  });
  const world: World = {
    clock,
    services,
    log,
    announced,
    ceded,
    wanted,
    owner: node,
    owners: new Map(),
    live: [node],
    endpoints: [],
    excluded: [],
    draining: [],
    lease: ready(LEASE, 'Leased', 'leased'),
    kept: ready(LEASE, 'Leased', 'leased'),
    leaseRequests: [],
    lease6: ready(LEASE6, 'Leased', 'leased'),
    kept6: ready(LEASE6, 'Leased', 'leased'),
    leaseRequests6: [],
    named: new Map(),
    mapped: ready({ records: [], reachability: 'public', families: { 4: 'public' } }, 'RouterMapped', 'mapped'),
    unmapped: off('Unmapped', ''),
    left: off('NotMapped', ''),
    strangers,
    configMap: { 'range-global': '10.77.0.200-10.77.0.202' },
    allocating: true,
    rules: DEFAULT_CLASS_RULES,
    policies: new Map(),
    reach: 'owner',
    obstacles: new Map(),
    dns: new Map(),
    lookUps: [],
    again: new Set(),
    allocator,
    reconciler,
    async settle(key) {
      for (let round = 0; round < 20; round++) {
        patches.delete(key);
        reconciler.reconcile(key);
        await clock.advanceAsync(0);
        const current = services.get(key);
        const patch = patches.get(key);
        const changes = current && patch && difference(current, patch);
        if (current && changes) {
          const next = apply(current, changes);
          if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0)
            services.delete(key);
          else services.set(key, next);
        } else if (round > 2) return services.get(key);
      }
      throw new Error(`${key} does not come to rest`);
    },
    condition: (key, type) => services.get(key)?.status?.conditions?.find((condition) => condition.type === type),
  };
  return world;
}

/** What the API server makes of a patch. */
export function apply(object: Service, patch: ServicePatch): Service {
  const merged = (
    have: Readonly<Record<string, string>> | undefined,
    want: ServicePatch['annotations'],
  ): Record<string, string> =>
    Object.fromEntries(
      Object.entries({ ...have, ...want }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  const finalizers = new Set(object.metadata.finalizers);
  if (patch.addFinalizer !== undefined) finalizers.add(patch.addFinalizer);
  if (patch.removeFinalizer !== undefined) finalizers.delete(patch.removeFinalizer);
  const conditions = new Map((object.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  for (const condition of patch.conditions ?? []) conditions.set(condition.type, condition);
  for (const type of patch.dropConditions ?? []) conditions.delete(type);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      resourceVersion: String(Number(object.metadata.resourceVersion) + 1),
      annotations: merged(object.metadata.annotations, patch.annotations),
      labels: merged(object.metadata.labels, patch.labels),
      finalizers: [...finalizers],
    },
    spec: { ...object.spec, ...(patch.loadBalancerIP === undefined ? {} : { loadBalancerIP: patch.loadBalancerIP }) },
    status: {
      conditions: [...conditions.values()],
      loadBalancer: { ingress: patch.ingress ?? object.status?.loadBalancer?.ingress ?? [] },
    },
  };
}
