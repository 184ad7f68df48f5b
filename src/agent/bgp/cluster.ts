/** What the cluster says of BGP: annotations of the own Node, a ConfigMap, a Secret; and where the agent says how it is. */
import { createEventRecorder, type StoppableRecorder } from '../../kube/event-recorder.ts';
import { isApiError } from '../../kube/errors.ts';
import type { Kind, Kinds } from '../../kube/kinds.ts';
import type { Selection } from '../../kube/resource.ts';
import { createWatcher, type Watcher } from '../../kube/watcher/watcher.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import { BGP_SECRET } from '../../manifests/names.ts';
import { BGP_LEASE_PREFIX, writeBgpRecord, type BgpRecord } from '../../model/bgp-record.ts';
import type { ConfigMap, Lease, Node, Secret } from '../../model/kubernetes.ts';
import { microTime } from '../../model/lease.ts';
import type { Clock } from '../../model/time.ts';
import type { AgentConfig } from '../config.ts';
import { ownCluster } from '../own-cluster.ts';
import type { BgpConfig } from './config.ts';

/** The record is renewed that often, and counts for a little more than twice as long. */
export const RENEW = 60_000;
const RECORD_SECONDS = 150;
const LAST_EVENTS = 500;

export interface BgpCluster {
  /** Peers, communities. */
  configMap(): ConfigMap | undefined;
  /** Pools of the same namespace. */
  pools(): ConfigMap | undefined;
  node(): Node | undefined;
  secret(): Secret | undefined;
  /** Begins to look for passwords in the Secret. @param needed that it may not be read is told: a peer names a key of it. */
  watchSecret(needed: boolean): void;
  /** @throws ApiError */
  write(record: BgpRecord): Promise<void>;
  event(type: 'Normal' | 'Warning', reason: string, note: string): void;
  stop(): Promise<void>;
}

/** @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
export function connectBgp(
  config: AgentConfig,
  bgp: BgpConfig,
  clock: Clock,
  onChange: () => void,
  onError: (topic: string, error: unknown) => void,
): BgpCluster {
  const cluster = ownCluster(config);
  const { namespace } = config.configMap;
  const watchers: Watcher<never>[] = [];
  const watch = <K extends Kind>(kind: K, selection: Selection): Watcher<Kinds[K]> => {
    const watcher = createWatcher<Kinds[K]>({
      resource: cluster.resource(kind),
      selection,
      clock,
      entropy: systemEntropy,
      onError: (error) => {
        if (kind === 'Secret' && !secretNeeded && isApiError(error, 'FORBIDDEN')) return;
        onError(`watching ${kind}`, error);
      },
    });
    watchers.push(watcher as unknown as Watcher<never>);
    watcher.onChange(onChange);
    watcher.start();
    return watcher;
  };
  const named = (name: string): Selection => ({ namespace, fieldSelector: `metadata.name=${name}` });
  const maps = watch('ConfigMap', named(bgp.configMap));
  const pools = watch('ConfigMap', named(config.configMap.name));
  const nodes =
    bgp.annotationPrefix === undefined ? undefined : watch('Node', { fieldSelector: `metadata.name=${config.node}` });
  let secrets: Watcher<Secret> | undefined;
  let secretNeeded = false;
  const events: StoppableRecorder = createEventRecorder({
    events: cluster.resource('Event'),
    clock,
    entropy: systemEntropy,
    instance: config.node,
    action: 'AnnounceRoutes',
    onError: (error) => onError('Events', error),
  });
  const name = `${BGP_LEASE_PREFIX}${config.node}`;
  const leases = cluster.resource('Lease');
  let lease: Lease | undefined;
  return {
    configMap: () => maps.store.get(`${namespace}/${bgp.configMap}`),
    pools: () => pools.store.get(`${namespace}/${config.configMap.name}`),
    node: () => nodes?.store.get(config.node),
    secret: () => secrets?.store.get(`${namespace}/${BGP_SECRET}`),
    watchSecret: (needed) => {
      secretNeeded = needed;
      secrets ??= watch('Secret', named(BGP_SECRET));
    },
    async write(record) {
      const metadata = { name, namespace: config.namespace };
      const spec = {
        holderIdentity: config.node,
        leaseDurationSeconds: RECORD_SECONDS,
        renewTime: microTime(clock.wall()),
      };
      const annotations = writeBgpRecord(record);
      try {
        lease = await leases.patch(metadata, { metadata: { annotations }, spec }, { type: 'merge' });
      } catch (error) {
        if (!isApiError(error, 'NOT_FOUND')) throw error;
        lease = await leases.create({ metadata: { ...metadata, annotations }, spec });
      }
    },
    event: (type, reason, note) => {
      if (lease) events.record(lease, type, reason, note);
    },
    async stop() {
      for (const watcher of watchers) watcher.stop();
      await events.stop(LAST_EVENTS);
      cluster.close();
    },
  };
}
