/** The sockets of Multicast DNS on one link: one a family, sharing port 5353 with whatever else is on the node. */
import { DecodeError, KubevipError, messageOf } from '../../model/errors.ts';
import { cidr, contains } from '../../model/cidr.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { Clock } from '../../model/time.ts';
import type { Datagram, DatagramSocket, Link, Network } from '../../model/wire.ts';
import { decodeMessage, encodeMessage } from '../../protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, MDNS_GROUP_V6, MDNS_PORT, type Message } from '../../protocols/mdns/message.ts';
import type { Source, Transmission } from '../../protocols/mdns/source.ts';
import { Echoes } from './echoes.ts';

export interface MdnsChannelOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly link: Link;
  readonly onMessage: (message: Message, from: Source) => void;
  /** The socket of a family failed and is closed; `adjust` opens it again. */
  readonly onFailed: (error: Error) => void;
}

export class MdnsChannel {
  readonly #options: MdnsChannelOptions;
  readonly #sockets = new Map<Family, DatagramSocket>();
  readonly #echoes: Echoes;
  #open = true;

  /** Without sockets: {@link adjust} opens them. */
  constructor(options: MdnsChannelOptions) {
    this.#options = options;
    this.#echoes = new Echoes(options.clock);
  }

  /** Families that can be used; the others have no address on the link, or no socket. */
  get families(): readonly Family[] {
    return [...this.#sockets.keys()];
  }

  /**
   * Opens the families that have come to the link, and closes those that have gone; the others go on undisturbed.
   * @returns why a family could not be opened, for each that could not.
   */
  async adjust(): Promise<unknown[]> {
    const wanted = familiesOf(this.#link());
    for (const [family, socket] of this.#sockets) {
      if (wanted.includes(family)) continue;
      socket.close();
      this.#sockets.delete(family);
    }
    const missing = wanted.filter((family) => !this.#sockets.has(family));
    const results = await Promise.allSettled(missing.map((family) => this.#openFamily(family)));
    return results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  }

  /** To one host, or to the group in every family. What cannot be sent is lost, as on any network. */
  send({ message, to }: Transmission): void {
    const bytes = encodeMessage(message);
    if (to) {
      this.#sockets.get(familyOf(to.ip))?.send(bytes, { ip: to.ip, port: to.port });
      return;
    }
    this.#echoes.put(bytes, this.#sockets.size);
    for (const [family, socket] of this.#sockets) socket.send(bytes, { ip: groupOf(family), port: MDNS_PORT });
  }

  close(): void {
    this.#open = false;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  async #openFamily(family: Family): Promise<void> {
    const { network, link, onFailed } = this.#options;
    const socket = await network.openDatagrams({
      family,
      link,
      localPort: MDNS_PORT,
      shared: true,
      join: [groupOf(family)],
      // RFC 6762 §11: 255, which tells older receivers that nobody forwarded it.
      multicastTtl: 255,
      unicastTtl: 255,
      onDatagram: (datagram) => this.#receive(family, datagram),
      onError: (error) => {
        if (this.#sockets.delete(family) && this.#open) onFailed(error);
      },
    });
    // Closed, or opened twice, while this was under way.
    if (!this.#open || this.#sockets.has(family)) socket.close();
    else this.#sockets.set(family, socket);
  }

  #receive(family: Family, { data, from }: Datagram): void {
    const link = this.#link();
    if (!this.#open || !isOnLink(link, from.ip) || (isOwn(link, from.ip) && this.#echoes.take(data))) return;
    const message = decoded(data);
    if (message) this.#options.onMessage(message, { channel: family, ...from });
  }

  /** As it is now: addresses come and go. */
  #link(): Link {
    const { network, link } = this.#options;
    return network.links().find(({ index }) => index === link.index) ?? link;
  }
}

/** @throws KubevipError MDNS_UNAVAILABLE if no socket can be opened in any family. */
export async function openMdnsChannel(options: MdnsChannelOptions): Promise<MdnsChannel> {
  const channel = new MdnsChannel(options);
  const problems = await channel.adjust();
  if (channel.families.length === 0) throw unavailable(options.link, problems);
  return channel;
}

export function unavailable(link: Link, problems: readonly unknown[]): KubevipError {
  const why = problems.length > 0 ? problems.map(messageOf).join('; ') : 'it has no address';
  return new KubevipError(`mDNS cannot be opened on ${link.name}: ${why}`, {
    code: 'MDNS_UNAVAILABLE',
    hints: [`another program may hold UDP port ${MDNS_PORT} for itself alone: \`ss -lunp sport = ${MDNS_PORT}\``],
    cause: problems[0],
  });
}

/** Families in which the link has an address. */
export function familiesOf(link: Link): Family[] {
  return ([4, 6] as const).filter((family) => link.addresses.some((address) => familyOf(address.ip) === family));
}

export function groupOf(family: Family): Ip {
  return family === 4 ? MDNS_GROUP_V4 : MDNS_GROUP_V6;
}

/** RFC 6762 §11: nobody from farther away is listened to, or our answers could be aimed at anybody. */
export function isOnLink(link: Link, from: Ip): boolean {
  if (/^fe[89ab][0-9a-f]:/.test(from) || from.startsWith('169.254.')) return true;
  return link.addresses.some((address) => {
    const prefix = cidr(address.ip, address.prefixLength);
    return prefix !== undefined && contains(prefix, from);
  });
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
