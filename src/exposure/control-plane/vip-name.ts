/** The name of the cluster on the LAN: `NAME.local` at the VIP, and how `kubevip join` finds it. */
import { writeAdvertisement, CLUSTER_SERVICE_TYPE } from '../../model/cluster-advertisement.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { NamePublisher } from '../naming/port.ts';
import type { VipName } from './control-plane.ts';

export interface VipNameOptions {
  readonly names: NamePublisher;
  readonly cluster: string;
  /** `HOST:PORT` of the API. */
  readonly endpoint: () => string;
  readonly port: number;
  /** As far as known; asked each time. */
  readonly facts: () => { readonly caHash?: string; readonly version?: string };
  /** Names that an earlier owner has won. */
  readonly verified: () => readonly string[];
  /** The names in use: those of the cluster, or renamed after a conflict. */
  readonly onPublished: (names: readonly string[]) => void;
}

/** Not a Service, but published like one. */
export const VIP_KEY: ServiceKey = 'kube-system/kubevip-control-plane';

export function createVipName(options: VipNameOptions): VipName {
  const { names, cluster, endpoint, port, facts, verified, onPublished } = options;
  return {
    ensure(ips, link) {
      const txt = writeAdvertisement({ cluster, endpoint: endpoint(), ...facts() });
      const decision = names.ensure({
        service: VIP_KEY,
        hosts: [`${cluster}.local`],
        ips,
        link,
        instance: cluster,
        ports: [{ type: CLUSTER_SERVICE_TYPE, port, txt }],
        verified: verified(),
      });
      if (decision.state === 'ready') onPublished([...decision.value.hosts, ...decision.value.instances]);
      return decision;
    },
    yield: () => names.yield(VIP_KEY),
  };
}
