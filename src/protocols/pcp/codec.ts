/** Bytes of PCP messages (RFC 6887 §7, §11.1, §13). Both directions of both kinds, so that a server can be played. */
import { DecodeError } from '../../model/errors.ts';
import { from16, to16 } from './address.ts';
import { decodeOptions, encodeOptions } from './options.ts';
import {
  PCP_MAX_BYTES,
  PCP_OPCODE,
  PCP_VERSION,
  type PcpMap,
  type PcpRequest,
  type PcpResponse,
  type PcpVersionMismatch,
} from './message.ts';

const HEADER = 24;
const MAP = 36;
const RESPONSE = 0x80;
const UNSUPPORTED_VERSION = 1;

/** @throws TypeError for a nonce that has not 12 bytes. */
export function encodePcpRequest(request: PcpRequest): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER));
  header.setUint8(0, PCP_VERSION);
  header.setUint8(1, request.opcode);
  header.setUint32(4, request.lifetime);
  new Uint8Array(header.buffer).set(to16(request.clientIp), 8);
  return assemble(header, request.map, encodeOptions(request.options));
}

/** @throws TypeError for a nonce that has not 12 bytes. */
export function encodePcpResponse(response: PcpResponse): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER));
  header.setUint8(0, PCP_VERSION);
  header.setUint8(1, response.opcode | RESPONSE);
  header.setUint8(3, response.result);
  header.setUint32(4, response.lifetime);
  header.setUint32(8, response.epoch);
  return assemble(header, response.map, encodeOptions(response.options));
}

/** @throws DecodeError if it is no PCP request. */
export function decodePcpRequest(bytes: Uint8Array): PcpRequest {
  const view = viewOf(bytes);
  const opcode = view.getUint8(1);
  if (view.getUint8(0) !== PCP_VERSION) throw new DecodeError(`not PCP version 2 but ${view.getUint8(0)}`);
  if ((opcode & RESPONSE) !== 0) throw new DecodeError('a PCP answer, not a request');
  const { map, rest } = body(bytes, opcode, true);
  return {
    opcode,
    lifetime: view.getUint32(4),
    clientIp: from16(bytes.subarray(8, 24)),
    ...(map && { map }),
    options: decodeOptions(rest),
  };
}

/** @throws DecodeError if it is no answer of a PCP or NAT-PMP server. */
export function decodePcpResponse(bytes: Uint8Array): PcpResponse | PcpVersionMismatch {
  // A server of another version answers in its own format: only these four bytes are common (§9).
  if (bytes.length >= 4 && bytes[0] !== PCP_VERSION && ((bytes[1] ?? 0) & RESPONSE) !== 0) {
    return { opcode: 'version', version: bytes[0] ?? 0 };
  }
  const view = viewOf(bytes);
  if ((view.getUint8(1) & RESPONSE) === 0) throw new DecodeError('a PCP request, not an answer');
  const opcode = view.getUint8(1) & ~RESPONSE;
  const result = view.getUint8(3);
  if (result === UNSUPPORTED_VERSION) return { opcode: 'version', version: view.getUint8(0) };
  const { map, rest } = body(bytes, opcode, result === 0);
  return {
    opcode,
    result,
    lifetime: view.getUint32(4),
    epoch: view.getUint32(8),
    ...(map && { map }),
    options: decodeOptions(rest),
  };
}

function assemble(header: DataView, map: PcpMap | undefined, options: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + (map ? MAP : 0) + options.length);
  bytes.set(new Uint8Array(header.buffer));
  if (map) bytes.set(encodeMap(map), HEADER);
  bytes.set(options, bytes.length - options.length);
  if (bytes.length > PCP_MAX_BYTES) throw new TypeError(`a PCP message has at most ${PCP_MAX_BYTES} bytes`);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  if (bytes.length < HEADER) throw new DecodeError(`PCP needs ${HEADER} bytes, not ${bytes.length}`);
  if (bytes.length > PCP_MAX_BYTES) throw new DecodeError(`PCP has at most ${PCP_MAX_BYTES} bytes`);
  if (bytes.length % 4 !== 0) throw new DecodeError(`the length of PCP is a multiple of 4, not ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Some servers send nothing behind the header of an error, although §8.3 has them copy the request. */
function body(bytes: Uint8Array, opcode: number, needed: boolean): { map?: PcpMap; rest: Uint8Array } {
  if (opcode === PCP_OPCODE.announce) return { rest: bytes.subarray(HEADER) };
  if (opcode !== PCP_OPCODE.map) return { rest: new Uint8Array() };
  if (bytes.length >= HEADER + MAP) {
    return { map: decodeMap(bytes.subarray(HEADER, HEADER + MAP)), rest: bytes.subarray(HEADER + MAP) };
  }
  if (needed) throw new DecodeError('PCP MAP without its 36 bytes');
  return { rest: new Uint8Array() };
}

function encodeMap(map: PcpMap): Uint8Array {
  if (map.nonce.length !== 12) throw new TypeError(`a PCP nonce has 12 bytes, not ${map.nonce.length}`);
  const bytes = new Uint8Array(MAP);
  const view = new DataView(bytes.buffer);
  bytes.set(map.nonce);
  bytes[12] = map.protocol;
  view.setUint16(16, map.internalPort);
  view.setUint16(18, map.externalPort);
  bytes.set(to16(map.externalIp), 20);
  return bytes;
}

function decodeMap(bytes: Uint8Array): PcpMap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    nonce: bytes.slice(0, 12),
    protocol: view.getUint8(12),
    internalPort: view.getUint16(16),
    externalPort: view.getUint16(18),
    externalIp: from16(bytes.subarray(20, 36)),
  };
}
