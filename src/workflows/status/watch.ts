/** The status of a cluster, kept up to date by watches: looking at it costs the API server nothing. */
import type { Kind, Kinds } from '../../kube/kinds.ts';
import type { Selection } from '../../kube/resource.ts';
import { createWatcher, type Watcher } from '../../kube/watcher/watcher.ts';
import { pause, type Clock, type Entropy, type Milliseconds } from '../../model/time.ts';
import { POOLS } from '../expose/check.ts';
import { isPresence, PRESENCE } from '../expose/wait.ts';
import { askApiServers, controlPlaneLease } from './control-plane.ts';
import { API_SERVERS, gather, type StatusCluster, type StatusRequest } from './gather.ts';
import { statusReport, type StatusReport } from './report.ts';

export interface StatusWatch {
  report(now: Date): StatusReport;
  /** Why the report may be out of date; undefined while the API server answers. */
  readonly trouble: string | undefined;
  /** Until something changes, or `within` has passed. */
  news(within: Milliseconds): Promise<void>;
  close(): void;
}

/** What comes in one go is shown in one go. */
const SETTLE: Milliseconds = 50;
/** API servers say by themselves neither that they are ready nor that they are not. */
const ASK_AGAIN: Milliseconds = 2000;

/** What may not be read is not watched. @throws ApiError, KubevipError NO_SUCH_SERVICE */
export async function watchStatus(
  cluster: StatusCluster,
  request: StatusRequest,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): Promise<StatusWatch> {
  const first = await gather(cluster, request);
  let wake = (): void => undefined;
  const watchers: Watcher<Kinds[Kind]>[] = [];
  const watch = <K extends Kind>(kind: K, selection: Selection): Watcher<Kinds[K]> => {
    const resource = cluster.resource(kind);
    const watcher = createWatcher<Kinds[K]>({ resource, selection, clock, entropy, onError: () => wake() });
    watcher.onChange(() => wake());
    watcher.start();
    watchers.push(watcher);
    return watcher;
  };
  const services = watch('Service', { namespace: first.allServices === undefined ? request.namespace : '*' });
  const leases = first.presence && watch('Lease', { namespace: PRESENCE.namespace });
  const selection = { namespace: POOLS.namespace, fieldSelector: `metadata.name=${POOLS.name}` };
  const pools = first.pools === null ? undefined : watch('ConfigMap', selection);
  const nodes = first.nodes && watch('Node', {});
  const servers =
    first.controlPlane &&
    first.controlPlane.slices.length > 0 &&
    watch('EndpointSlice', { namespace: API_SERVERS.namespace, fieldSelector: `metadata.name=${API_SERVERS.name}` });
  await Promise.all(watchers.map(({ synced }) => synced));
  const slices = () => (servers ? servers.store.list() : []);
  let answers = first.controlPlane?.answers ?? new Map();
  let closed = false;
  const askAgain = async (): Promise<void> => {
    if (closed || !leases || controlPlaneLease(leases.store.list()) === undefined) return;
    answers = await askApiServers(cluster, slices());
  };
  const follow = (): void => {
    timer = clock.after(ASK_AGAIN, () => void askAgain().then(() => (closed ? undefined : follow())));
  };
  let timer = clock.after(ASK_AGAIN, () => undefined);
  timer.cancel();
  if (cluster.askReadiness) follow();

  return {
    report: (now) =>
      statusReport({
        services: services.store
          .list()
          .filter(
            ({ metadata: { name, namespace = 'default' } }) =>
              ['*', namespace].includes(request.namespace) && [undefined, name].includes(request.name),
          ),
        allServices: first.allServices && services.store.list(),
        presence: leases?.store.list().filter(isPresence),
        controlPlane: leases && { leases: leases.store.list(), slices: slices(), answers },
        pools: pools ? pools.store.list()[0] : null,
        nodes: nodes?.store.list(),
        now,
      }),
    get trouble() {
      return watchers.map(({ stats }) => stats.lastError).find((message) => message !== undefined);
    },
    news: async (within) => {
      const woken = await new Promise<boolean>((resolve) => {
        const timer = clock.after(within, () => resolve(false));
        wake = () => {
          timer.cancel();
          resolve(true);
        };
      });
      wake = () => undefined;
      if (woken) await pause(clock, SETTLE);
    },
    close: () => {
      closed = true;
      timer.cancel();
      watchers.forEach((watcher) => watcher.stop());
    },
  };
}
