/**
 * What a router says by itself: PCP and NAT-PMP announcements (RFC 6887 §14.1, RFC 6886 §3.2.1) and SSDP notifications.
 * A router that has just started says so here, long before anybody would have asked.
 */
import { DecodeError } from '../../model/errors.ts';
import { ip, type Ip } from '../../model/ip.ts';
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

const ALL_HOSTS = ip('224.0.0.1');

/**
 * Listens until the returned function is called. A port that another program keeps to itself is done without: the
 * regular checks find out too, only later.
 */
export function listenToRouter(io: RouterIo, route: Route, handlers: AnnouncementHandlers): () => void {
  const link = io.network.links().find(({ name }) => name === route.link);
  let closed = false;
  const sockets: DatagramSocket[] = [];
  const open = (port: number, group: Ip, onData: (data: Uint8Array) => void): void => {
    if (!link) return;
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
        onError: () => undefined,
      })
      .then(
        (socket) => {
          if (closed) socket.close();
          else sockets.push(socket);
        },
        () => undefined,
      );
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
    for (const socket of sockets) socket.close();
  };
}
