/** Makes the real parts of an agent: sockets and kernel from `linux/`, the API server from `kube/`. */
import { createDhcp6Leases, createDhcpLeases, type DhcpLeasesOnNode } from '../exposure/address/dhcp/leases.ts';
import { dhcpLans } from '../exposure/address/dhcp/lans.ts';
import { OFFER_PROBE } from '../exposure/address/dhcp/offer-check.ts';
import { createSpareRecord } from '../exposure/address/dhcp/spare-record.ts';
import { createSpareLeases, type SpareLeases } from '../exposure/address/dhcp/spares.ts';
import { chooseLink, isLink } from '../exposure/announcement/link-choice.ts';
import { createAddressProber } from '../exposure/address/prober.ts';
import { createEgress } from '../exposure/egress/egress.ts';
import { EndpointStage } from '../exposure/endpoints/stage.ts';
import { createFlightRecorder } from '../exposure/failover/recorder.ts';
import { createNamePublisher } from '../exposure/naming/publisher.ts';
import { createElection } from '../exposure/ownership/election/election.ts';
import { withCustody } from '../exposure/ownership/custody.ts';
import type { HeartbeatOwnership } from '../exposure/ownership/heartbeat/options.ts';
import { createLeaseOwnership } from '../exposure/ownership/lease-ownership.ts';
import { presenceNameOf } from '../exposure/ownership/names.ts';
import { besideLeases } from '../exposure/ownership/record/beside-leases.ts';
import { createLeaseRecord, type LeaseRecord } from '../exposure/ownership/record/lease-record.ts';
import { createRouterMappings } from '../exposure/router/mappings.ts';
import { isServiceLabel } from '../exposure/labels/names.ts';
import { createNodeLabels } from '../exposure/labels/node-labels.ts';
import { serviceLabels } from '../exposure/labels/service-labels.ts';
import { createServiceSecurity } from '../exposure/security/service-security.ts';
import { createMirror } from '../exposure/mirror/mirror.ts';
import { createVlanLinks } from '../exposure/vlan/vlan-links.ts';
import { connect } from '../kube/client.ts';
import { createEventRecorder } from '../kube/event-recorder.ts';
import { createKeySecret } from '../kube/key-secret.ts';
import { createLeaseStore } from '../kube/lease-store.ts';
import { createNodeLabelStore } from '../kube/node-label-store.ts';
import { createServiceWriter } from '../kube/service-writer.ts';
import { createWatcher, type Watcher } from '../kube/watcher/watcher.ts';
import type { Kind, Kinds } from '../kube/kinds.ts';
import type { Selection } from '../kube/resource.ts';
import { createSystemClock } from '../linux/clock.ts';
import { systemEntropy } from '../linux/entropy.ts';
import { createDetourTable } from '../linux/detour-table.ts';
import { createEgressTable } from '../linux/egress-table.ts';
import { lookUp } from '../linux/look-up.ts';
import { createMirrorTable } from '../linux/mirror-table.ts';
import { createNetwork } from '../linux/network.ts';
import { createPortFilter } from '../linux/port-filter.ts';
import { createVlanTable } from '../linux/vlan-links.ts';
import { HEARTBEAT_SECRET } from '../manifests/names.ts';
import { writeAgentInfo } from '../model/agent-info.ts';
import { messageOf } from '../model/errors.ts';
import type { Family } from '../model/ip.ts';
import { writeFailovers } from '../model/failover-record.ts';
import { VERSION } from '../model/version.ts';
import { createAnnouncer, type Ways } from './announcer.ts';
import { rulesUnder } from './cluster-record.ts';
import type { AgentConfig } from './config.ts';
import { egressWanted } from './egress.ts';
import { nodeAddresses, wireHeartbeat, type HeartbeatParts } from './heartbeat.ts';
import type { Logger } from './log.ts';
import type { Parts } from './parts.ts';
import { existing } from './nodes.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import { clusterOf } from './router-sweep.ts';
import { STALE_SECONDS, staleSeconds } from './snapshot.ts';

