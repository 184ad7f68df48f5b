/** NAT Port Mapping Protocol (RFC 6886), the ancestor of PCP: messages and their bytes. */
import { DecodeError } from '../../model/errors.ts';
import { ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';

/** Gateways listen here, clients on the next lower for announcements to 224.0.0.1 (§3.2.1). */
export const NATPMP_SERVER_PORT = 5351;
export const NATPMP_CLIENT_PORT = 5350;

export type NatPmpRequest =
  | { readonly kind: 'address' }
  | {
      readonly kind: 'map';
      readonly protocol: 'TCP' | 'UDP';
      readonly internalPort: number;
      /** A wish; 0 for none, and when deleting. */
      readonly externalPort: number;
      /** Seconds; 0 deletes. */
      readonly lifetime: number;
    };

interface Answer {
  /** See result.ts. */
  readonly result: number;
  /** Seconds since the gateway forgot its mappings (§3.6). */
  readonly epoch: number;
}
export type NatPmpResponse =
  | (Answer & { readonly kind: 'address'; readonly externalIp?: Ip })
  | (Answer & {
      readonly kind: 'map';
      readonly protocol: 'TCP' | 'UDP';
      /** Absent in an answer that carries an error and nothing else. */
      readonly mapping?: {
        readonly internalPort: number;
        readonly externalPort: number;
        /** Seconds granted. */
        readonly lifetime: number;
      };
    })
  /** An operation the gateway does not know, or its version is another. */
  | (Answer & { readonly kind: 'unsupported'; readonly opcode: number; readonly version: number });

const RESPONSE = 0x80;
const OPCODE = { address: 0, UDP: 1, TCP: 2 } as const;

export function encodeNatPmpRequest(request: NatPmpRequest): Uint8Array {
  if (request.kind === 'address') return Uint8Array.of(0, OPCODE.address);
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, OPCODE[request.protocol]);
  view.setUint16(4, request.internalPort);
  view.setUint16(6, request.externalPort);
  view.setUint32(8, request.lifetime);
  return bytes;
}

/** @throws DecodeError */
export function decodeNatPmpRequest(bytes: Uint8Array): NatPmpRequest {
  const [version, opcode] = bytes;
  if (version !== 0) throw new DecodeError('not NAT-PMP version 0');
  if (opcode === OPCODE.address) return { kind: 'address' };
  if (opcode !== OPCODE.UDP && opcode !== OPCODE.TCP) throw new DecodeError('not a NAT-PMP request');
  if (bytes.length < 12) throw new DecodeError(`a NAT-PMP mapping request has 12 bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    kind: 'map',
    protocol: opcode === OPCODE.TCP ? 'TCP' : 'UDP',
    internalPort: view.getUint16(4),
    externalPort: view.getUint16(6),
    lifetime: view.getUint32(8),
  };
}

export function encodeNatPmpResponse(response: NatPmpResponse): Uint8Array {
  const bytes = new Uint8Array(sizeOf(response));
  const view = new DataView(bytes.buffer);
  view.setUint16(2, response.result);
  view.setUint32(4, response.epoch);
  if (response.kind === 'address') {
    view.setUint8(1, RESPONSE | OPCODE.address);
    if (response.externalIp !== undefined) bytes.set(ipToBytes(response.externalIp), 8);
  } else if (response.kind === 'map') {
    view.setUint8(1, RESPONSE | OPCODE[response.protocol]);
    if (response.mapping) {
      view.setUint16(8, response.mapping.internalPort);
      view.setUint16(10, response.mapping.externalPort);
      view.setUint32(12, response.mapping.lifetime);
    }
  } else {
    view.setUint8(0, response.version);
    view.setUint8(1, RESPONSE | response.opcode);
  }
  return bytes;
}

/** @throws DecodeError */
export function decodeNatPmpResponse(bytes: Uint8Array): NatPmpResponse {
  if (bytes.length < 8) throw new DecodeError(`NAT-PMP answers with 8 bytes or more, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  const opcode = view.getUint8(1) & ~RESPONSE;
  if ((view.getUint8(1) & RESPONSE) === 0) throw new DecodeError('a NAT-PMP request, not an answer');
  const answer = { result: view.getUint16(2), epoch: view.getUint32(4) };
  if (version !== 0 || opcode > OPCODE.TCP) {
    // §3.5: an answer that refuses version or operation stops after the header.
    if (answer.result === 0) throw new DecodeError(`no NAT-PMP answer: version ${version}, operation ${opcode}`);
    return { kind: 'unsupported', ...answer, opcode, version };
  }
  if (opcode === OPCODE.address) {
    if (answer.result !== 0) return { kind: 'address', ...answer };
    if (bytes.length < 12) throw new DecodeError('NAT-PMP address missing');
    return { kind: 'address', ...answer, externalIp: ipFromBytes(bytes.subarray(8, 12)) };
  }
  const protocol = opcode === OPCODE.TCP ? ('TCP' as const) : ('UDP' as const);
  if (bytes.length < 16) {
    if (answer.result === 0) throw new DecodeError('NAT-PMP mapping missing');
    return { kind: 'map', ...answer, protocol };
  }
  const mapping = {
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetime: view.getUint32(12),
  };
  return { kind: 'map', ...answer, protocol, mapping };
}

function sizeOf(response: NatPmpResponse): number {
  if (response.kind === 'address') return response.result === 0 ? 12 : 8;
  return response.kind === 'map' && response.mapping ? 16 : 8;
}
