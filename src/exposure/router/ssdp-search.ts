/** Asks a router by SSDP whether it speaks UPnP, and where its description is. */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { DecodeError } from '../../model/errors.ts';
import { decodeSsdp, encodeSsdpSearch } from '../../protocols/ssdp/codec.ts';
import {
  IGD_SEARCH_TARGETS,
  SSDP_GROUP_V4,
  SSDP_PORT,
  isGatewayTarget,
  type SsdpAnswer,
} from '../../protocols/ssdp/message.ts';
import type { DatagramSocket } from '../../model/wire.ts';
import type { RouterIo } from './exchange.ts';

export interface SsdpFound {
  readonly location: string;
  readonly bootId?: number;
}

/** Devices may take up to MX seconds to answer; what has not answered by the end is taken for absent. */
const MAX_WAIT_SECONDS = 1;
const SENDINGS: readonly Milliseconds[] = [0, 300, 1000];
const END: Milliseconds = 2500;

/**
 * The router's own answer, as soon as it is there; undefined if there is none within 2.5 s. Answers of other devices
 * do not count: a second box that speaks UPnP opens no way through the gateway, and anybody can send an answer.
 */
export async function searchIgd(
  io: RouterIo,
  route: { readonly link: string; readonly gateway: Ip },
  source: Ip,
  signal?: AbortSignal,
): Promise<SsdpFound | undefined> {
  const link = io.network.links().find(({ name }) => name === route.link);
  if (!link || signal?.aborted === true) return undefined;
  let found: (value: SsdpFound | undefined) => void = () => undefined;
  const answer = new Promise<SsdpFound | undefined>((resolve) => (found = resolve));
  const aborted = (): void => found(undefined);
  let socket: DatagramSocket;
  try {
    socket = await io.network.openDatagrams({
      family: 4,
      localIp: source,
      link,
      // Two hops, as the Device Architecture says; routers drop what they do not forward anyway.
      multicastTtl: 2,
      multicastLoop: false,
      onDatagram: ({ data, from }) => {
        const advert = from.ip === route.gateway ? answerOf(data) : undefined;
        if (advert) found(advert);
      },
      onError: aborted,
    });
  } catch {
    // Nothing can be sent from that address: as good as no answer, and PCP and NAT-PMP say the words.
    return undefined;
  }
  const targets = IGD_SEARCH_TARGETS.map((target) =>
    encodeSsdpSearch({ kind: 'search', target, maxWait: MAX_WAIT_SECONDS }, `${SSDP_GROUP_V4}:${SSDP_PORT}`),
  );
  const timers = SENDINGS.map((delay) =>
    io.clock.after(delay, () => {
      for (const search of targets) {
        socket.send(search, { ip: SSDP_GROUP_V4, port: SSDP_PORT });
        // Access points lose multicast, and some routers answer only what is sent to themselves.
        socket.send(search, { ip: route.gateway, port: SSDP_PORT });
      }
    }),
  );
  timers.push(io.clock.after(END, aborted));
  signal?.addEventListener('abort', aborted);
  try {
    return await answer;
  } finally {
    signal?.removeEventListener('abort', aborted);
    for (const timer of timers) timer.cancel();
    socket.close();
  }
}

function answerOf(data: Uint8Array): SsdpFound | undefined {
  let message: SsdpAnswer;
  try {
    const decoded = decodeSsdp(data);
    if (decoded.kind !== 'answer' || !isGatewayTarget(decoded.target)) return undefined;
    message = decoded;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
  const { location, bootId } = message;
  return location === undefined ? undefined : { location, ...(bootId === undefined ? {} : { bootId }) };
}
