/** Gives BFD sessions their packets and their time. All sessions of a kind share what they hear by. */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, type Family } from '../../model/ip.ts';
import type { Clock, Entropy, Timer } from '../../model/time.ts';
import { decodeBfd, encodeBfd, type BfdState } from '../../protocols/bfd/packet.ts';
import { createBfdSession, type BfdOutput, type BfdSession, type BfdTimers } from '../../protocols/bfd/session.ts';
import type { BfdPath, BfdReceived, BfdTransport } from './port.ts';

export type BfdNews = Exclude<BfdOutput, { kind: 'send' }>;

export interface BfdWatch {
  readonly state: BfdState;
  /** Tells the peer that it is over. */
  close(): void;
}

export interface BfdDriver {
  /** @throws KubevipError when sockets cannot be opened. */
  watch(path: BfdPath, timers: BfdTimers, onNews: (news: BfdNews) => void): BfdWatch;
}

interface Entry {
  readonly path: BfdPath;
  readonly session: BfdSession;
  take(outputs: readonly BfdOutput[]): void;
}

export function createBfdDriver(world: {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly transport: BfdTransport;
}): BfdDriver {
  const { clock, entropy, transport } = world;
  const entries = new Set<Entry>();
  const ears = new Map<string, { users: number; close(): void }>();

  const hear = (multihop: boolean, { packet, from, link }: BfdReceived): void => {
    const decoded = attempt(packet);
    if (decoded === undefined) return;
    for (const entry of entries) {
      const { path, session } = entry;
      const theirs = path.peerIp === from && path.multihop === multihop && path.link === link;
      const ours = decoded.yourDiscriminator === 0 || decoded.yourDiscriminator === session.discriminator;
      if (theirs && ours) {
        entry.take(session.receive(decoded, clock.now()));
        return;
      }
    }
  };

  /** @returns to be called when it is not needed any more. */
  const listen = (family: Family, { multihop, link }: BfdPath): (() => void) => {
    const key = `${family} ${multihop} ${link ?? ''}`;
    const ear = ears.get(key) ?? {
      users: 0,
      close: (
        (socket) => () =>
          socket.close()
      )(
        transport.listen({
          family,
          multihop,
          ...(link !== undefined && { link }),
          onPacket: (received) => hear(multihop, received),
        }),
      ),
    };
    ear.users++;
    ears.set(key, ear);
    return () => {
      ear.users--;
      if (ear.users > 0) return;
      ear.close();
      ears.delete(key);
    };
  };

  const discriminator = (): number => {
    for (;;) {
      const number = new DataView(Uint8Array.from(entropy.bytes(4)).buffer).getUint32(0);
      if (number !== 0 && ![...entries].some(({ session }) => session.discriminator === number)) return number;
    }
  };

  return {
    watch(path, timers, onNews) {
      const stopListening = listen(familyOf(path.peerIp), path);
      let socket: ReturnType<BfdTransport['open']>;
      try {
        socket = transport.open(path);
      } catch (error) {
        stopListening();
        throw error;
      }
      const session = createBfdSession(timers, discriminator(), entropy);
      let timer: Timer | undefined;
      let closed = false;
      const take = (outputs: readonly BfdOutput[]): void => {
        for (const output of outputs) {
          if (output.kind === 'send') socket.send(encodeBfd(output.packet));
          else onNews(output);
        }
        timer?.cancel();
        const due = closed ? undefined : session.deadline();
        if (due !== undefined)
          timer = clock.after(Math.max(0, due - clock.now()), () => take(session.tick(clock.now())));
      };
      const entry = { path, session, take };
      entries.add(entry);
      take(session.start(clock.now()));
      return {
        get state() {
          return session.state;
        },
        close() {
          if (closed) return;
          closed = true;
          entries.delete(entry);
          take(session.stop(clock.now()));
          socket.close();
          stopListening();
        },
      };
    },
  };
}

function attempt(packet: Uint8Array): ReturnType<typeof decodeBfd> | undefined {
  try {
    return decodeBfd(packet);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
