/** Control planes in simulated time: one LAN, one store of Leases, a kernel each, and API servers that fail as told. */
import { createAddressProber } from '../../src/exposure/address/prober.ts';
import { createAnnouncement } from '../../src/exposure/announcement/announcement.ts';
import { createRoutedAnnouncement } from '../../src/exposure/announcement/routed/routed.ts';
import { ApiGate } from '../../src/exposure/control-plane/api-gate.ts';
import { ControlPlane, type VipName } from '../../src/exposure/control-plane/control-plane.ts';
import { createOneLease } from '../../src/exposure/control-plane/one-lease.ts';
import type { ControlPlaneState, LookUp, OtherApiServers } from '../../src/exposure/control-plane/port.ts';
import { StayAway } from '../../src/exposure/control-plane/stay-away.ts';
import { createVipAddresses, type VipAddressesOptions } from '../../src/exposure/control-plane/vip-addresses.ts';
import { withCustody } from '../../src/exposure/ownership/custody.ts';
import type { LeaseStore, Takeover } from '../../src/exposure/ownership/port.ts';
import { KEY } from '../../src/model/annotations.ts';
import { readStayAway } from '../../src/model/control-plane-record.ts';
import { failed, ready } from '../../src/model/decision.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import type { Mac } from '../../src/model/mac.ts';
import { holderOf, releasedRecord } from '../../src/model/lease.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeKernel, createFakeSilence, type FakeKernel } from './fake-kernel.ts';
import { createFakeLan, type FakeHost } from './fake-network.ts';
import { createLeaseCluster, type Delays } from './lease-cluster.ts';
import { createFakeRouteSink, type FakeRouteSink } from './route-sink.ts';

export const LEASE = 'plndr-cp-lock';
export const VIP = ip('10.0.0.250');
export const VIP6 = ip('fd00::250');

export interface FakeControlPlane {
  readonly name: string;
  readonly controlPlane: ControlPlane;
  readonly kernel: FakeKernel;
  readonly host: FakeHost;
  /** What routers know of it, where every node announces. */
  readonly sink: FakeRouteSink;
  /** Whether its API server serves. */
  healthy: boolean;
  /** Health, calls and watches of its API server, all at once. */
  api(serving: boolean): void;
  readonly states: ControlPlaneState[];
  /** How it came by the VIP. */
  readonly takeovers: Takeover[];
}

export interface ControlPlanesOptions {
  readonly nodes?: readonly string[];
  readonly request?: VipAddressesOptions['request'];
  readonly lookUp?: LookUp;
  readonly healthy?: boolean;
  /** Holds back the first list of Leases, as missing permission does. */
  readonly leasesReadable?: Promise<unknown>;
  readonly name?: VipName;
  /** Every control plane that serves tells routers of the VIP, instead of its owner the LAN. */
  readonly everyNode?: boolean;
  /** How long calls of the API server and its events take. */
  readonly delays?: Delays;
  /** The others are asked in vain, ready or not: true for each time. */
  readonly deaf?: () => boolean;
}

