/**
 * Heartbeats on the wire: by multicast on one link, and by unicast to agents that are not heard that way. Switches that
 * snoop on multicast groups and access points often lose it in one direction only, so each datagram says before the
 * beat how it travels and whether its sender hears the receiver by multicast.
 */
import { familyOf, ip, type Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import type { Datagram, DatagramSocket, Link, Network } from '../../../model/wire.ts';
import type { HeartbeatChannel } from './port.ts';

export const GROUPS = { 4: ip('239.255.75.86'), 6: ip('ff12::4b56') } as const;

export type Transport = 'auto' | 'multicast' | 'unicast';

export interface HeartbeatChannelOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** UDP. */
  readonly port: number;
  readonly transport: Transport;
  /** Interface by name; undefined: the one with the default route. */
  readonly link: () => string | undefined;
  /** Addresses of the other agents as far as they are known, for unicast. Own ones may be among them. */
  readonly peers: () => readonly Ip[];
  /** Calls back once everything that had arrived by now was read: after the next poll of the event loop. */
  readonly afterPoll: (then: () => void) => void;
  /** For the log: told when it changes. Undefined: heartbeats travel. */
  readonly onProblem?: (problem: string | undefined) => void;
}

/** The first byte of a datagram. */
const KIND = { multicast: 0, answering: 1, asking: 2 } as const;
/** An agent that was not heard by multicast for this long is spoken to directly. */
const UNHEARD: Milliseconds = 2000;
/** One that asked to be spoken to directly goes on asking more often than this. */
const ASKED: Milliseconds = 2000;
/** A port that another program has, or a link that came a moment too early. */
const RETRY: Milliseconds = 500;

export function createHeartbeatChannel(options: HeartbeatChannelOptions): HeartbeatChannel {
  return new UdpChannel(options);
}

class UdpChannel implements HeartbeatChannel {
  readonly #options: HeartbeatChannelOptions;
  readonly #callbacks = new Set<(datagram: Uint8Array) => void>();
  /** When the agent at an address was last heard by multicast, and when it last asked. Known ones only. */
  readonly #heard = new Map<Ip, Milliseconds>();
  readonly #asked = new Map<Ip, Milliseconds>();
  readonly #stopWatching: () => void;
  #socket: DatagramSocket | undefined;
  #openedAt: Milliseconds = 0;
  /** The link it is open on, as text; undefined: none. */
  #shape: string | undefined;
  #family: 4 | 6 = 4;
  #own = new Set<Ip>();
  #opening = 0;
  #retry: Timer | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor(options: HeartbeatChannelOptions) {
    this.#options = options;
    this.#stopWatching = options.network.onChange(() => this.#follow());
    this.#follow();
  }

  send(datagram: Uint8Array): void {
    const socket = this.#socket;
    if (!socket) return;
    const { port, transport } = this.#options;
    const framed = new Uint8Array(datagram.length + 1);
    framed.set(datagram, 1);
    if (transport !== 'unicast') {
      framed[0] = KIND.multicast;
      socket.send(framed, { ip: GROUPS[this.#family], port });
    }
    if (transport === 'multicast') return;
    const now = this.#options.clock.now();
    for (const peer of this.#peers()) {
      const hears = transport === 'auto' && now - (this.#heard.get(peer) ?? this.#openedAt) < UNHEARD;
      const asks = now - (this.#asked.get(peer) ?? Number.NEGATIVE_INFINITY) < ASKED;
      if (hears && !asks) continue;
      framed[0] = hears ? KIND.answering : KIND.asking;
      socket.send(framed, { ip: peer, port });
    }
  }

  onDatagram(callback: (datagram: Uint8Array) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  drain(then: () => void): void {
    this.#options.afterPoll(then);
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#stopWatching();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #peers(): Ip[] {
    return this.#options.peers().filter((peer) => familyOf(peer) === this.#family && !this.#own.has(peer));
  }

  #receive({ data, from }: Datagram): void {
    const [kind] = data;
    if (kind === undefined || kind > KIND.asking) return;
    // Whoever is not known as an agent changes nothing here: an address can be forged.
    if (kind === KIND.multicast ? this.#heard.has(from.ip) : this.#asked.has(from.ip)) this.#note(kind, from.ip);
    else if (this.#options.transport === 'auto' && this.#peers().includes(from.ip)) this.#note(kind, from.ip);
    const beat = data.subarray(1);
    for (const callback of [...this.#callbacks]) callback(beat);
  }

  #note(kind: number, from: Ip): void {
    const now = this.#options.clock.now();
    if (kind === KIND.multicast) this.#heard.set(from, now);
    else if (kind === KIND.asking) this.#asked.set(from, now);
  }

  /** Links come, go, and are renamed; and the default route moves. */
  #follow(): void {
    if (this.#closed) return;
    const link = chooseLink(this.#options.network.links(), this.#options.link());
    const family = link && hasFamily(link, 4) ? 4 : 6;
    const shape = link?.up === true ? `${link.index} ${link.name} ${family}` : undefined;
    if (link) this.#own = new Set(link.addresses.map((address) => address.ip));
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#family = family;
    this.#socket?.close();
    this.#socket = undefined;
    this.#retry?.cancel();
    if (link && shape !== undefined) void this.#open(link, ++this.#opening);
    else this.#tell(link ? `interface ${link.name} is down` : this.#noLink());
  }

  async #open(link: Link, turn: number): Promise<void> {
    const { network, port, transport, clock } = this.#options;
    try {
      const socket = await network.openDatagrams({
        family: this.#family,
        localPort: port,
        link,
        ...(transport === 'unicast' ? {} : { join: [GROUPS[this.#family]] }),
        multicastTtl: 1,
        multicastLoop: false,
        onDatagram: (datagram) => this.#receive(datagram),
        onError: (error) => this.#lost(turn, error),
      });
      if (this.#closed || turn !== this.#opening) {
        socket.close();
        return;
      }
      this.#socket = socket;
      this.#openedAt = clock.now();
      this.#heard.clear();
      this.#asked.clear();
      this.#tell(undefined);
    } catch (error) {
      this.#lost(turn, error);
    }
  }

  #lost(turn: number, error: unknown): void {
    if (this.#closed || turn !== this.#opening) return;
    this.#socket = undefined;
    this.#shape = undefined;
    this.#tell(error instanceof Error ? error.message : String(error));
    this.#retry = this.#options.clock.after(RETRY, () => this.#follow());
  }

  #noLink(): string {
    const name = this.#options.link();
    return name === undefined ? 'no interface has a default route' : `there is no interface ${name}`;
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onProblem?.(problem);
  }
}

/** The one that was named, or with the default route; a LAN without a router has none, and its first one will do. */
function chooseLink(links: readonly Link[], name: string | undefined): Link | undefined {
  if (name !== undefined) return links.find((link) => link.name === name);
  const usable = links.filter((link) => link.name !== 'lo' && (hasFamily(link, 4) || hasFamily(link, 6)));
  return (
    usable.find(({ gateway }) => gateway.v4 !== undefined) ??
    usable.find(({ gateway }) => gateway.v6 !== undefined) ??
    usable.find(({ up }) => up)
  );
}

/** Addresses of ours stand alone and come and go. */
function hasFamily({ addresses }: Link, family: 4 | 6): boolean {
  return addresses.some(
    (address) => familyOf(address.ip) === family && address.prefixLength < (family === 4 ? 32 : 128),
  );
}
