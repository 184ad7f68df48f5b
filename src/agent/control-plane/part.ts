/**
 * The control-plane VIP as a part of the agent: its own connections, its own mark on the node, its own lifecycle.
 * Nothing that happens to it ends the process, and nothing that happens to the part for Services reaches it.
 */
import { ApiGate } from '../../exposure/control-plane/api-gate.ts';
import { ControlPlane } from '../../exposure/control-plane/control-plane.ts';
import { createOneLease } from '../../exposure/control-plane/one-lease.ts';
import { StayAway } from '../../exposure/control-plane/stay-away.ts';
import { createVipAddresses, type VipAddresses } from '../../exposure/control-plane/vip-addresses.ts';
import { VipByDhcp } from '../../exposure/control-plane/vip-by-dhcp.ts';
import { joinVips } from '../../exposure/control-plane/vip-of-families.ts';
import { createVipName } from '../../exposure/control-plane/vip-name.ts';
import { addressesLabel, HAS_IP } from '../../exposure/labels/names.ts';
import { createNodeLabels } from '../../exposure/labels/node-labels.ts';
import type { Onlooker } from '../../exposure/upkeep.ts';
import { withCustody } from '../../exposure/ownership/custody.ts';
import { isApiError } from '../../kube/errors.ts';
import { lookUp } from '../../linux/look-up.ts';
import { readControlPlaneRecord, readStayAway, writeControlPlaneRecord } from '../../model/control-plane-record.ts';
import { messageOf } from '../../model/errors.ts';
import { writeFailovers, type FailoverRecord } from '../../model/failover-record.ts';
import { holderOf } from '../../model/lease.ts';
import type { Milliseconds } from '../../model/time.ts';
import { VERSION } from '../../model/version.ts';
import type { Link } from '../../model/wire.ts';
import type { AgentConfig } from '../config.ts';
import type { DumpSection } from '../dump.ts';
import type { Health } from '../http.ts';
import { watchLinks } from '../link-watch.ts';
import type { Logger } from '../log.ts';
import type { ProcessMetrics } from '../process-metrics.ts';
import { wireBalancing, type Balancing } from './balance.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { VipAgreement } from './agreement.ts';
import { wireVipInEtcd } from './etcd.ts';
import { wireVipHeartbeats } from './heartbeat.ts';
import { createControlPlaneMetrics, type ControlPlaneMetrics } from './metrics.ts';
import { createDistinctLog } from '../distinct-log.ts';
import { createTelling } from './telling.ts';
import { withoutApi } from './without-api.ts';
import { wireApi, type ApiParts, type NodeParts } from './wire.ts';
import { hostPort, type Family } from '../../model/ip.ts';

/** A kubeconfig that is not there yet, or half written. */
const RETRY: Milliseconds = 1000;
/** A check of the API server takes a few time-outs at most; nothing for this long is a defect of ours. */
const STUCK: Milliseconds = 60_000;
const LAST_EVENTS: Milliseconds = 500;

export interface ControlPlanePartOptions {
  readonly config: AgentConfig;
  readonly controlPlane: ControlPlaneConfig;
  readonly node: NodeParts;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

interface Running {
  readonly api: ApiParts;
  readonly gate: ApiGate;
  readonly controlPlane: ControlPlane;
  readonly holds: () => boolean;
  /** Undefined: its Lease decides. */
  readonly agreement: VipAgreement | undefined;
  readonly balancing: Balancing | undefined;
  readonly labels: Onlooker;
}

export class ControlPlanePart {
  readonly #options: ControlPlanePartOptions;
  readonly #metrics: ControlPlaneMetrics;
  readonly #notYet: (topic: string, error: unknown) => void;
  readonly #stops: (() => void)[] = [];
  #running: Running | undefined;
  #startedAt: Milliseconds = 0;
  #stopped = false;
  #facts: { readonly caHash?: string; readonly version?: string } = {};
  /** Those that this node has published; undefined: those that the last owner wrote down stand. */
  #names: readonly string[] | undefined;
  #wasLeader = false;
  #wasReady = false;

