/** The composition root of the in-cluster process: watches, queue, elections and stages made into one agent. */
import { Allocator } from '../exposure/address/allocator.ts';
import { parsePools, type PoolConfig } from '../exposure/address/pools.ts';
import { readAssigned } from '../exposure/address/assigned.ts';
import { LEASE_FAMILIES, leasesOf } from '../exposure/address/leased.ts';
import { Reconciler } from '../exposure/reconcile.ts';
import { stageOf } from '../exposure/status/conditions.ts';
import { Reporter } from '../exposure/status/reporter.ts';
import { WorkQueue } from '../kube/queue.ts';
import { CONDITION } from '../model/annotations.ts';
import { keyOf, type Service, type ServiceKey } from '../model/kubernetes.ts';
import { messageOf } from '../model/errors.ts';
import type { FailoverRecord } from '../model/failover-record.ts';
import type { Ip } from '../model/ip.ts';
import type { Milliseconds, Timer } from '../model/time.ts';
import { egressObstacle } from './egress.ts';
import { nodesWithReadyEndpoints } from './endpoints.ts';
import { watchLinks } from './link-watch.ts';
import { NodeFacts } from './nodes.ts';
import { HeartbeatLife } from './heartbeat-life.ts';
import type { Health } from './http.ts';
import type { Logger } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Parts } from './parts.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import { refusalsOf } from './refusals.ts';
import { sweepRouters } from './router-sweep.ts';
import { snapshotOf, STALE_SECONDS, staleSeconds } from './snapshot.ts';

/** Everything is looked at again this often, whether or not anybody said that it changed. */
const RESYNC = 30_000;
const KEEP_WARM = 10_000;
/** Which nodes are to be left is worth no more: rights of an earlier version may not cover it. */
const NODES_WITHIN: Milliseconds = 1000;
/** Longer than a restarted agent remembers addresses that no Service asks for. */
const SWEEP_AGAIN = 20_000;

export class Agent {
  readonly metrics: Metrics;
  readonly #parts: Parts;
  readonly #log: Logger;
  readonly #allocator: Allocator;
  readonly #reconciler: Reconciler;
  readonly #reporter: Reporter;
  readonly #queue: WorkQueue<ServiceKey>;
  readonly #life: HeartbeatLife;
  readonly #nodes: NodeFacts;
  readonly #stops: (() => void)[] = [];
  /** Addresses this node owned when it last heard of their owner. */
  readonly #holding = new Set<Ip>();
  /** What was told of annotations that are not followed. */
  readonly #refused = new Map<ServiceKey, string>();
  #pools: PoolConfig = parsePools({});
  #timer: Timer | undefined;
  #sweepAgain: Timer | undefined;
  #started = false;
  #isStopping = false;
  #ownershipStarted: Promise<void> | undefined;

