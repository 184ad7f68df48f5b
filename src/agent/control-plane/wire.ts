/** Makes the real parts of the control-plane VIP: one half of this node's network, the other half of its API servers. */
import { existsSync } from 'node:fs';
import { createDhcp6Leases, createDhcpLeases, type DhcpLeasesOnNode } from '../../exposure/address/dhcp/leases.ts';
import { createAddressProber } from '../../exposure/address/prober.ts';
import type { AddressProber } from '../../exposure/address/port.ts';
import type { ClosableAnnouncement } from '../../exposure/announcement/port.ts';
import { apiBackends } from '../../exposure/control-plane/balance/candidates.ts';
import type { ApiBackend, BackendProbes } from '../../exposure/control-plane/balance/port.ts';
import type { LocalApiServer, OtherApiServers } from '../../exposure/control-plane/port.ts';
import { createFlightRecorder, type FlightRecorder } from '../../exposure/failover/recorder.ts';
import { createNamePublisher } from '../../exposure/naming/publisher.ts';
import type { NamePublisher } from '../../exposure/naming/port.ts';
import type { NodeLabelStore } from '../../exposure/labels/port.ts';
import type { KeySecret, LeaseStore } from '../../exposure/ownership/port.ts';
import { createLocalApiServer, createOtherApiServers } from '../../kube/api-servers.ts';
import { createBackendProbes } from '../../kube/backend-probes.ts';
import { caHashOf } from '../../kube/ca-hash.ts';
import { connectWith } from '../../kube/client.ts';
import { loadCredentials, redirected, type ApiEndpoint } from '../../kube/credentials.ts';
import { createEventRecorder, type StoppableRecorder } from '../../kube/event-recorder.ts';
import type { Kind, Kinds } from '../../kube/kinds.ts';
import { createNodeLabelStore } from '../../kube/node-label-store.ts';
import { createKeySecret } from '../../kube/key-secret.ts';
import { createLeaseStore } from '../../kube/lease-store.ts';
import type { Selection } from '../../kube/resource.ts';
import { REFLECTOR_TIMES } from '../../kube/watcher/machine.ts';
import { createWatcher, type Watcher } from '../../kube/watcher/watcher.ts';
import { createSystemClock } from '../../linux/clock.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import { createNetwork } from '../../linux/network.ts';
import { handshakes } from '../../linux/tcp-handshake.ts';
import { HEARTBEAT_SECRET } from '../../manifests/names.ts';
import { familyOf, isLinkLocal, parseIp, type Family, type Ip } from '../../model/ip.ts';
import type { Clock } from '../../model/time.ts';
import { VERSION } from '../../model/version.ts';
import type { Network } from '../../model/wire.ts';
import { createAnnouncer, type Ways } from '../announcer.ts';
import type { AgentConfig } from '../config.ts';
import type { ControlPlaneConfig } from './config.ts';

/** Where kube-vip's static pod has the kubeconfig mounted. */
const ADMIN_CONF = '/etc/kubernetes/admin.conf';
const USER_AGENT = `kubevip-agent/${VERSION}`;
/** Another API server that takes longer than this is no better than ours. */
const OTHERS_TIMEOUT = 1000;
/**
 * While a cluster is being made there is no API server at first, and no permission after that: neither takes a person
 * to change, and everybody waits for the VIP.
 */
const EAGER = { ...REFLECTOR_TIMES, backoff: [500, 1000], denied: 500 } as const;

export interface NodeParts {
  readonly clock: Clock;
  readonly network: Network;
  /** Marked as the control plane's, so that an agent for Services on the same node leaves it alone. */
  readonly announcement: ClosableAnnouncement;
  /** From now on questions are answered only for addresses of which this is true. */
  readonly answerOnlyIf: (answers: (ip: Ip) => boolean) => void;
  readonly prober: AddressProber;
  readonly names: NamePublisher;
  /** For a VIP by DHCP. Offers are not checked: the address stands on another control plane most of the time. */
  readonly leases: Readonly<Record<Family, DhcpLeasesOnNode>>;
  readonly recorder: FlightRecorder;
}

export interface ApiParts {
  readonly store: LeaseStore;
  readonly local: LocalApiServer;
  readonly others: OtherApiServers;
  readonly events: StoppableRecorder;
  /** The Secret with the key of the heartbeats. */
  readonly secret: KeySecret;
  /** Addresses of the other control planes, as far as known. */
  readonly otherControlPlanes: () => readonly Ip[];
  /** The API servers behind the VIP, where it is spread over them. */
  readonly backends?: {
    readonly probes: BackendProbes;
    list(): ApiBackend[];
    onChange(callback: () => void): () => void;
  };
  /** Of this node's API server. @throws ApiError */
  version(): Promise<string>;
  readonly nodeLabels: NodeLabelStore;
  /** @throws ApiError, Error */
  caHash(): Promise<string | undefined>;
  start(): void;
  close(): void;
}

