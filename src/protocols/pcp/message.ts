/** Port Control Protocol, version 2 (RFC 6887): the messages, without their bytes. */
import type { Ip } from '../../model/ip.ts';

export const PCP_VERSION = 2;
/** Servers listen here (§19.1). */
export const PCP_SERVER_PORT = 5351;
/** Clients listen here for announcements sent to 224.0.0.1 (§19.1). */
export const PCP_CLIENT_PORT = 5350;
/** §7: the UDP payload of any message. */
export const PCP_MAX_BYTES = 1100;

export const PCP_OPCODE = { announce: 0, map: 1 } as const;

/** IANA protocol numbers, as MAP carries them. */
export const PCP_PROTOCOL = { TCP: 6, UDP: 17 } as const;

/** §13; everything else is kept as code and bytes. */
export type PcpOption =
  | { readonly kind: 'third-party'; readonly address: Ip }
  | { readonly kind: 'prefer-failure' }
  | { readonly kind: 'filter'; readonly prefixLength: number; readonly port: number; readonly address: Ip }
  | { readonly kind: 'other'; readonly code: number; readonly data: Uint8Array };

/** §11.1. In a request the external fields are a wish, zero meaning none; in an answer they are what was given. */
export interface PcpMap {
  /** 12 bytes that only the owner of the mapping knows. */
  readonly nonce: Uint8Array;
  /** IANA number; 0 is all of them. */
  readonly protocol: number;
  readonly internalPort: number;
  readonly externalPort: number;
  readonly externalIp: Ip;
}

export interface PcpRequest {
  readonly opcode: number;
  /** Seconds; 0 deletes the mapping. */
  readonly lifetime: number;
  /** Must equal the source of the datagram, or the server answers ADDRESS_MISMATCH. */
  readonly clientIp: Ip;
  readonly map?: PcpMap;
  readonly options: readonly PcpOption[];
}

export interface PcpResponse {
  readonly opcode: number;
  /** See result.ts. */
  readonly result: number;
  /** Seconds: of the mapping, or after an error how long the same error is to be expected. */
  readonly lifetime: number;
  /** Seconds since the server lost its mappings (§8.5). */
  readonly epoch: number;
  /** Always there after a successful MAP, and after a failed one if the server copied it. */
  readonly map?: PcpMap;
  readonly options: readonly PcpOption[];
}

/** The answer of a server that speaks another version only; NAT-PMP servers say 0. */
export interface PcpVersionMismatch {
  readonly opcode: 'version';
  readonly version: number;
}
