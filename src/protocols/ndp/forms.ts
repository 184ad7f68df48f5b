/** The messages that an address needs: asked for, answered, announced (RFC 4861 §7.2, RFC 4862 §5.4). */
import type { Ip } from '../../model/ip.ts';
import { macToBytes, ZERO_MAC, type Mac } from '../../model/mac.ts';
import { ALL_NODES, multicastMac, solicitedNode, UNSPECIFIED } from './multicast.ts';
import type { NdpFrame, NeighborAdvertisement, NeighborSolicitation } from './packet.ts';

/** Asks for an address without claiming any, as duplicate address detection does. @param nonce see RFC 7527. */
export function ndpProbe(mac: Mac, target: Ip, nonce?: Uint8Array): NeighborSolicitation {
  const destination = solicitedNode(target);
  return {
    kind: 'solicitation',
    to: multicastMac(destination),
    from: mac,
    source: UNSPECIFIED,
    destination,
    target,
    ...(nonce && { nonce }),
  };
}

/** Claims an address towards everyone, and overrides what they knew. Never as a router: nobody routes by this address. */
export function unsolicitedAdvertisement(mac: Mac, address: Ip): NeighborAdvertisement {
  return {
    kind: 'advertisement',
    to: multicastMac(ALL_NODES),
    from: mac,
    source: address,
    destination: ALL_NODES,
    target: address,
    router: false,
    solicited: false,
    override: true,
    targetMac: mac,
  };
}

/** The answer to a question for an address of ours. Who has no address yet is answered by telling everyone. */
export function solicitedAdvertisement(mac: Mac, question: NeighborSolicitation): NeighborAdvertisement {
  const everyone = unsolicitedAdvertisement(mac, question.target);
  if (question.source === UNSPECIFIED) return everyone;
  return { ...everyone, to: askerOf(question), destination: question.source, solicited: true };
}

/** Whether the frame asks who has an address, and its sender can be answered. */
export function isSolicitation(frame: NdpFrame): frame is NeighborSolicitation {
  if (frame.kind !== 'solicitation' || frame.source === frame.target) return false;
  const mac = askerOf(frame);
  return mac !== ZERO_MAC && ((macToBytes(mac)[0] ?? 0) & 1) === 0;
}

/** The address that the frame's sender says it has, and the machine that has it. */
export function claimOf(frame: NdpFrame): { readonly ip: Ip; readonly mac: Mac } | undefined {
  const claim =
    frame.kind === 'advertisement'
      ? { ip: frame.target, mac: frame.targetMac ?? frame.from }
      : { ip: frame.source, mac: askerOf(frame) };
  return claim.ip === UNSPECIFIED || claim.mac === ZERO_MAC ? undefined : claim;
}

/** A unicast question may leave out what the Ethernet header says anyway. */
function askerOf(question: NeighborSolicitation): Mac {
  return question.sourceMac ?? question.from;
}
