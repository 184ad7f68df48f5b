/** Agents that keep spare leases of one family, and the Services that get them. */
import { writeAssigned } from '../../../src/exposure/address/assigned.ts';
import type { RecordedSpare, SpareRecord } from '../../../src/exposure/address/dhcp/spare-record.ts';
import { createSpareLeases, type SpareLeases } from '../../../src/exposure/address/dhcp/spares.ts';
import type { DhcpLease, DhcpRequest } from '../../../src/exposure/address/port.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Family, Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { service } from '../../support/exposure.ts';
import { createLeasesLan, type LeasesLan, type TestNode } from './leases-lan.ts';

export const LAN = '10.77.0.0/24';

export interface Cluster {
  readonly world: LeasesLan;
  readonly services: Map<string, Service>;
  /** What the record holds. */
  spares: readonly RecordedSpare[];
  /** The node that gives out addresses. */
  allocator: number;
  /** LANs that the next agents are in. */
  lans: readonly { readonly link: string; readonly lan: string }[];
  /** Who answers for spares in the LAN. */
  readonly strangers: Map<Ip, Mac>;
  agent(number: number, count: number): SpareLeases & { readonly node: TestNode };
  /** The Service shows its lease. */
  carry(asked: DhcpRequest, lease: DhcpLease): void;
}

export function createCluster(family: Family = 4): Cluster {
  const world = createLeasesLan();
  const services = new Map<string, Service>();
  const strangers = new Map<Ip, Mac>();
  const record: SpareRecord = {
    read: () => self.spares,
    write(spares) {
      self.spares = spares;
      return Promise.resolve();
    },
  };
  const self: Cluster = {
    world,
    services,
    strangers,
    spares: [],
    allocator: 1,
    lans: [{ link: 'eth0', lan: LAN }],
    agent(number, count) {
      const node = world.node(number);
      const { lans } = self;
      const spares = createSpareLeases({
        family,
        leases: family === 4 ? node.leases : node.leases6,
        count,
        allocating: () => self.allocator === number,
        cluster: () => 'cluster-uid',
        lans: () => lans,
        services: () => services.values(),
        record,
        prober: { probe: (address) => Promise.resolve(strangers.get(address)) },
        clock: world.clock,
      });
      return { ...spares, node };
    },
    carry({ service: key, uid, link }, lease) {
      const name = key.split('/')[1] ?? '';
      const assigned = {
        ips: [lease.ip],
        source: 'dhcp',
        link,
        ...(family === 4 ? { lease } : { lease6: lease }),
      } as const;
      const annotations = {
        [KEY.assigned]: writeAssigned(assigned),
        ...(family === 4 ? { [KEY.hwaddr]: lease.mac } : {}),
      };
      services.set(key, service(name, { metadata: { uid, annotations } }));
    },
  };
  return self;
}

/** An agent with its spares got. */
export function warm(cluster: Cluster, number = 1, count = 1): ReturnType<Cluster['agent']> {
  const agent = cluster.agent(number, count);
  agent.tend();
  cluster.world.clock.advance(200);
  agent.tend();
  cluster.world.types();
  return agent;
}