  constructor(options: ControlPlanePartOptions) {
    this.#options = options;
    this.#notYet = createDistinctLog(options.log);
    this.#metrics = createControlPlaneMetrics(
      options.metrics,
      () => ({ name: options.controlPlane.lease.name, held: this.#running?.holds() ?? false }),
      () => this.#running?.controlPlane.state,
      () => this.#running?.balancing?.backends ?? [],
    );
  }

  start(): void {
    const { node } = this.#options;
    this.#startedAt = node.clock.now();
    const attempt = (): void => {
      if (this.#stopped) return;
      try {
        this.#run(this.#api());
      } catch (error) {
        this.#notYet('kubeconfig', error);
        node.clock.after(RETRY, attempt);
      }
    };
    attempt();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const { names, announcement } = this.#options.node;
    const running = this.#running;
    if (!running) await announcement.close();
    else {
      await running.agreement?.handOver(() => running.controlPlane.isHolding);
      for (const stop of this.#stops.splice(0)) stop();
      // Rules for an address that is not here any more do nothing; and no connection goes elsewhere while it still is.
      await running.controlPlane.stop();
      await running.balancing?.stop();
      await Promise.all([running.api.events.stop(LAST_EVENTS), running.labels.stop()]);
      running.api.close();
      await running.agreement?.stop();
    }
    names.close();
  }

  /** Of the VIP, to this node, newest first. */
  failovers(): readonly FailoverRecord[] {
    return this.#options.node.recorder.records();
  }

  dump(): readonly DumpSection[] {
    const { config, controlPlane } = this.#options;
    const state = this.#running?.controlPlane.state;
    const lines = state?.vips.map(({ ip, owner, announced }) => `${ip}: ${owner.message}; ${announced.message}`);
    return [
      {
        title: 'CONTROL PLANE',
        lines: [
          `Lease: ${config.namespace}/${controlPlane.lease.name}, held by this node: ${this.#running?.holds() ?? false}`,
          `API server: ${state?.api.message ?? 'there is no kubeconfig that can be used yet'}`,
          ...(lines ?? []),
        ],
      },
    ];
  }

  health(): Health {
    const { clock } = this.#options.node;
    if (!this.#running) return { notReady: 'there is no kubeconfig that can be used yet' };
    const { gate, controlPlane } = this.#running;
    const silence = clock.now() - (gate.checkedAt ?? this.#startedAt);
    if (silence > STUCK) return { unhealthy: 'the API server of this node has not been asked for a minute' };
    const waiting = [gate.state, ...controlPlane.state.vips.map(({ owner }) => owner)].find(
      ({ state }) => state !== 'ready',
    );
    return waiting ? { notReady: waiting.message } : {};
  }

  #run(api: ApiParts): void {
    const { config, controlPlane: wanted, node, log, metrics } = this.#options;
    const { clock, announcement, prober, network, recorder } = node;
    const lease = () => api.store.get(wanted.lease.name);
    const recorded = (): readonly string[] => readControlPlaneRecord(lease()).names ?? [];
    const common = {
      node: config.node,
      lease: wanted.lease.name,
      clock,
      store: api.store,
      others: api.others,
      annotations: () => ({
        ...wanted.lease.annotations,
        ...this.#record(addresses, recorded()),
        ...writeFailovers(recorder.records()),
      }),
      onError: (error: unknown) => this.#notYet(`Lease ${wanted.lease.name}`, error),
    };
    const agreement = this.#agreement(api, { ...common, onWritten: () => telling.leaseSeen() });
    const ownership =
      agreement?.ownership ?? withCustody({ clock, ownership: createOneLease({ ...common, times: config.lease }) });
    const gate = new ApiGate({
      clock,
      local: api.local,
      others: api.others,
      period: wanted.health.period,
      threshold: wanted.health.threshold,
      isHolding: () => controlPlane.isHolding,
      onChange: () => controlPlane.pass(),
    });
    const addresses = this.#addresses(() => controlPlane.pass());
    const { cluster } = wanted;
    const controlPlane: ControlPlane = new ControlPlane({
      node: config.node,
      clock,
      gate,
      addresses,
      ownership,
      announcement,
      prober,
      stayAway: new StayAway({
        clock,
        isWished: () => readStayAway(lease()).includes(config.node),
        makesBeforeBreak: agreement?.makesBeforeBreak ?? false,
        everyNode: announcement.reach === 'every-node',
        others: api.others,
        onChange: () => controlPlane.pass(),
      }),
      ...(wanted.link === undefined ? {} : { link: wanted.link }),
      ...(cluster === undefined
        ? {}
        : {
            name: createVipName({
              names: node.names,
              cluster,
              port: wanted.port,
              endpoint: () => endpointOf(wanted, addresses),
              facts: () => this.#facts,
              verified: recorded,
              onPublished: (names) => (this.#names = names),
            }),
          }),
    });
    const balancing = wireBalancing({ config, controlPlane: wanted, api, clock, log });
    const holds = (): boolean => controlPlane.state.vips.some(({ ip }) => ownership.holds(ip));
    const telling = createTelling({ node: config.node, log, events: api.events, lease, metrics: this.#metrics });
    const labels = createNodeLabels({
      node: config.node,
      clock,
      enabled: config.nodeLabels,
      store: api.nodeLabels,
      isOurs: (key) => key === HAS_IP,
      wanted: (): Record<string, string> => {
        const own = controlPlane.state.vips.map(({ ip }) => ip).filter((ip) => ownership.holds(ip));
        return own.length === 0 ? {} : { [HAS_IP]: addressesLabel(own) };
      },
      // Whoever has the VIP knows that no other does.
      cleans: () => holds(),
      onError: (error) => this.#notYet('labels of the node', error),
    });
    this.#stops.push(
      ownership.onTakeover((takeover) => recorder.takeover(takeover)),
      ownership.onChange((ip) => {
        if (ip === undefined) balancing?.nodesChanged();
      }),
      recorder.onRecord((record) => {
        metrics.failedOver(record);
        log.info({ ...record }, 'the control-plane VIP came here');
      }),
      controlPlane.onChange((state) => {
        telling.changed(state);
        balancing?.changed(state);
        if (holds() !== this.#wasLeader) this.#metrics.leadershipChanged();
        if (config.nodeLabels) labels.changed();
        this.#wasLeader = holds();
        if (!controlPlane.isHolding) this.#names = undefined;
        const isReady = state.api.state === 'ready';
        // An upgrade restarts the API server.
        if (cluster !== undefined && isReady && !this.#wasReady) void this.#learn(api, controlPlane);
        this.#wasReady = isReady;
      }),
      node.names.onChange(() => controlPlane.pass()),
      watchLinks(network, () => controlPlane.pass()),
      // What it says beside the holder: which nodes the VIP is to stay away from.
      api.store.onChange((name) => {
        if (name !== wanted.lease.name) return;
        telling.leaseSeen();
        if (holderOf(lease()) !== config.node) addresses.told?.(readControlPlaneRecord(lease()).addresses ?? []);
        controlPlane.pass();
      }),
      announcement.onConflict(({ ip, mac, link }) => {
        this.#metrics.conflictSeen();
        const note = `${ip}, the control-plane VIP, is also claimed by ${mac} on ${link}; kubevip defends it`;
        log.warn({ ip }, note);
        telling.event('Warning', 'AddressConflict', note);
      }),
      announcement.onConflictOver(({ ip, mac, link }) =>
        telling.event('Normal', 'AddressConflictOver', `${mac} on ${link} no longer claims ${ip}`),
      ),
    );
    this.#running = { api, gate, controlPlane, holds, agreement, balancing, labels };
    if (config.nodeLabels) labels.start();
    log.info({ lease: wanted.lease.name, port: wanted.port }, 'looking after the control-plane VIP');
    balancing?.start();
    api.start();
    agreement?.start(telling);
    controlPlane.start();
  }

  /** @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
  #api(): ApiParts {
    const { config, controlPlane, node, log } = this.#options;
    try {
      return wireApi(config, controlPlane, node, this.#notYet);
    } catch (error) {
      // One that is named is waited for.
      if (!controlPlane.etcd || config.kubeconfig !== undefined || !isApiError(error, 'NO_KUBECONFIG')) throw error;
      log.info({}, 'there is no kubeconfig: the control-plane VIP is elected in etcd alone, and nothing is recorded');
      return withoutApi(controlPlane);
    }
  }

  /** Undefined: its Lease decides. */
  #agreement(api: ApiParts, common: Parameters<typeof wireVipInEtcd>[2]): VipAgreement | undefined {
    const { config, controlPlane, node } = this.#options;
    if (controlPlane.etcd) return wireVipInEtcd(this.#options, controlPlane.etcd, common, node);
    return config.election.kind === 'heartbeat' ? wireVipHeartbeats(this.#options, api, common, node) : undefined;
  }

  #addresses(onChange: () => void): VipAddresses {
    const { controlPlane, node } = this.#options;
    const { vip, link } = controlPlane;
    const { clock, leases, network } = node;
    if (!('hostname' in vip)) return createVipAddresses({ request: vip, lookUp, clock, onChange });
    const links = (): readonly Link[] => network.links();
    const [first = 4, ...others] = vip.families;
    const of = (family: Family): VipAddresses =>
      new VipByDhcp({ ...vip, family, link, links, leases: leases[family], clock, onChange });
    return others.length === 0 ? of(first) : joinVips([of(first), ...others.map(of)]);
  }

  #record(addresses: VipAddresses, recorded: readonly string[]): Readonly<Record<string, string>> {
    const { current } = addresses;
    return writeControlPlaneRecord({
      version: VERSION,
      addresses: current.state === 'ready' ? current.value : [],
      port: this.#options.controlPlane.port,
      names: this.#names ?? recorded,
      handsOver: true,
      everyNode: this.#options.node.announcement.reach === 'every-node',
    });
  }

  /** What the LAN is told of the cluster, once it can be known. */
  async #learn(api: ApiParts, controlPlane: ControlPlane): Promise<void> {
    try {
      const [version, caHash] = await Promise.all([api.version(), api.caHash()]);
      this.#facts = { version, ...(caHash === undefined ? {} : { caHash }) };
      controlPlane.pass();
    } catch (error) {
      this.#options.log.debug({ message: messageOf(error) }, 'the version of the API server is not known yet');
      if (!this.#stopped) this.#options.node.clock.after(RETRY, () => void this.#learn(api, controlPlane));
    }
  }
}

/** `HOST:PORT`, as clients use it. */
function endpointOf({ vip, port }: ControlPlaneConfig, addresses: VipAddresses): string {
  if ('name' in vip) return `${vip.name}:${port}`;
  const [first = ''] = addresses.current.state === 'ready' ? addresses.current.value : [];
  return hostPort(first, port);
}
