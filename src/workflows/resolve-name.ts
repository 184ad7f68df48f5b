/** Asks the LAN for the address of a `.local` name, once: RFC 6762 §5.1, as a plain resolver would. */
import { DecodeError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import type { Clock, Entropy, Milliseconds } from '../model/time.ts';
import type { DatagramSocket, Network } from '../model/wire.ts';
import { decodeMessage, encodeMessage } from '../protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, MDNS_PORT, message } from '../protocols/mdns/message.ts';

/** When the question is asked, since the start: multicast gets lost, on Wi-Fi above all. */
const ASK_AT: readonly Milliseconds[] = [0, 250, 1000, 2000];

export interface ResolveOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

/** The IPv4 addresses in the first answer; none when nobody answered; undefined when nobody could be asked. */
export async function resolveName(host: string, options: ResolveOptions): Promise<readonly Ip[] | undefined> {
  const { network, clock, entropy, timeout, signal } = options;
  const links = network
    .links()
    .filter(({ name, up, addresses }) => up && name !== 'lo' && addresses.some(({ ip }) => familyOf(ip) === 4));
  const [high = 0, low = 0] = entropy.bytes(2);
  const id = (high << 8) | low;
  // A class of its own port: the answer then comes to us alone, and the resolver of this machine is not disturbed.
  const question = encodeMessage(message('query', { id, questions: [{ name: host, type: 'A', unicast: true }] }));
  const sockets: DatagramSocket[] = [];
  try {
    return await new Promise<readonly Ip[] | undefined>((resolve) => {
      const timers = ASK_AT.filter((at) => at < timeout).map((at) =>
        clock.after(at, () =>
          sockets.forEach((socket) => socket.send(question, { ip: MDNS_GROUP_V4, port: MDNS_PORT })),
        ),
      );
      const finish = (ips: readonly Ip[] | undefined): void => {
        for (const timer of timers) timer.cancel();
        signal?.removeEventListener('abort', giveUp);
        resolve(ips);
      };
      const giveUp = (): void => finish([]);
      timers.push(clock.after(timeout, giveUp));
      signal?.addEventListener('abort', giveUp, { once: true });
      const onDatagram = ({ data }: { readonly data: Uint8Array }): void => {
        const ips = addressesIn(data, host);
        if (ips.length > 0) finish(ips);
      };
      const opened = links.map(async (link) => {
        sockets.push(
          await network.openDatagrams({ family: 4, link, multicastTtl: 255, onDatagram, onError: () => undefined }),
        );
      });
      void Promise.allSettled(opened).then(() => {
        if (sockets.length === 0) finish(undefined);
      });
    });
  } finally {
    for (const socket of sockets) socket.close();
  }
}

function addressesIn(data: Uint8Array, host: string): Ip[] {
  try {
    const { kind, answers } = decodeMessage(data);
    if (kind !== 'response') return [];
    return answers.flatMap((record) =>
      record.type === 'A' && record.name.toLowerCase() === host.toLowerCase() ? [(record as { data: Ip }).data] : [],
    );
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}