  constructor(parts: Parts, shared: ProcessMetrics) {
    this.#parts = parts;
    this.#log = parts.log;
    const { config, clock, entropy, watchers, stages } = parts;
    const services = watchers.services.store;
    this.#nodes = new NodeFacts(watchers.nodes, config.honorExcludeLabel);
    this.metrics = createMetrics(() => snapshotOf(parts, this.#pools), shared);
    this.#reporter = new Reporter({
      writer: parts.writer,
      events: parts.events,
      clock,
      onError: (service, message) => {
        this.metrics.wroteWithError();
        this.#log.warn({ service, message }, 'the Service could not be written; trying again');
      },
      onChange: (service, { type, status, reason }) =>
        this.metrics.decided(service, stageOf(type) ?? type, status, reason),
    });
    this.#allocator = new Allocator({
      network: parts.network,
      prober: stages.prober,
      routed: config.mode.kind !== 'arp',
      leases: stages.leases,
      lookUp: parts.lookUp,
      clock,
      services: () => services.list(),
      pools: () => this.#pools,
      defaultLink: () => config.link,
      changed: (keys) => (keys ? this.#addAll(keys) : this.#lookAgain(lacksAddress)),
    });
    this.#reconciler = new Reconciler({
      node: config.node,
      rules: config.rules,
      clock,
      service: (key) => services.get(key),
      endpointNodes: (key) => nodesWithReadyEndpoints(watchers.endpointSlices.store.list(), key),
      excludedNodes: () => this.#nodes.excluded(),
      drainingNodes: () => this.#nodes.draining(),
      pools: () => this.#pools,
      allocating: () => parts.allocatorElection.isLeader,
      routerEnabled: config.routerEnabled,
      conflictPolicy: config.conflictPolicy,
      defaultLink: () => config.link,
      allocator: this.#allocator,
      leases: stages.leases,
      ownership: stages.ownership,
      silenceIsCutOff: parts.heartbeats !== undefined,
      announcement: stages.announcement,
      router: stages.router,
      names: stages.names,
      reporter: this.#reporter,
      again: (key) => this.#queue.add(key),
    });
    this.#life = new HeartbeatLife({
      parts,
      claimed: () => this.#reconciler.claimed(),
      startOwnership: () => this.#startOwnership(),
    });
    this.#queue = new WorkQueue<ServiceKey>({
      clock,
      entropy,
      concurrency: 8,
      work: (key) => this.#work(key),
      holdUp: () => parts.recorder.isUnderWay(),
      onError: (service, error) => this.#log.error({ service, message: messageOf(error) }, 'reconciliation failed'),
    });
  }

  /** Resolves once every Service has been seen. */
  async start(): Promise<void> {
    const { config, watchers, stages, allocatorElection, recorder } = this.#parts;
    const all = (): void => this.#lookAgain();
    this.#stops.push(
      watchers.configMaps.onChange((_key, object) => this.#poolsChanged(object?.data ?? {})),
      watchers.record?.onChange(() => this.#rulesChanged()) ?? (() => undefined),
      watchers.endpointSlices.onChange((_key, object, previous) => {
        this.#lookOn();
        const owner = (object ?? previous)?.metadata;
        const name = owner?.labels?.['kubernetes.io/service-name'];
        if (name !== undefined) this.#queue.add(`${owner?.namespace ?? 'default'}/${name}`);
      }),
      ...LEASE_FAMILIES.map((family) => stages.leases[family].onChange((key) => this.#queue.add(key))),
      stages.router.onChange((key) => this.#queue.add(key)),
      stages.names.onChange((key) => this.#queue.add(key)),
      stages.announcement.onChange((ip) => this.#addAll(this.#reconciler.claimants(ip))),
      stages.announcement.onConflict(({ ip, mac, link, policy }) =>
        this.#conflict(
          ip,
          `${ip} is also claimed by ${mac} on ${link}; ${policy === 'yield' ? 'kubevip lets go of it until that machine is gone' : 'kubevip defends it'}`,
        ),
      ),
      watchers.services.onRecovered(() => this.#reporter.recovered()),
      watchLinks(this.#parts.network, () => this.#addAll(this.#reconciler.claiming())),
      stages.announcement.onClaim((ip) => stages.ownership.doubt(ip)),
      stages.announcement.onConflictOver(({ ip, mac, link }) =>
        this.#tellClaimants(ip, 'Normal', 'AddressConflictOver', `${mac} on ${link} no longer claims ${ip}`),
      ),
      stages.ownership.onTakeover((takeover) => recorder.takeover(takeover)),
      recorder.onRecord((record) => {
        this.metrics.failedOver(record);
        this.#log.info({ ...record }, 'addresses came here');
      }),
      stages.ownership.onChange((ip) => this.#ownership(ip)),
      allocatorElection.onChange(() => {
        this.metrics.leadershipChanged(config.allocatorLease);
        all();
        this.#warm();
        if (allocatorElection.isLeader) this.#sweep();
        else this.#sweepAgain?.cancel();
      }),
    );
    for (const onlooker of [stages.endpoints, ...stages.onlookers]) onlooker.start();
    for (const watcher of Object.values(watchers)) watcher.start();
    this.#life.begin();
    const { nodes, ...needed } = watchers;
    const known = [...Object.values(needed), ...(nodes && config.honorExcludeLabel ? [nodes] : [])];
    await Promise.all(known.map(({ synced }) => synced));
    if (nodes) await this.#atMost(NODES_WITHIN, nodes.synced);
    // Told to end before it had begun: from here on things are done that would have to be undone.
    if (this.#hasEnded()) return;
    this.#stops.push(
      this.#nodes.onChange(() => {
        this.#log.info({ nodes: this.#nodes.draining() }, 'addresses are to leave these nodes');
        all();
      }),
    );
    await this.#startOwnership();
    if (this.#hasEnded()) return;
    allocatorElection.start();
    // Services last: by now everything that a decision is made of is known.
    this.#stops.push(
      watchers.services.onChange((key, object, previous) => {
        this.#queue.add(key as ServiceKey);
        this.#lookOn();
        this.#count(object, previous);
        const [had, has] = [previous, object].map((one) => (one && readAssigned(one))?.ips ?? []);
        const freed = (had ?? []).filter((ip) => has?.includes(ip) !== true);
        if (freed.length === 0) return;
        this.#allocator.freed(freed);
        // Whoever found the pool exhausted need not wait for the next resync.
        this.#lookAgain(lacksAddress);
        this.#warm();
      }),
    );
    this.#ownership(undefined);
    this.#started = true;
    this.#keepWarm();
    if (this.#parts.heartbeats || stages.announcement.settled) await this.#queue.drain();
    this.#life.servicesKnown();
    stages.announcement.settled?.();
  }

  /**
   * Leaves the node as if the agent had never run, and hands over: addresses go first, then their Leases, so
   * that no two nodes ever answer.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#started = false;
    await this.#life.handOver(this.#holding.size > 0);
    this.#life.stop();
    this.#timer?.cancel();
    this.#sweepAgain?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
    await this.#queue.stop();
    const { stages, watchers, allocatorElection } = this.#parts;
    stages.names.close();
    stages.router.close();
    const handedBack = LEASE_FAMILIES.map((family) => stages.leases[family].handBack());
    for (const family of LEASE_FAMILIES) stages.leases[family].close();
    // What could not be taken back is told at the end, and keeps nothing else from its own.
    const closed = stages.announcement.close();
    await closed.catch(() => undefined);
    await Promise.allSettled([
      ...handedBack,
      ...[stages.endpoints, ...stages.onlookers].map((onlooker) => onlooker.stop()),
      stages.ownership.stop(),
      allocatorElection.stop(),
    ]);
    for (const watcher of Object.values(watchers)) watcher.stop();
    await this.#parts.heartbeats?.stop();
    await closed;
  }

  /** The last ones to this node, newest first. */
  failovers(): readonly FailoverRecord[] {
    return this.#parts.recorder.records();
  }

  health(): Health {
    const { nodes, ...needed } = this.#parts.watchers;
    const watchers = { ...needed, ...(nodes && this.#parts.config.honorExcludeLabel ? { nodes } : {}) };
    const stale = Object.entries(watchers).find(
      ([, watcher]) => staleSeconds(watcher, this.#parts.clock.now()) > STALE_SECONDS,
    );
    return {
      ...(this.#started ? {} : { notReady: 'Services have not all been seen yet' }),
      ...(stale ? { notReady: `no sign of life of the API server for ${STALE_SECONDS} s (${stale[0]})` } : {}),
    };
  }

  #hasEnded(): boolean {
    return this.#isStopping;
  }

  async #atMost(time: Milliseconds, done: Promise<unknown>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#parts.clock.after(time, () => resolve(undefined));
    await Promise.race([done, late]);
    timer.cancel();
  }

  #work(key: ServiceKey): Promise<number> {
    const before = this.#parts.clock.now();
    this.#reconciler.reconcile(key);
    this.#tellRefused(key);
    this.metrics.reconciled(key, (this.#parts.clock.now() - before) / 1000);
    return Promise.resolve(RESYNC);
  }

  #ownership(ip: Ip | undefined): void {
    const { ownership } = this.#parts.stages;
    if (ip !== undefined) {
      const [had, holds] = [this.#holding.has(ip), ownership.holds(ip)];
      if (holds !== had) this.metrics.ownerChanged(holds ? 'taken' : 'lost');
      if (holds) this.#holding.add(ip);
      else this.#holding.delete(ip);
      for (const onlooker of this.#parts.stages.onlookers) onlooker.changed();
      // Services may have been looked at before this, and say nothing of it by themselves for half a minute.
      if (this.#life.settles(ip)) return this.#addAll(this.#reconciler.claimants(ip));
      // What was others' and is others' has time: where a thousand move, this node has its own to announce.
      return this.#addAll(had || holds ? this.#reconciler.ownerChanged(ip) : this.#reconciler.claimants(ip));
    }
    this.#lookOn();
    this.#life.liveChanged();
    this.#addAll(this.#reconciler.claiming());
  }

  #lookOn(): void {
    const { endpoints, onlookers } = this.#parts.stages;
    for (const onlooker of [endpoints, ...onlookers]) onlooker.changed();
  }

  #startOwnership(): Promise<void> {
    return (this.#ownershipStarted ??= this.#parts.stages.ownership.start());
  }

  #conflict(ip: Ip, note: string): void {
    this.metrics.conflictSeen();
    this.#tellClaimants(ip, 'Warning', 'AddressConflict', note);
  }

  #tellClaimants(ip: Ip, type: 'Normal' | 'Warning', reason: string, note: string): void {
    this.#log[type === 'Warning' ? 'warn' : 'info']({ ip }, note);
    for (const key of this.#reconciler.claimants(ip)) {
      const service = this.#parts.watchers.services.store.get(key);
      if (service) this.#parts.events.record(service, type, reason, note);
    }
  }

  /** By the agent that gives out addresses alone, so that it is told once. */
  #tellRefused(key: ServiceKey): void {
    const service = this.#parts.watchers.services.store.get(key);
    const noEgress = egressObstacle(this.#parts.config, this.#parts.watchers);
    const refusals = service ? refusalsOf(service, noEgress, this.#allocator.notFollowed(key)) : [];
    const text = refusals.map(({ note }) => note).join('; ');
    if (text === (this.#refused.get(key) ?? '') || !this.#parts.allocatorElection.isLeader) return;
    if (text === '') this.#refused.delete(key);
    else this.#refused.set(key, text);
    for (const { reason, note } of refusals) {
      this.#log.warn({ service: key, reason }, note);
      if (service) this.#parts.events.record(service, 'Warning', reason, note);
    }
  }

  #count(object: Service | undefined, previous: Service | undefined): void {
    this.metrics.serviceEvent(object === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED');
    const before = leasesOf(previous && readAssigned(previous));
    for (const { ip, acquiredAt } of leasesOf(object && readAssigned(object))) {
      const renewed = before.some((lease) => lease.ip === ip && lease.acquiredAt !== acquiredAt);
      if (renewed && this.#holding.has(ip)) this.metrics.leaseRenewed();
    }
  }

  #poolsChanged(data: Readonly<Record<string, string>>): void {
    this.#pools = parsePools(data);
    for (const { key, message } of this.#pools.problems)
      this.#log.warn({ key }, `ConfigMap ${this.#parts.config.configMap.name}: ${message}`);
    this.#lookAgain();
  }

  /** Services are served no more, or again. */
  #rulesChanged(): void {
    this.#lookAgain();
    this.#lookOn();
    this.#warm();
  }

  /** By default at every Service: of one that is a LoadBalancer no more something may be left to be taken back. */
  #lookAgain(which: (service: Service) => boolean = () => true): void {
    for (const service of this.#parts.watchers.services.store.list())
      if (which(service)) this.#queue.add(keyOf(service));
  }

  #addAll(keys: readonly ServiceKey[]): void {
    for (const key of keys) this.#queue.add(key);
  }

  /** Now, and once restarted agents have given up the addresses that nobody asks for: only then can those be borrowed. */
  #sweep(): void {
    this.#sweepAgain?.cancel();
    void sweepRouters(this.#parts).then(() => {
      if (!this.#parts.allocatorElection.isLeader || !this.#started) return;
      this.#sweepAgain = this.#parts.clock.after(SWEEP_AGAIN, () => void sweepRouters(this.#parts));
    });
  }

  #keepWarm(): void {
    this.#warm();
    this.#timer = this.#parts.clock.after(KEEP_WARM, () => this.#keepWarm());
  }

  #warm(): void {
    if (!this.#started) return;
    this.#life.changed();
    for (const family of LEASE_FAMILIES) this.#parts.stages.leases[family].tend();
    if (this.#parts.allocatorElection.isLeader) this.#allocator.keepWarm();
  }
}

function lacksAddress({ spec, status }: Service): boolean {
  const conditions = status?.conditions ?? [];
  const hasOne = conditions.some((condition) => condition.type === CONDITION.address && condition.status === 'True');
  return spec.type === 'LoadBalancer' && !hasOne;
}
