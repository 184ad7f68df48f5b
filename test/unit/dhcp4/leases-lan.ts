/** Nodes with DHCP leases and a server, on a LAN in memory under a clock that stands still. */
import {
  createDhcp6Leases,
  createDhcpLeases,
  type DhcpLeasesOnNode,
} from '../../../src/exposure/address/dhcp/leases.ts';
import type { AddressProber, DhcpLease, DhcpRequest } from '../../../src/exposure/address/port.ts';
import type { Decision } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, parseMac } from '../../../src/model/mac.ts';
import type { Milliseconds } from '../../../src/model/time.ts';
import { CLIENT_PORT, OPTION, SERVER_PORT } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { decodeUdp6Frame, encodeUdp6Frame } from '../../../src/protocols/dhcp6/frame.ts';
import {
  decodeMessage as decodeMessage6,
  encodeMessage as encodeMessage6,
} from '../../../src/protocols/dhcp6/message.ts';
import { byteOption } from '../../../src/protocols/dhcp4/options.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createFakeLan, type FakeHost, type FakeLan } from '../../support/fake-network.ts';
import {
  createModelServer,
  seededEntropy,
  SERVER,
  SERVER_MAC,
  type ModelServer,
  type ModelServerOptions,
} from './model-server.ts';
import { createModelServer6, SERVER6, type ModelServer6 } from '../dhcp6/model-server.ts';

export interface TestNode {
  readonly host: FakeHost;
  readonly leases: DhcpLeasesOnNode;
  readonly leases6: DhcpLeasesOnNode;
  /** Services called back about. */
  readonly changes: string[];
  /** How far its wall clock is off, in milliseconds; it can be put forward and back. */
  wallSkew: number;
}

export interface LeasesLan {
  readonly clock: FakeClock;
  readonly lan: FakeLan;
  readonly server: ModelServer;
  readonly server6: ModelServer6;
  /** How the server sends: by broadcast as asked, or to `chaddr` although asked otherwise. */
  unicast: boolean;
  node(number: number, wallSkew?: number): TestNode;
  /** Types of the messages that clients have put on the wire since the last call, in order. */
  types(): number[];
}

export interface LeasesLanOptions extends ModelServerOptions {
  readonly prober?: AddressProber;
  /** How long each frame takes. */
  readonly latency?: Milliseconds;
}

export const REQUEST: DhcpRequest = { service: 'default/web', uid: 'uid-web', hostname: 'web', link: 'eth0' };

export function createLeasesLan(options: LeasesLanOptions = {}): LeasesLan {
  const clock = createFakeClock();
  const lan = createFakeLan(clock, options);
  const server = createModelServer(options);
  const server6 = createModelServer6();
  const router = lan.host({ name: 'router', mac: SERVER_MAC, addresses: [{ ip: SERVER, prefixLength: 24 }] });
  const [link] = router.network.links();
  const port = router.network.openFrames({ link: link!, etherType: 0x0800, udpPort: SERVER_PORT }, (frame) => {
    const { payload, sourceIp, targetIp, targetMac, sourceMac } = decodeUdpFrame(frame);
    const message = decodeMessage(payload);
    const reply = server.answer({ message, sourceIp, targetIp, targetMac });
    if (reply === undefined) return;
    // RFC 2131 §4.1: to the address the client has, else as it asked.
    const has = message.ciaddr !== '0.0.0.0';
    port.send(
      encodeUdpFrame({
        sourceMac: SERVER_MAC,
        targetMac: has ? sourceMac : self.unicast ? message.chaddr : BROADCAST_MAC,
        sourceIp: SERVER,
        targetIp: has ? message.ciaddr : ip('255.255.255.255'),
        sourcePort: SERVER_PORT,
        targetPort: CLIENT_PORT,
        payload: encodeMessage(reply.message),
      }),
    );
  });
  const port6 = router.network.openFrames({ link: link!, etherType: 0x86dd, udpPort: 547 }, (frame) => {
    const { payload, sourceIp, sourceMac } = decodeUdp6Frame(frame);
    const reply = server6.answer({ message: decodeMessage6(payload) });
    if (reply === undefined) return;
    port6.send(
      encodeUdp6Frame({
        sourceMac: SERVER_MAC,
        targetMac: sourceMac,
        sourceIp: SERVER6,
        targetIp: sourceIp,
        sourcePort: 547,
        targetPort: 546,
        payload: encodeMessage6(reply.message),
      }),
    );
  });
  let read = 0;
  const self: LeasesLan = {
    clock,
    lan,
    server,
    server6,
    unicast: false,
    node(number, wallSkew = 0) {
      const host = lan.host({
        name: `n${number}`,
        mac: parseMac(`02:77:00:00:01:0${number}`)!,
        addresses: [
          { ip: ip(`10.77.0.1${number}`), prefixLength: 24 },
          { ip: ip(`fe80::1${number}`), prefixLength: 64 },
        ],
      });
      const skewed = { ...clock, wall: () => new Date(clock.wall().getTime() + node.wallSkew) };
      const parts = {
        network: host.network,
        clock: skewed,
        entropy: seededEntropy(number),
        ...(options.prober === undefined ? {} : { prober: options.prober }),
      };
      const [leases, leases6] = [createDhcpLeases(parts), createDhcp6Leases(parts)];
      const changes: string[] = [];
      leases.onChange((service) => changes.push(service));
      const node: TestNode = { host, leases, leases6, changes, wallSkew };
      return node;
    },
    types() {
      const fresh = lan.sent
        .slice(read)
        .filter(({ from, frame }) => from !== 'router' && frame[12] === 0x08 && frame[13] === 0);
      read = lan.sent.length;
      return fresh.map(
        ({ frame }) => byteOption(decodeMessage(decodeUdpFrame(frame).payload).options, OPTION.messageType) ?? 0,
      );
    },
  };
  return self;
}

/** The lease, from a decision that has to be ready. */
export function leaseOf(decision: Decision<DhcpLease>): DhcpLease {
  if (decision.state !== 'ready') throw new Error(`${decision.reason}: ${decision.message}`);
  return decision.value;
}

/** A node that got a lease for {@link REQUEST}. */
export function acquired(world: LeasesLan, node: TestNode, request = REQUEST): DhcpLease {
  node.leases.acquire(request);
  world.clock.advance(10);
  const lease = leaseOf(node.leases.acquire(request));
  node.changes.length = 0;
  world.types();
  return lease;
}
