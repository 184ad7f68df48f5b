/** Asks a router by SSDP whether it speaks UPnP, and where its description is. */
import { familyOf, hostPort, type Ip, isLinkLocal } from '../../model/ip.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import { DecodeError } from '../../model/errors.ts';
import { decodeSsdp, encodeSsdpSearch } from '../../protocols/ssdp/codec.ts';
import {
  IGD_SEARCH_TARGETS,
  SSDP_GROUP_V4,
  SSDP_GROUP_V6,
  SSDP_GROUP_V6_SITE,
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

export interface SearchOptions {
  /** What to ask for; default what opens ports by IPv4. */
  readonly targets?: readonly string[];
  /** Told of every other machine that answers like a router. */
  readonly other?: ((address: Ip) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The router's own answer, as soon as it is there; undefined if there is none within 2.5 s. Answers of other devices
 * do not count: a second box that speaks UPnP opens no way through the gateway, and anybody can send an answer. A router
 * that is known by its link-local address answers from its global one, which nobody can tell from another machine's:
 * there the first answer counts, and whatever it says is asked of the gateway.
 */
export async function searchIgd(
  io: RouterIo,
  route: { readonly link: string; readonly gateway: Ip },
  source: Ip,
  { targets = IGD_SEARCH_TARGETS, other, signal }: SearchOptions = {},
): Promise<SsdpFound | undefined> {
  const link = io.network.links().find(({ name }) => name === route.link);
  if (!link || signal?.aborted === true) return undefined;
  const family = familyOf(source);
  const groups = family === 4 ? [SSDP_GROUP_V4] : [SSDP_GROUP_V6, SSDP_GROUP_V6_SITE];
  let found: (value: SsdpFound | undefined) => void = () => undefined;
  const answer = new Promise<SsdpFound | undefined>((resolve) => (found = resolve));
  const timers: Timer[] = [];
  const stopAsking = (): void => {
    for (const timer of timers.splice(0)) timer.cancel();
  };
  let socket: DatagramSocket;
  try {
    socket = await io.network.openDatagrams({
      family,
      localIp: source,
      link,
      // Two hops, as the Device Architecture says; routers drop what they do not forward anyway.
      multicastTtl: 2,
      multicastLoop: false,
      onDatagram: ({ data, from }) => {
        const advert = answerOf(data);
        if (!advert) return;
        if (from.ip === route.gateway || isLinkLocal(route.gateway)) {
          stopAsking();
          found(advert);
        } else other?.(from.ip);
      },
      onError: () => end(),
    });
  } catch {
    // Nothing can be sent from that address: as good as no answer, and PCP and NAT-PMP say the words.
    return undefined;
  }
  const end = (): void => {
    found(undefined);
    stopAsking();
    last.cancel();
    signal?.removeEventListener('abort', end);
    socket.close();
  };
  // Others may be heard until the end, though the answer is there.
  const last = io.clock.after(END, end);
  signal?.addEventListener('abort', end);
  const send = (): void => {
    for (const target of targets) {
      for (const group of groups) {
        const host = hostPort(group, SSDP_PORT);
        const search = encodeSsdpSearch({ kind: 'search', target, maxWait: MAX_WAIT_SECONDS }, host);
        socket.send(search, { ip: group, port: SSDP_PORT });
        // Access points lose multicast, and some routers answer only what is sent to themselves.
        if (group === groups[0]) socket.send(search, { ip: route.gateway, port: SSDP_PORT });
      }
    }
  };
  timers.push(...SENDINGS.map((delay) => io.clock.after(delay, send)));
  return answer;
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