/** Nothing is started and no request made yet. @throws KubevipError for a kubeconfig that cannot be used. */
export function wire(
  settings: AgentConfig,
  log: Logger,
  metrics?: Pick<ProcessMetrics, 'heartbeatRefused'>,
  ways: Ways = {},
): Parts {
  const clock = createSystemClock();
  const entropy = systemEntropy;
  const where = settings.netns === undefined ? {} : { netns: settings.netns };
  const network = createNetwork(where);
  const cluster = connect({
    env: process.env,
    userAgent: `kubevip-agent/${VERSION}`,
    ...(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig }),
  });
  const watch = <K extends Kind>(kind: K, selection: Selection): Watcher<Kinds[K]> =>
    createWatcher<Kinds[K]>({
      resource: cluster.resource(kind),
      selection,
      clock,
      entropy,
      onError: (error) => log.warn({ kind, message: messageOf(error) }, 'watching fails; trying again'),
    });
  const { clusterRecord, configMap } = settings;
  const record =
    clusterRecord &&
    watch('ConfigMap', { namespace: configMap.namespace, fieldSelector: `metadata.name=${clusterRecord}` });
  const config = record ? { ...settings, rules: rulesUnder(settings.rules, record) } : settings;
  const store = createLeaseStore({
    leases: cluster.resource('Lease'),
    watcher: watch('Lease', { namespace: config.namespace }),
    namespace: config.namespace,
    clock,
  });
  const leaseError = (lease: string) => (error: unknown) =>
    log.debug({ lease, message: messageOf(error) }, 'a Lease could not be written');
  const everywhere = { namespace: config.watchNamespace ?? '*' };
  const services = watch('Service', everywhere);
  const endpointSlices = watch('EndpointSlice', everywhere);
  const prober = createAddressProber({ network, clock, entropy });
  const offerProber = createAddressProber({ network, clock, entropy, timing: OFFER_PROBE });
  const leasing = { network, clock, entropy, prober: offerProber, log };
  const allocatorElection = createElection({
    name: config.allocatorLease,
    // Not the node's bare name: a kube-vip on the same node calls itself that in this very Lease.
    identity: `${config.node}_kubevip`,
    times: config.allocatorTimes,
    clock,
    store,
    onError: leaseError(config.allocatorLease),
  });
  // Nodes belong to no namespace: an agent that is limited to one may not read them, unless it is told to.
  const nodes = config.watchNamespace === undefined || config.honorExcludeLabel ? watch('Node', {}) : undefined;
  const recorder = createFlightRecorder({ node: config.node, clock });
  const about = (): Readonly<Record<string, string>> => {
    const strangers = heartbeats?.record.strangers() ?? [];
    const unheard = strangers.flatMap(({ node, kind }) => (kind === 'unheard' ? [node] : []));
    return {
      ...writeAgentInfo({
        version: VERSION,
        honorsExcludeLabel: config.honorExcludeLabel,
        seesNodes: nodes?.isSynced ?? false,
        ...(config.mode.reach.services === 'every-node' ? { everyNode: true } : {}),
        ...(unheard.length > 0 ? { unheard } : {}),
      }),
      ...writeFailovers(recorder.records()),
    };
  };
  const heartbeats = config.election.kind === 'heartbeat' ? byHeartbeat() : undefined;
  const ownership =
    heartbeats?.ownership ??
    withCustody({
      clock,
      ownership: createLeaseOwnership({
        node: config.node,
        times: config.lease,
        clock,
        store,
        about,
        onError: (error, lease) => leaseError(lease)(error),
      }),
    });
  return {
    config,
    clock,
    entropy,
    log,
    network,
    lookUp,
    watchers: {
      services,
      endpointSlices,
      configMaps: watch('ConfigMap', {
        namespace: config.configMap.namespace,
        fieldSelector: `metadata.name=${config.configMap.name}`,
      }),
      ...(record ? { record } : {}),
      ...(nodes ? { nodes } : {}),
    },
    allocatorElection,
    ...(heartbeats ? { heartbeats } : {}),
    stages: {
      prober,
      leases: {
        4: withSpares(4, createDhcpLeases(leasing), config.dhcpSpare),
        6: withSpares(6, createDhcp6Leases(leasing), config.dhcp6Spare),
      },
      ownership,
      announcement: createAnnouncer(config, {
        instance: 'services',
        network,
        clock,
        recorder,
        ways,
        ...(heartbeats ? { mayAnswer: (ip) => heartbeats.ownership.answers(ip) } : {}),
      }),
      endpoints: new EndpointStage({
        node: config.node,
        clock,
        table: createDetourTable(where),
        services: () => services.store.list(),
        slices: () => endpointSlices.store.list(),
        lostNodes: () => existing(ownership.lostNodes(), nodes),
        inContact: () => staleSeconds(endpointSlices, clock.now()) <= STALE_SECONDS,
        onChange: (nodes, ports) =>
          log.info({ nodes, ports }, nodes.length > 0 ? 'leading traffic past the pods of dead nodes' : 'no detours'),
        onError: (error) => log.warn({ message: messageOf(error) }, 'no way past the pods of dead nodes; trying again'),
      }),
      onlookers: [
        createNodeLabels({
          node: config.node,
          clock,
          enabled: config.nodeLabels,
          store: createNodeLabelStore({
            nodes: cluster.resource('Node'),
            ...(nodes ? { known: () => nodes.store.list() } : {}),
          }),
          isOurs: isServiceLabel,
          wanted: () =>
            services.isSynced && nodes?.isSynced !== false
              ? serviceLabels(services.store.list(), (ip) => ownership.holds(ip))
              : undefined,
          cleans: (name) => allocatorElection.isLeader && !ownership.liveNodes().includes(name),
          onError: (error) => log.warn({ message: messageOf(error) }, 'the node cannot be labelled; trying again'),
        }),
        createVlanLinks({
          clock,
          links: createVlanTable(where),
          rules: config.rules,
          services: () => (services.isSynced ? services.store.list() : undefined),
          onError: (error) => log.warn({ message: messageOf(error) }, 'no interface for a VLAN; trying again'),
        }),
        createEgress({
          clock,
          table: createEgressTable(where),
          wanted: () =>
            egressWanted(config, { services, endpointSlices, ...(nodes ? { nodes } : {}) }, (ip) =>
              ownership.holds(ip),
            ),
          onError: (error) => log.warn({ message: messageOf(error) }, 'pods keep their source; trying again'),
        }),
        createMirror({
          clock,
          table: createMirrorTable(where),
          to: config.mirrorTo,
          from: config.link,
          links: () => network.links(),
          onError: (error) => log.warn({ message: messageOf(error) }, 'no copy of the traffic; trying again'),
        }),
        createServiceSecurity({
          clock,
          filter: createPortFilter(where),
          enabled: config.serviceSecurity,
          services: () => services.store.list(),
          onError: (error) => log.warn({ message: messageOf(error) }, 'other ports are not closed; trying again'),
        }),
      ],
      router: createRouterMappings({ network, clock, cluster: () => clusterOf(services) }),
      names: createNamePublisher({ network, clock, entropy }),
    },
    recorder,
    writer: createServiceWriter(cluster.resource('Service')),
    events: createEventRecorder({
      events: cluster.resource('Event'),
      clock,
      entropy,
      instance: config.node,
      onError: (error) => log.debug({ message: messageOf(error) }, 'an Event could not be written'),
    }),
  };

  function withSpares(family: Family, leases: DhcpLeasesOnNode, count: number): SpareLeases {
    return createSpareLeases({
      family,
      leases,
      count: config.rules.withdraw ? 0 : count,
      allocating: () => allocatorElection.isLeader,
      cluster: () => store.get(config.allocatorLease)?.metadata.uid,
      lans: () => dhcpLans(family, network.links(), services.store.list(), config.link),
      services: () => services.store.list(),
      record: createSpareRecord({ store, family, onError: leaseError('of spare DHCP leases') }),
      prober: offerProber,
      clock,
    });
  }

  function byHeartbeat(): NonNullable<Parts['heartbeats']> & { readonly ownership: HeartbeatOwnership } {
    const { namespace } = config;
    const record: LeaseRecord = createLeaseRecord({
      node: config.node,
      store,
      clock,
      times: config.lease,
      about,
      addresses: () => nodeAddresses(network.links(), config.link),
      live: () => parts.ownership.liveNodes(),
      isAnswered: async (address) => {
        const link = chooseLink(network.links(), address, config.link);
        if (config.mode.kind !== 'arp' || !isLink(link)) throw new Error(`nobody on a LAN is to answer for ${address}`);
        return (await prober.probe(address, link.name)) !== undefined;
      },
      onError: (error, lease) => leaseError(lease)(error),
    });
    const parts: HeartbeatParts = wireHeartbeat({
      config,
      instance: 'services',
      network,
      clock,
      entropy,
      log,
      metrics,
      link: config.link,
      secret: createKeySecret({
        secrets: cluster.resource('Secret'),
        watcher: watch('Secret', { namespace, fieldSelector: `metadata.name=${HEARTBEAT_SECRET}` }),
        name: HEARTBEAT_SECRET,
        namespace,
      }),
      record,
      peers: () => record.peers(),
    });
    return {
      ...parts,
      record,
      presenceOf: (node) => store.get(presenceNameOf(node)),
      ownership: besideLeases({
        ownership: parts.ownership,
        record,
        store,
        clock,
        isCutOff: () => parts.isCutOff(),
      }),
    };
  }
}
