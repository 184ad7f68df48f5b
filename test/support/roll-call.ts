/**
 * Asks a LAN who has an address, many times a second, and notes every machine that answers each single question. That
 * two of them have it at once shows as a question with two answers, however short it lasted.
 */
import { createNetwork } from '../../src/linux/network.ts';
import { DecodeError } from '../../src/model/errors.ts';
import { familyOf, ip, type Ip } from '../../src/model/ip.ts';
import { BROADCAST_MAC, ZERO_MAC, type Mac } from '../../src/model/mac.ts';
import type { FrameSocketOptions } from '../../src/model/wire.ts';
import { ARP_ETHER_TYPE, decodeArp, encodeArp } from '../../src/protocols/arp/packet.ts';
import { multicastMac, solicitedNode } from '../../src/protocols/ndp/multicast.ts';
import { decodeNdp, encodeNdp, IPV6_ETHER_TYPE, NDP_TYPE } from '../../src/protocols/ndp/packet.ts';

const EVERY_MS = 20;
/**
 * Each question is asked in the name of another address of the LAN, which its answers carry: that tells to which
 * question an answer belongs. After this many the names begin anew, when no answer to the first is under way any more.
 */
const ASKERS = 40;

export interface RollCall {
  /** Of each question so far, in order: the machines that answered it. */
  answers(): readonly (readonly Mac[])[];
  /** When each question was asked, by performance.now(). */
  times(): readonly number[];
  /** The machines in the order in which they had the address: one that had it, lost it and has it again is twice in it. */
  holders(): Mac[];
  /** The questions that more than one machine answered. */
  disputed(): (readonly Mac[])[];
  stop(): void;
}

interface Form {
  readonly hears: Pick<FrameSocketOptions, 'etherType' | 'icmpTypes'>;
  question(mac: Mac, asker: Ip, target: Ip): Uint8Array;
  /** Undefined for what is no answer. @throws DecodeError */
  answer(frame: Uint8Array): { readonly target: Ip; readonly asker: Ip; readonly mac: Mac } | undefined;
  asker(index: number): Ip;
}

const ARP_FORM: Form = {
  hears: { etherType: ARP_ETHER_TYPE },
  asker: (index) => ip(`10.77.0.${60 + index}`),
  question: (mac, asker, targetIp) =>
    encodeArp({
      ...{ to: BROADCAST_MAC, from: mac, operation: 'request' },
      ...{ senderMac: mac, senderIp: asker, targetMac: ZERO_MAC, targetIp },
    }),
  answer(data) {
    const { operation, senderIp, targetIp, senderMac } = decodeArp(data);
    return operation === 'reply' ? { target: senderIp, asker: targetIp, mac: senderMac } : undefined;
  },
};

const NDP_FORM: Form = {
  hears: { etherType: IPV6_ETHER_TYPE, icmpTypes: Object.values(NDP_TYPE) },
  asker: (index) => ip(`2001:db8:77::${60 + index}`),
  question: (mac, source, target) => {
    const destination = solicitedNode(target);
    const to = multicastMac(destination);
    return encodeNdp({ kind: 'solicitation', to, from: mac, source, destination, target, sourceMac: mac });
  },
  answer(data) {
    const frame = decodeNdp(data);
    return frame.kind === 'advertisement' && frame.solicited
      ? { target: frame.target, asker: frame.destination, mac: frame.from }
      : undefined;
  },
};

/** Starts asking from `eth0` of a namespace. Stop it before the namespace goes. */
export function callTheRoll(netns: string, target: Ip): RollCall {
  const form = familyOf(target) === 4 ? ARP_FORM : NDP_FORM;
  const network = createNetwork({ netns });
  const link = network.links().find(({ name }) => name === 'eth0');
  if (!link) throw new Error(`${netns} has no eth0`);
  const asked: Set<Mac>[] = [];
  const times: number[] = [];
  const latest = new Map<Ip, Set<Mac>>();
  const socket = network.openFrames({ link, ...form.hears }, (frame) => {
    const answer = decoded(form, frame);
    if (answer?.target === target) latest.get(answer.asker)?.add(answer.mac);
  });
  const timer = setInterval(() => {
    const asker = form.asker(asked.length % ASKERS);
    const answerers = new Set<Mac>();
    asked.push(answerers);
    times.push(performance.now());
    latest.set(asker, answerers);
    socket.send(form.question(link.mac, asker, target));
  }, EVERY_MS);
  return {
    answers: () => asked.map((machines) => [...machines]),
    times: () => times,
    holders: () => asked.flatMap((machines) => [...machines]).filter((mac, i, all) => mac !== all[i - 1]),
    disputed: () => asked.filter(({ size }) => size > 1).map((machines) => [...machines]),
    stop() {
      clearInterval(timer);
      socket.close();
      network.close();
    },
  };
}

function decoded(form: Form, frame: Uint8Array): ReturnType<Form['answer']> {
  try {
    return form.answer(frame);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
