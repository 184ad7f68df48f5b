/** Asks the LAN for the addresses of a `.local` name, once: RFC 6762 §5.1, as a plain resolver would. */
import { familiesOf, groupOf, isOnLink } from '../exposure/naming/mdns-channel.ts';
import { DecodeError } from '../model/errors.ts';
import type { Ip } from '../model/ip.ts';
import type { Clock, Entropy, Milliseconds } from '../model/time.ts';
import type { Datagram, DatagramSocket, Link, Network } from '../model/wire.ts';
import { decodeMessage, encodeMessage } from '../protocols/mdns/codec.ts';
import { MDNS_PORT, message, type Message, type ResourceRecord } from '../protocols/mdns/message.ts';
import { sameName } from '../protocols/mdns/name.ts';
import { lanLinks } from './lan-links.ts';

/** When the question is asked, since the start: multicast gets lost, on Wi-Fi above all. */
const ASK_AT: readonly Milliseconds[] = [0, 250, 1000, 2000];
/** The other family usually comes along, or a moment later; some never say that there is none. */
const SETTLE: Milliseconds = 250;

export interface ResolveOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

/** Addresses of both families, IPv4 first; none when nobody answered; undefined when nobody could be asked. */
export async function resolveName(host: string, options: ResolveOptions): Promise<readonly Ip[] | undefined> {
  const { network, clock, entropy, timeout, signal } = options;
  const [high = 0, low = 0] = entropy.bytes(2);
  const id = (high << 8) | low;
  const questions = (['A', 'AAAA'] as const).map((type) => ({ name: host, type, unicast: true }));
  const question = encodeMessage(message('query', { id, questions }));
  const answers = new Answers(host, id);
  const sockets: DatagramSocket[] = [];
  try {
    return await new Promise<readonly Ip[] | undefined>((resolve) => {
      const finish = (ips: readonly Ip[] | undefined): void => {
        for (const timer of timers) timer.cancel();
        signal?.removeEventListener('abort', giveUp);
        resolve(ips);
      };
      const giveUp = (): void => finish(answers.addresses());
      const timers = [clock.after(timeout, giveUp)];
      signal?.addEventListener('abort', giveUp, { once: true });
      const onDatagram = (link: Link, datagram: Datagram): void => {
        const first = answers.addresses().length === 0;
        if (isOnLink(link, datagram.from.ip)) answers.take(datagram);
        if (answers.isComplete()) giveUp();
        else if (first && answers.addresses().length > 0) timers.push(clock.after(SETTLE, giveUp));
      };
      void openSockets(network, onDatagram).then((opened) => {
        sockets.push(...opened.map(({ socket }) => socket));
        if (opened.length === 0) return finish(undefined);
        const ask = (): void => opened.forEach(({ socket, group }) => socket.send(question, group));
        for (const at of ASK_AT) if (at < timeout) timers.push(clock.after(at, ask));
      });
    });
  } finally {
    for (const socket of sockets) socket.close();
  }
}

interface Opened {
  readonly socket: DatagramSocket;
  readonly group: Datagram['from'];
}

/** Of a port of their own: the answer comes to us alone, and the resolver of this machine is not disturbed. */
async function openSockets(network: Network, onDatagram: (link: Link, datagram: Datagram) => void): Promise<Opened[]> {
  const wanted = lanLinks(network).flatMap((link) => familiesOf(link).map((family) => ({ link, family })));
  const opening = wanted.map(async ({ link, family }): Promise<Opened> => {
    const socket = await network.openDatagrams({
      family,
      link,
      multicastTtl: 255,
      onDatagram: (datagram) => onDatagram(link, datagram),
      // The others may still be answered.
      onError: () => undefined,
    });
    return { socket, group: { ip: groupOf(family), port: MDNS_PORT } };
  });
  const results = await Promise.allSettled(opening);
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** What was said about the name so far. */
class Answers {
  readonly #host: string;
  readonly #id: number;
  readonly #found = { A: new Set<Ip>(), AAAA: new Set<Ip>() };
  readonly #absent = new Set<'A' | 'AAAA'>();

  constructor(host: string, id: number) {
    this.#host = host;
    this.#id = id;
  }

  take({ data, from }: Datagram): void {
    const answer = decoded(data);
    // Anything else is no answer to our question, whatever it says.
    if (answer?.kind !== 'response' || answer.id !== this.#id || from.port !== MDNS_PORT) return;
    for (const record of [...answer.answers, ...answer.additionals]) {
      if (sameName(record.name, this.#host)) this.#learn(record);
    }
  }

  addresses(): Ip[] {
    return [...this.#found.A, ...this.#found.AAAA];
  }

  /** Both families have come, or word that there is none (RFC 6762 §6.1). */
  isComplete(): boolean {
    const families = ['A', 'AAAA'] as const;
    return (
      this.addresses().length > 0 && families.every((type) => this.#found[type].size > 0 || this.#absent.has(type))
    );
  }

  #learn(record: ResourceRecord): void {
    if (record.type === 'A' || record.type === 'AAAA') this.#found[record.type].add(record.data);
    if (record.type !== 'NSEC') return;
    for (const type of ['A', 'AAAA'] as const) if (!record.data.types.includes(type)) this.#absent.add(type);
  }
}

function decoded(data: Uint8Array): Message | undefined {
  try {
    return decodeMessage(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
