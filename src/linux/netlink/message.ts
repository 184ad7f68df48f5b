/** Netlink messages and their attributes (RFC 3549 §2.2; kernel header linux/netlink.h). Host byte order. */
import { concat } from '../../model/bytes.ts';

export const NLM = {
  REQUEST: 1,
  ACK: 4,
  DUMP_INTR: 0x10,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  DUMP: 0x300,
} as const;
export const NLMSG = { ERROR: 2, DONE: 3 } as const;
const HEADER = 16;
/** Set in an attribute's type: its content is attributes again. */
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

export function encodeMessage({ type, flags, seq, body }: NetlinkMessage): Uint8Array {
  const out = new Uint8Array(align(HEADER + body.length));
  const view = viewOf(out);
  view.setUint32(0, HEADER + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, seq, true);
  out.set(body, HEADER);
  return out;
}

/** The messages in what one receive call gave. A message that runs over the end is dropped with what follows. */
export function decodeMessages(data: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const view = viewOf(data);
  for (let at = 0; at + HEADER <= data.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > data.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      body: data.slice(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}

export function attribute(type: number, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(align(4 + data.length));
  const view = viewOf(out);
  view.setUint16(0, 4 + data.length, true);
  view.setUint16(2, type, true);
  out.set(data, 4);
  return out;
}

export function nested(type: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NESTED, concat(...attributes));
}

/** Attributes by type; of a repeated one the last. Stops at the first that runs over the end. */
export function decodeAttributes(data: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = viewOf(data);
  for (let at = 0; at + 4 <= data.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > data.length) break;
    found.set(view.getUint16(at + 2, true) & TYPE_MASK, data.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** A C string as the kernel wants it. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

export function fromCString(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

function align(length: number): number {
  return (length + 3) & ~3;
}
