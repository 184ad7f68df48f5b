/** Classic BPF programs for sockets: what the process does not want never wakes it up. */

import type { Family } from '../model/ip.ts';

/** code, jump if true, jump if false, operand (struct sock_filter). */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LD_H = 0x28; // half word at an absolute offset
const LD_B = 0x30;
const LD_H_IND = 0x48; // half word at X plus offset
const LDX_IP_HEADER = 0xb1; // X = 4 * (byte & 0x0f)
const JEQ = 0x15;
const JSET = 0x45;
const RET = 0x06;
/** SKF_NET_OFF, as an unsigned number. */
const NETWORK_HEADER = 0xfff0_0000;
const WHOLE = 0x40000;

/** UDP over IPv4 to one port, whole datagrams only (a later fragment has no ports). Offsets count from the Ethernet header. */
export function udpPortFilter(port: number): Uint8Array {
  return encode([
    [LD_B, 0, 0, 23],
    [JEQ, 0, 6, 17],
    [LD_H, 0, 0, 20],
    [JSET, 4, 0, 0x1fff],
    [LDX_IP_HEADER, 0, 0, 14],
    [LD_H_IND, 0, 0, 16],
    [JEQ, 0, 1, port],
    [RET, 0, 0, WHOLE],
    [RET, 0, 0, 0],
  ]);
}

/** The same over IPv6, right behind its header. */
export function udp6PortFilter(port: number): Uint8Array {
  return encode([
    [LD_B, 0, 0, 20],
    [JEQ, 0, 3, 17],
    [LD_H, 0, 0, 56],
    [JEQ, 0, 1, port],
    [RET, 0, 0, WHOLE],
    [RET, 0, 0, 0],
  ]);
}

/** ICMPv6 of these types, right behind the IPv6 header. */
export function icmpTypeFilter(types: readonly number[]): Uint8Array {
  const count = types.length;
  return encode([
    [LD_B, 0, 0, 20],
    [JEQ, 0, count + 1, 58],
    [LD_B, 0, 0, 54],
    ...types.map((type, i): Instruction => [JEQ, count - i, 0, type]),
    [RET, 0, 0, 0],
    [RET, 0, 0, WHOLE],
  ]);
}

/** Datagrams that arrive with this TTL or hop limit, for UDP sockets of one family: offsets count from the IP header. */
export function ttlFilter(family: Family, ttl: number): Uint8Array {
  return encode([
    [LD_B, 0, 0, NETWORK_HEADER + (family === 4 ? 8 : 7)],
    [JEQ, 0, 1, ttl],
    [RET, 0, 0, WHOLE],
    [RET, 0, 0, 0],
  ]);
}

function encode(program: readonly Instruction[]): Uint8Array {
  const out = new Uint8Array(program.length * 8);
  const view = new DataView(out.buffer);
  program.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  return out;
}

/** `struct sock_fprog` for SO_ATTACH_FILTER. @param address where the program lies in memory. */
export function filterProgram(program: Uint8Array, address: bigint): Uint8Array {
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  view.setUint16(0, program.length / 8, true);
  view.setBigUint64(8, address, true);
  return out;
}
