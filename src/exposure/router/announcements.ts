/**
 * What a router says by itself: PCP and NAT-PMP announcements (RFC 6887 §14.1, RFC 6886 §3.2.1) and SSDP notifications.
 * A router that has just started says so here, long before anybody would have asked.
 */
import { DecodeError } from '../../model/errors.ts';
import { ip, type Ip } from '../../model/ip.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import type { Datagram, DatagramSocket } from '../../model/wire.ts';
import { NATPMP_CLIENT_PORT, decodeNatPmpResponse } from '../../protocols/natpmp/message.ts';
import { decodePcpResponse } from '../../protocols/pcp/codec.ts';
import { PCP_VERSION } from '../../protocols/pcp/message.ts';
import { decodeSsdp } from '../../protocols/ssdp/codec.ts';
import { SSDP_GROUP_V4, SSDP_PORT, isGatewayTarget, type SsdpNotify } from '../../protocols/ssdp/message.ts';
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
const ALL_HOSTS = ip('224.0.0.1');

/**
 * Listens until the returned function is called. A port that another program keeps to itself is done without: the
 * regular checks find out too, only later. It is tried again, as is one that broke.
 */
export function listenToRouter(io: RouterIo, route: Route, handlers: AnnouncementHandlers): () => void {
  let closed = false;
  const sockets = new Set<DatagramSocket>();
  const timers = new Set<Timer>();
  const open = (port: number, group: Ip, onData: (data: Uint8Array) => void): void => {
    const again = (): void => {
      if (closed) return;
      const timer = io.clock.after(REOPEN_AFTER, () => {
        timers.delete(timer);
        open(port, group, onData);
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
      if (closed || from.ip !== route.gateway) return;
      try {
        onData(data);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    };
    io.network
      .openDatagrams({
        family: 4,
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
  open(NATPMP_CLIENT_PORT, ALL_HOSTS, (data) => {
    if (data[0] === PCP_VERSION) {
      const response = decodePcpResponse(data);
      if (response.opcode !== 'version') handlers.announced('pcp', response.epoch);
    } else {
      handlers.announced('nat-pmp', decodeNatPmpResponse(data).epoch);
    }
  });
  open(SSDP_PORT, SSDP_GROUP_V4, (data) => {
    const message = decodeSsdp(data);
    if (message.kind === 'notify' && isGatewayTarget(message.target)) handlers.notified(message);
  });
  return () => {
    closed = true;
    for (const timer of timers) timer.cancel();
    for (const socket of sockets) socket.close();
  };
}