/** Takes away what an earlier run left on the node. @throws OsError without the right to change addresses. */
export function wireNode(config: AgentConfig, ways: Ways = {}): NodeParts {
  const { node, netns } = config;
  /** Set when heartbeats decide: who owns the VIP is known later than the node is. */
  const may: { answer: (ip: Ip) => boolean } = { answer: () => true };
  const clock = createSystemClock();
  const entropy = systemEntropy;
  const network = createNetwork(netns === undefined ? {} : { netns });
  const recorder = createFlightRecorder({ node, clock });
  return {
    clock,
    network,
    announcement: createAnnouncer(config, {
      instance: 'control-plane',
      network,
      clock,
      recorder,
      ways,
      mayAnswer: (ip) => may.answer(ip),
    }),
    answerOnlyIf: (answers) => (may.answer = answers),
    prober: createAddressProber({ network, clock, entropy }),
    names: createNamePublisher({ network, clock, entropy }),
    leases: {
      4: createDhcpLeases({ network, clock, entropy }),
      6: createDhcp6Leases({ network, clock, entropy }),
    },
    recorder,
  };
}

/** Nothing is started and no request made yet. @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
export function wireApi(
  config: AgentConfig,
  { port, lease, health, server, balance }: ControlPlaneConfig,
  { clock, network }: NodeParts,
  notYet: (topic: string, error: unknown) => void,
): ApiParts {
  const kubeconfig = config.kubeconfig ?? (existsSync(ADMIN_CONF) ? ADMIN_CONF : undefined);
  const credentials = loadCredentials({ env: process.env, ...(kubeconfig === undefined ? {} : { kubeconfig }) });
  const nodeAddresses = (): Ip[] => addressesOf(network);
  const local = createLocalApiServer({ credentials, port, nodeAddresses, ...health });
  const own = redirected(credentials, server ? () => endpointOf(server) : () => local.endpoint());
  const cluster = connectWith(own, { userAgent: USER_AGENT, namespace: lease.namespace });
  const watch = <K extends Kind>(kind: K, selection: Selection): Watcher<Kinds[K]> =>
    createWatcher<Kinds[K]>({
      resource: cluster.resource(kind),
      selection,
      clock,
      entropy: systemEntropy,
      times: EAGER,
      onError: (error) => notYet(`watching ${kind}`, error),
    });
  const where = config.netns === undefined ? {} : { netns: config.netns };
  const leases = watch('Lease', { namespace: lease.namespace, fieldSelector: `metadata.name=${lease.name}` });
  const endpoints = watch('EndpointSlice', { namespace: 'default', fieldSelector: 'metadata.name=kubernetes' });
  // Who may not read them has the family that API servers write of themselves.
  const nodes = balance ? watch('Node', { labelSelector: 'node-role.kubernetes.io/control-plane' }) : undefined;
  return {
    local,
    ...(nodes
      ? {
          backends: {
            probes: createBackendProbes(credentials, (backend, timeout) => handshakes(backend, timeout, where)),
            list: () =>
              apiBackends({
                slices: endpoints.store.list(),
                nodes: nodes.store.list(),
                ownAddresses: nodeAddresses(),
                port,
              }),
            onChange: (callback) => {
              const stops = [endpoints.onChange(callback), nodes.onChange(callback)];
              return () => stops.forEach((stop) => stop());
            },
          },
        }
      : {}),
    store: createLeaseStore({
      leases: cluster.resource('Lease'),
      watcher: leases,
      namespace: lease.namespace,
      clock,
    }),
    others: createOtherApiServers({
      credentials,
      slices: () => (endpoints.isSynced ? endpoints.store.list() : undefined),
      nodeAddresses,
      leaseNamespace: lease.namespace,
      clock,
      userAgent: USER_AGENT,
      timeout: OTHERS_TIMEOUT,
      onError: (error, address) => notYet(`freeing the Lease at ${address}`, error),
    }),
    secret: createKeySecret({
      secrets: cluster.resource('Secret'),
      watcher: watch('Secret', { namespace: lease.namespace, fieldSelector: `metadata.name=${HEARTBEAT_SECRET}` }),
      name: HEARTBEAT_SECRET,
      namespace: lease.namespace,
    }),
    otherControlPlanes: () => {
      const own = new Set(nodeAddresses());
      return endpoints.store
        .list()
        .flatMap((slice) => slice.endpoints ?? [])
        .flatMap(({ addresses }) => addresses.flatMap((text) => parseIp(text) ?? []))
        .filter((address) => !own.has(address));
    },
    events: createEventRecorder({
      events: cluster.resource('Event'),
      clock,
      entropy: systemEntropy,
      instance: config.node,
      action: 'HoldAddress',
      onError: (error) => notYet('Events', error),
    }),
    nodeLabels: createNodeLabelStore({ nodes: cluster.resource('Node') }),
    version: async () => cluster.version({ timeoutMs: health.timeout }),
    caHash: async () => caHashOf(credentials),
    start: () => {
      endpoints.start();
      nodes?.start();
    },
    close: () => {
      endpoints.stop();
      nodes?.stop();
      cluster.close();
    },
  };
}

function endpointOf(server: URL): ApiEndpoint {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const port = Number(server.port || (server.protocol === 'https:' ? 443 : 80));
  // No certificate of kubeadm names loopback.
  return { host, port, ...(/^127\.|^::1$/.test(host) ? { serverName: 'kubernetes' } : {}) };
}

/** Addresses that are this node's own: those in a subnet. Ones that move stand alone. */
function addressesOf(network: Network): Ip[] {
  return network
    .links()
    .flatMap(({ addresses }) => addresses)
    .filter(({ ip, prefixLength }) => prefixLength < (familyOf(ip) === 4 ? 32 : 128) && !isLinkLocal(ip))
    .map(({ ip }) => ip);
}
