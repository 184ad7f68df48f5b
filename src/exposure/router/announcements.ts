/**
 * What a router says by itself: PCP and NAT-PMP announcements (RFC 6887 §14.1, RFC 6886 §3.2.1) and SSDP notifications.
 * A router that has just started says so here, long before anybody would have asked.
 */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ip, type Family, type Ip } from '../../model/ip.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import type { Datagram, DatagramSocket } from '../../model/wire.ts';
import { NATPMP_CLIENT_PORT, decodeNatPmpResponse } from '../../protocols/natpmp/message.ts';
import { decodePcpResponse } from '../../protocols/pcp/codec.ts';
import { PCP_VERSION } from '../../protocols/pcp/message.ts';
import { decodeSsdp } from '../../protocols/ssdp/codec.ts';
import {
  SSDP_GROUP_V4,
  SSDP_GROUP_V6,
  SSDP_PORT,
  isGatewayTarget,
  type SsdpNotify,
} from '../../protocols/ssdp/message.ts';
import type { EpochHeard } from './client.ts';
import type { Route } from './discovery.ts';
import type { RouterIo } from './exchange.ts';

export interface AnnouncementHandlers {
  /** An unsolicited announcement of the gateway, with its epoch in seconds. */
  readonly announced: EpochHeard;
  /** The gateway's UPnP device came, went or changed. */
  readonly notified: (notify: SsdpNotify) => void;
}

/** An interface that goes takes its sockets along. */
const REOPEN_AFTER: Milliseconds = 10_000;
const ALL_HOSTS = { 4: ip('224.0.0.1'), 6: ip('ff02::1') } as const;
const SSDP_GROUP = { 4: SSDP_GROUP_V4, 6: SSDP_GROUP_V6 } as const;

/**
 * Listens until the returned function is called; for an IPv6 gateway to what the IPv4 one of the same link says too,
 * since it is the same box, and many speak of themselves by IPv4 only. A port that another program keeps to itself is done without: the
 * regular checks find out too, only later. It is tried again, as is one that broke.
 */
export function listenToRouter(io: RouterIo, route: Route, handlers: AnnouncementHandlers): () => void {
  let closed = false;
  const sockets = new Set<DatagramSocket>();
  const timers = new Set<Timer>();
  const gatewayOf = (family: Family): Ip | undefined =>
    family === familyOf(route.gateway)
      ? route.gateway
      : io.network.links().find(({ name }) => name === route.link)?.gateway.v4;
  const open = (family: Family, port: number, group: Ip, onData: (data: Uint8Array) => void): void => {
    const again = (): void => {
      if (closed) return;
      const timer = io.clock.after(REOPEN_AFTER, () => {
        timers.delete(timer);
        open(family, port, group, onData);
      });
      timers.add(timer);
    };
    const link = io.network.links().find(({ name }) => name === route.link);
    if (!link) {
      again();
      return;
    }
    let opened: DatagramSocket | undefined;
    const onDatagram = ({ data, from }: Datagram): void => {
      if (closed || from.ip !== gatewayOf(family)) return;
      try {
        onData(data);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    };
    io.network
      .openDatagrams({
        family,
        localPort: port,
        link,
        join: [group],
        shared: true,
        onDatagram,
        onError: () => {
          if (opened) sockets.delete(opened);
          again();
        },
      })
      .then((socket) => {
        opened = socket;
        if (closed) socket.close();
        else sockets.add(socket);
      }, again);
  };
  const onAnnouncement = (data: Uint8Array): void => {
    if (data[0] === PCP_VERSION) {
      const response = decodePcpResponse(data);
      if (response.opcode !== 'version') handlers.announced('pcp', response.epoch);
    } else {
      handlers.announced('nat-pmp', decodeNatPmpResponse(data).epoch);
    }
  };
  const onNotification = (data: Uint8Array): void => {
    const message = decodeSsdp(data);
    if (message.kind === 'notify' && isGatewayTarget(message.target)) handlers.notified(message);
  };
  for (const family of familyOf(route.gateway) === 4 ? ([4] as const) : ([6, 4] as const)) {
    open(family, NATPMP_CLIENT_PORT, ALL_HOSTS[family], onAnnouncement);
    open(family, SSDP_PORT, SSDP_GROUP[family], onNotification);
  }
  return () => {
    closed = true;
    for (const timer of timers) timer.cancel();
    for (const socket of sockets) socket.close();
  };
}
