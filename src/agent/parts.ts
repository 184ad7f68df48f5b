/** What an agent is made of. `wire.ts` makes the real ones; tests may give others. */
import type { SpareLeases } from '../exposure/address/dhcp/spares.ts';
import type { AddressProber, LookUp } from '../exposure/address/port.ts';
import type { ClosableAnnouncement } from '../exposure/announcement/port.ts';
import type { EndpointStage } from '../exposure/endpoints/stage.ts';
import type { FlightRecorder } from '../exposure/failover/recorder.ts';
import type { NamePublisher } from '../exposure/naming/port.ts';
import type { Election, Ownership } from '../exposure/ownership/port.ts';
import type { LeaseRecord } from '../exposure/ownership/record/lease-record.ts';
import type { RouterMappingsDriver } from '../exposure/router/mappings.ts';
import type { RouterMappings } from '../exposure/router/port.ts';
import type { Onlooker } from '../exposure/upkeep.ts';
import type { EventRecorder, ServiceWriter } from '../exposure/status/port.ts';
import type { Watcher } from '../kube/watcher/watcher.ts';
import type { Family, Ip } from '../model/ip.ts';
import type { ConfigMap, EndpointSlice, Lease, Node, Service } from '../model/kubernetes.ts';
import type { Clock, Entropy } from '../model/time.ts';
import type { Network } from '../model/wire.ts';
import type { AgentConfig } from './config.ts';
import type { HeartbeatParts } from './heartbeat.ts';
import type { Logger } from './log.ts';

interface Closing {
  /** Stops without undoing anything outside: another node goes on. */
  close(): void;
}

export interface Stages {
  readonly prober: AddressProber;
  readonly leases: Readonly<Record<Family, SpareLeases>>;
  readonly ownership: Ownership & {
    start(): Promise<void>;
    /** Gives the Leases up at once, so that others need not wait. */
    stop(): Promise<void>;
    /** Whether this node owns the address now. */
    holds(ip: Ip): boolean;
    /** With heartbeats: hands everything over, make before break. */
    handOver?(): Promise<void>;
  };
  /** `close` leaves nothing on the node. */
  readonly announcement: ClosableAnnouncement;
  /** `stop` leaves nothing on the node. */
  readonly endpoints: Pick<EndpointStage, 'start' | 'changed' | 'stop'>;
  /** What stands beside the pipeline: told of every change, and leaves nothing. */
  readonly onlookers: readonly Onlooker[];
  readonly router: RouterMappings & Closing & Pick<RouterMappingsDriver, 'sweep'>;
  readonly names: NamePublisher;
}

export interface Parts {
  readonly config: AgentConfig;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly network: Network;
  readonly lookUp: LookUp;
  readonly watchers: {
    readonly services: Watcher<Service>;
    readonly endpointSlices: Watcher<EndpointSlice>;
    readonly configMaps: Watcher<ConfigMap>;
    /** Of a cluster of `init`, whether Services are served in it. */
    readonly record?: Watcher<ConfigMap>;
    /** Absent for an agent of one namespace, which may not read them; else they may still be unknown. */
    readonly nodes?: Watcher<Node>;
  };
  readonly allocatorElection: Election;
  readonly stages: Stages;
  /** What the stages of owner and announcement say of each failover. */
  readonly recorder: FlightRecorder;
  /** With heartbeats. */
  readonly heartbeats?: Pick<HeartbeatParts, 'keys' | 'memory' | 'remembered' | 'peers' | 'start' | 'stop'> & {
    readonly record: Pick<LeaseRecord, 'strangers' | 'onStrangers'>;
    readonly presenceOf: (node: string) => Lease | undefined;
  };
  readonly writer: ServiceWriter;
  readonly events: EventRecorder;
}
