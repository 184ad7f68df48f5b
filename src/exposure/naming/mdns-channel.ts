/** The sockets of Multicast DNS on one link: one a family, sharing port 5353 with whatever else is on the node. */
import { DecodeError, KubevipError, messageOf } from '../../model/errors.ts';
import { cidr, contains } from '../../model/cidr.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Datagram, DatagramSocket, Link, Network } from '../../model/wire.ts';
import { decodeMessage, encodeMessage } from '../../protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, MDNS_GROUP_V6, MDNS_PORT, type Message } from '../../protocols/mdns/message.ts';
import type { Source, Transmission } from '../../protocols/mdns/source.ts';

/** Multicast comes back to the sender; for so long, and for so many datagrams, we know our own again. */
const ECHO_TIME: Milliseconds = 2000;
const ECHO_COUNT = 512;

export interface MdnsChannelOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly link: Link;
  readonly onMessage: (message: Message, from: Source) => void;
  /** A socket failed; the channel has closed. */
  readonly onFailed: (error: Error) => void;
}

export interface MdnsChannel {
  /** Families that can be used; the others have no address on the link, or no socket. */
  readonly families: readonly Family[];
  /** To one host, or to the group in every family. What cannot be sent is lost, as on any network. */
  send(transmission: Transmission): void;
  close(): void;
}

/** Families in which the link has an address. */
export function familiesOf(link: Link): Family[] {
  return ([4, 6] as const).filter((family) => link.addresses.some((address) => familyOf(address.ip) === family));
}

/** @throws KubevipError MDNS_UNAVAILABLE if no socket can be opened in any family. */
export async function openMdnsChannel(options: MdnsChannelOptions): Promise<MdnsChannel> {
  const { network, link } = options;
  const sockets = new Map<Family, DatagramSocket>();
  const echoes = new Echoes(options.clock);
  let open = true;
  const close = (): void => {
    open = false;
    for (const socket of sockets.values()) socket.close();
    sockets.clear();
  };
  const receive = (family: Family, { data, from }: Datagram): void => {
    const current = network.links().find(({ name }) => name === link.name) ?? link;
    if (!open || !isOnLink(current, from.ip) || (isOwn(current, from.ip) && echoes.take(data))) return;
    const message = decoded(data);
    if (message) options.onMessage(message, { channel: family, ...from });
  };

  const problems: unknown[] = [];
  for (const family of familiesOf(link)) {
    try {
      const socket = await network.openDatagrams({
        family,
        link,
        localPort: MDNS_PORT,
        shared: true,
        join: [groupOf(family)],
        // RFC 6762 §11: 255, which tells older receivers that nobody forwarded it.
        multicastTtl: 255,
        onDatagram: (datagram) => receive(family, datagram),
        onError: (error) => {
          if (!open) return;
          close();
          options.onFailed(error);
        },
      });
      sockets.set(family, socket);
    } catch (error) {
      problems.push(error);
    }
  }
  if (sockets.size === 0) {
    const why = problems.length > 0 ? problems.map(messageOf).join('; ') : 'it has no address';
    throw new KubevipError(`mDNS cannot be opened on ${link.name}: ${why}`, {
      code: 'MDNS_UNAVAILABLE',
      hints: [`another program may hold UDP port ${MDNS_PORT} for itself alone: \`ss -lunp sport = ${MDNS_PORT}\``],
      cause: problems[0],
    });
  }
  return {
    families: [...sockets.keys()],
    send: ({ message, to }) => {
      const bytes = encodeMessage(message);
      if (to) {
        sockets.get(familyOf(to.ip))?.send(bytes, { ip: to.ip, port: to.port });
        return;
      }
      echoes.put(bytes, sockets.size);
      for (const [family, socket] of sockets) socket.send(bytes, { ip: groupOf(family), port: MDNS_PORT });
    },
    close,
  };
}

function groupOf(family: Family): Ip {
  return family === 4 ? MDNS_GROUP_V4 : MDNS_GROUP_V6;
}

function decoded(data: Uint8Array): Message | undefined {
  try {
    return decodeMessage(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function isOwn(link: Link, from: Ip): boolean {
  return link.addresses.some((address) => address.ip === from);
}

/** RFC 6762 §11: nobody from farther away is listened to, or our answers could be aimed at anybody. */
function isOnLink(link: Link, from: Ip): boolean {
  if (/^fe[89ab][0-9a-f]:/.test(from) || from.startsWith('169.254.')) return true;
  return link.addresses.some((address) => {
    const prefix = cidr(address.ip, address.prefixLength);
    return prefix !== undefined && contains(prefix, from);
  });
}

/** Our own datagrams that are still to come back. Other programs on this node send from the same address. */
class Echoes {
  readonly #clock: Clock;
  #expected: { readonly bytes: Uint8Array; readonly until: Milliseconds; count: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(bytes: Uint8Array, count: number): void {
    const now = this.#clock.now();
    this.#expected = this.#expected.filter(({ until }) => until > now).slice(1 - ECHO_COUNT);
    this.#expected.push({ bytes, until: now + ECHO_TIME, count });
  }

  /** @returns whether these bytes are ours; each sending accounts for one return a family. */
  take(bytes: Uint8Array): boolean {
    const found = this.#expected.find((sent) => sent.count > 0 && Buffer.compare(sent.bytes, bytes) === 0);
    if (found) found.count--;
    return found !== undefined;
  }
}