export async function createControlPlanes(options: ControlPlanesOptions = {}) {
  const { nodes = ['a', 'b', 'c'], request = { addresses: [VIP] }, healthy = true } = options;
  const clock = createFakeClock();
  const lan = createFakeLan(clock);
  const cluster = createLeaseCluster(clock, options.delays);
  const all = new Map<string, FakeControlPlane>();
  let order = 0;

  const free = async (lease: string, holder: string): Promise<void> => {
    await Promise.resolve();
    const held = cluster.leases.get(lease);
    if (holderOf(held) === holder && held && [...all.values()].some((one) => one.healthy))
      cluster.put({ ...held, spec: releasedRecord(held, clock.wall()) });
  };
  const add = (name: string, isHealthy: boolean): FakeControlPlane => {
    const number = ++order;
    const host = lan.host({
      name,
      mac: `02:00:00:00:00:0${number}` as Mac,
      addresses: [
        { ip: ip(`10.0.0.${number}`), prefixLength: 24 },
        { ip: ip(`fd00::${number}`), prefixLength: 64 },
      ],
    });
    const kernel = createFakeKernel(clock);
    const store = cluster.store(name);
    const readable: LeaseStore = {
      ...store,
      start: async () => {
        await options.leasesReadable;
        await store.start();
      },
    };
    const times = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
    const others: OtherApiServers = {
      anyReady: () =>
        Promise.resolve(
          options.deaf?.() !== true && [...all.values()].some((one) => one.name !== name && one.healthy)
            ? 'ready'
            : 'none',
        ),
      free,
    };
    const sink = createFakeRouteSink();
    const one: FakeControlPlane = {
      name,
      kernel,
      host,
      sink,
      healthy: isHealthy,
      states: [],
      takeovers: [],
      api(serving) {
        one.healthy = serving;
        cluster.cut(name, { calls: !serving, watch: !serving });
      },
      controlPlane: undefined as unknown as ControlPlane,
    };
    const gate: ApiGate = new ApiGate({
      clock,
      local: {
        check: () =>
          Promise.resolve(one.healthy ? ready(undefined, 'ApiServerReady', 'ready') : failed('ApiServerDown', 'down')),
      },
      others,
      period: 1000,
      threshold: 3,
      isHolding: () => controlPlane.isHolding,
      onChange: () => controlPlane.pass(),
    });
    const addresses = createVipAddresses({
      request,
      lookUp: options.lookUp ?? (() => Promise.resolve([])),
      clock,
      onChange: () => controlPlane.pass(),
    });
    const entropy = { bytes: (length: number) => new Uint8Array(length).fill(number), fraction: () => 0.5 };
    const ownership = withCustody({
      clock,
      ownership: createOneLease({ node: name, lease: LEASE, times, clock, store: readable, others }),
    });
    ownership.onTakeover((takeover) => one.takeovers.push(takeover));
    const { everyNode = false } = options;
    const ways = { network: host.network, addressTable: kernel, silence: createFakeSilence(clock), clock };
    const controlPlane: ControlPlane = new ControlPlane({
      node: name,
      clock,
      gate,
      addresses,
      ownership,
      announcement: everyNode ? createRoutedAnnouncement({ ...ways, sink }) : createAnnouncement(ways),
      prober: createAddressProber({ network: host.network, clock, entropy }),
      stayAway: new StayAway({
        clock,
        isWished: () => readStayAway(store.get(LEASE)).includes(name),
        makesBeforeBreak: false,
        everyNode,
        others,
        onChange: () => controlPlane.pass(),
      }),
      ...(options.name ? { name: options.name } : {}),
    });
    Object.assign(one, { controlPlane });
    all.set(name, one);
    controlPlane.onChange((state) => one.states.push(state));
    host.network.onChange(() => controlPlane.pass());
    controlPlane.start();
    return one;
  };
  for (const name of nodes) add(name, healthy);
  await clock.advanceAsync(1500);
  return {
    clock,
    lan,
    cluster,
    add,
    node: (name: string): FakeControlPlane => {
      const found = all.get(name);
      if (!found) throw new Error(`no control plane ${name}`);
      return found;
    },
    /** Nodes whose kernel has the address. */
    having: (address: Ip = VIP): string[] =>
      [...all.values()].filter(({ kernel }) => kernel.addresses().has(address)).map(({ name }) => name),
    /** As `kubevip handover` writes it. */
    keepAway(...names: string[]): void {
      const lease = cluster.leases.get(LEASE);
      if (!lease) throw new Error('there is no Lease yet');
      const annotations = { ...lease.metadata.annotations, [KEY.stayAway]: names.join() };
      cluster.put({ ...lease, metadata: { ...lease.metadata, annotations } });
    },
    holder: (): string | undefined => holderOf(cluster.leases.get(LEASE)),
    /** Lets time pass in steps and gives the largest number of nodes that had the address at once. */
    async most(time: number, address: Ip = VIP): Promise<number> {
      let most = 0;
      for (let passed = 0; passed < time; passed += 50) {
        await clock.advanceAsync(50);
        most = Math.max(most, [...all.values()].filter(({ kernel }) => kernel.addresses().has(address)).length);
      }
      return most;
    },
  };
}
