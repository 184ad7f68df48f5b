/** The BFD Control packet (RFC 5880 §4.1). Times are in microseconds, as on the wire. */
import { DecodeError } from '../../model/errors.ts';

export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;
export type BfdState = (typeof BFD_STATES)[number];

/** Diagnostic codes (RFC 5880 §4.1). */
export const DIAGNOSTIC = {
  none: 0,
  detectionTimeExpired: 1,
  neighborSignaledDown: 3,
  administrativelyDown: 7,
} as const;

export interface BfdPacket {
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  /** The sender's BFD does not share the fate of its control plane. */
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly detectMultiplier: number;
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  readonly desiredMinTx: number;
  readonly requiredMinRx: number;
  readonly requiredMinEchoRx: number;
}

const VERSION = 1;
const LENGTH = 24;
const BIT = {
  poll: 0x20,
  final: 0x10,
  independent: 0x08,
  authentication: 0x04,
  demand: 0x02,
  multipoint: 0x01,
} as const;

export function encodeBfd(packet: BfdPacket): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (VERSION << 5) | (packet.diagnostic & 0x1f));
  view.setUint8(
    1,
    (BFD_STATES.indexOf(packet.state) << 6) |
      (packet.poll ? BIT.poll : 0) |
      (packet.final ? BIT.final : 0) |
      (packet.controlPlaneIndependent ? BIT.independent : 0) |
      (packet.demand ? BIT.demand : 0),
  );
  view.setUint8(2, packet.detectMultiplier);
  view.setUint8(3, LENGTH);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTx);
  view.setUint32(16, packet.requiredMinRx);
  view.setUint32(20, packet.requiredMinEchoRx);
  return bytes;
}

/** @throws DecodeError for what RFC 5880 §6.8.6 has discarded without looking at a session, authentication included. */
export function decodeBfd(bytes: Uint8Array): BfdPacket {
  if (bytes.length < LENGTH) throw new DecodeError(`BFD has at least ${LENGTH} bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(1);
  const length = view.getUint8(3);
  if (view.getUint8(0) >> 5 !== VERSION) throw new DecodeError(`BFD version ${view.getUint8(0) >> 5}, not ${VERSION}`);
  if ((flags & BIT.authentication) !== 0) throw new DecodeError('BFD with authentication, which is not in use here');
  if (length < LENGTH || length > bytes.length) throw new DecodeError(`BFD with a length of ${length}`);
  if ((flags & BIT.multipoint) !== 0) throw new DecodeError('BFD with the multipoint bit');
  const packet: BfdPacket = {
    diagnostic: view.getUint8(0) & 0x1f,
    state: BFD_STATES[flags >> 6] ?? 'Down',
    poll: (flags & BIT.poll) !== 0,
    final: (flags & BIT.final) !== 0,
    controlPlaneIndependent: (flags & BIT.independent) !== 0,
    demand: (flags & BIT.demand) !== 0,
    detectMultiplier: view.getUint8(2),
    myDiscriminator: view.getUint32(4),
    yourDiscriminator: view.getUint32(8),
    desiredMinTx: view.getUint32(12),
    requiredMinRx: view.getUint32(16),
    requiredMinEchoRx: view.getUint32(20),
  };
  if (packet.detectMultiplier === 0) throw new DecodeError('BFD with a detection multiplier of 0');
  if (packet.myDiscriminator === 0) throw new DecodeError('BFD without a discriminator');
  if (packet.yourDiscriminator === 0 && packet.state !== 'Down' && packet.state !== 'AdminDown') {
    throw new DecodeError(`BFD in state ${packet.state} that does not know whom it speaks to`);
  }
  return packet;
}
