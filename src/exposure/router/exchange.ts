/** One question and its answer over UDP, sent again while there is none. */
import { DecodeError, messageOf } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { Datagram, DatagramSocket, Network } from '../../model/wire.ts';
import type { Unreachable } from './client.ts';

export interface RouterIo {
  readonly network: Network;
  readonly clock: Clock;
}

export interface Question<T> {
  /** Interface by name. */
  readonly link: string;
  readonly source: Ip;
  readonly to: { readonly ip: Ip; readonly port: number };
  readonly payload: Uint8Array;
  /** How long to wait after each sending; their number is the number of sendings. */
  readonly pauses: readonly Milliseconds[];
  /** The answer, or undefined for a datagram that answers something else. May throw DecodeError. */
  readonly decode: (data: Uint8Array) => T | undefined;
}

export type Answered<T> = { readonly kind: 'answer'; readonly value: T } | Unreachable;

export async function ask<T>(io: RouterIo, question: Question<T>, signal?: AbortSignal): Promise<Answered<T>> {
  const { to, source } = question;
  const link = io.network.links().find(({ name }) => name === question.link);
  if (!link) return { ...unreachable(`interface ${question.link} is gone`), local: true };
  return new Promise((resolve) => {
    let socket: DatagramSocket | undefined;
    let timer: Timer | undefined;
    let settled = false;
    const settle = (answer: Answered<T>): void => {
      if (settled) return;
      settled = true;
      timer?.cancel();
      socket?.close();
      signal?.removeEventListener('abort', aborted);
      resolve(answer);
    };
    const aborted = (): void => settle(unreachable('cancelled'));
    const send = (attempt: number): void => {
      const pause = question.pauses[attempt];
      if (pause === undefined) return settle(unreachable(`${to.ip} port ${to.port} does not answer`));
      socket?.send(question.payload, to);
      timer = io.clock.after(pause, () => send(attempt + 1));
    };
    const onDatagram = ({ data, from }: Datagram): void => {
      if (settled || from.ip !== to.ip || from.port !== to.port) return;
      const value = decoded(question.decode, data);
      if (value !== undefined) settle({ kind: 'answer', value });
    };
    if (signal?.aborted === true) return aborted();
    signal?.addEventListener('abort', aborted);
    io.network
      .openDatagrams({
        family: familyOf(to.ip),
        localIp: source,
        link,
        onDatagram,
        onError: (error) => settle(unreachable(error.message)),
      })
      .then(
        (opened) => {
          if (settled) return opened.close();
          socket = opened;
          send(0);
        },
        (error: unknown) => settle({ ...unreachable(`no asking from ${source}: ${messageOf(error)}`), local: true }),
      );
  });
}

export function unreachable(words: string): Unreachable {
  return { kind: 'unreachable', words };
}

function decoded<T>(decode: (data: Uint8Array) => T | undefined, data: Uint8Array): T | undefined {
  try {
    return decode(data);
  } catch (error) {
    // Anybody can send anything to an open port: what is not the answer is not there.
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
