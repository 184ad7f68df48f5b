/** Ethernet frames of one kind on one link (packet(7)). */
import { macToBytes } from '../model/mac.ts';
import type { FrameHandler, FrameSocket, FrameSocketOptions } from '../model/wire.ts';
import { AF, MSG, PACKET, SO, SOCK, SOL } from './constants.ts';
import type { Libc } from './libc.ts';
import { check, OsError } from './os-error.ts';
import { filterProgram, icmpTypeFilter, udp6PortFilter, udpPortFilter } from './packet-filter.ts';
import { encodeSockaddrLl } from './sockaddr.ts';

const ETHERTYPE_IPV6 = 0x86dd;
/** Frames taken in one go before other work gets its turn. */
const BATCH = 256;
/** The largest frame the kernel may hand over, segments it has merged included. */
const MAX_FRAME = 65_550;

/**
 * Opens in the thread's present network namespace. Frames that this host sends by other ways are not seen.
 * Sending never throws: what the link does not take is lost, as on any wire.
 * @throws OsError without the capability NET_RAW or when the link is gone.
 */
export function openFrameSocket(libc: Libc, options: FrameSocketOptions, onFrame: FrameHandler): FrameSocket {
  const { link, etherType } = options;
  // Protocol 0: nothing arrives before bind, so no frame escapes the filter.
  const fd = check(libc, libc.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'open a packet socket');
  try {
    if (options.udpPort !== undefined)
      attach(libc, fd, (etherType === ETHERTYPE_IPV6 ? udp6PortFilter : udpPortFilter)(options.udpPort));
    if (options.icmpTypes !== undefined) attach(libc, fd, icmpTypeFilter(options.icmpTypes));
    if (options.promiscuous === true) {
      check(libc, hear(libc, fd, link.index, PACKET.MR_PROMISC), 'listen to all frames');
    }
    const address = encodeSockaddrLl(link.index, etherType);
    check(libc, libc.bind(fd, address, address.length), `listen for frames on ${link.name}`);
  } catch (error) {
    libc.close(fd);
    throw error;
  }

  const buffer = new Uint8Array(MAX_FRAME);
  let open = true;
  const read = (): void => {
    for (let i = 0; i < BATCH && open; i++) {
      const length = libc.recv(fd, buffer, buffer.length, MSG.DONTWAIT);
      if (length < 0) {
        // Collecting the error of a link that went down clears it; the socket works again when the link does.
        if (libc.errno() === 'EAGAIN') return;
        continue;
      }
      if (length > 0) onFrame(buffer.slice(0, length));
    }
  };
  const watch = libc.watcher.readable(fd, read);
  return {
    send: (frame) => {
      if (open) libc.send(fd, frame, frame.length, MSG.DONTWAIT | MSG.NOSIGNAL);
    },
    join: (group) => {
      // Refused only by a link that is gone.
      if (open) hear(libc, fd, link.index, PACKET.MR_MULTICAST, macToBytes(group));
    },
    close: () => {
      if (!open) return;
      open = false;
      watch.close();
      libc.closeLater(fd);
    },
  };
}

function attach(libc: Libc, fd: number, program: Uint8Array): void {
  const header = filterProgram(program, libc.address(program));
  const result = libc.setsockopt(fd, SOL.SOCKET, SO.ATTACH_FILTER, header, header.length);
  if (result < 0) throw new OsError('attach a packet filter', libc.errno());
}

/** PACKET_ADD_MEMBERSHIP: more than the link would take in by itself. @returns negative when the kernel refuses. */
function hear(libc: Libc, fd: number, ifIndex: number, what: number, group: Uint8Array = new Uint8Array(0)): number {
  // struct packet_mreq
  const request = new Uint8Array(16);
  const view = new DataView(request.buffer);
  view.setInt32(0, ifIndex, true);
  view.setUint16(4, what, true);
  view.setUint16(6, group.length, true);
  request.set(group, 8);
  return libc.setsockopt(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, request, request.length);
}
