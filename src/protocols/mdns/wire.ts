/**
 * The structure of a DNS message without its meaning: where names, classes and data stand. It guards and
 * complements `dns-packet`, which (5.6.1) follows chains of pointers without limit, ignores RDLENGTH for
 * the types it knows, drops the QU bit, and cannot tell a dot inside a label from one between labels.
 */
import { DecodeError } from '../../model/errors.ts';

/** RFC 6762 §17: no message is larger, whatever the interface. */
export const MAX_MESSAGE = 9000;
/** A legitimate name has a pointer per level of compression; a chain of thousands only costs time. */
const MAX_POINTERS = 32;

const A = 1;
const PTR = 12;
const TXT = 16;
const AAAA = 28;
const SRV = 33;
const NSEC = 47;

export interface RawQuestion {
  readonly type: number;
  readonly class: number;
  readonly classAt: number;
}
export interface RawRecord {
  readonly type: number;
  readonly class: number;
  readonly typeAt: number;
  readonly dataAt: number;
  readonly dataEnd: number;
}
export interface Structure {
  readonly flags: number;
  readonly questions: readonly RawQuestion[];
  /** Answer, authority and additional section. */
  readonly sections: readonly [readonly RawRecord[], readonly RawRecord[], readonly RawRecord[]];
  /** Where the bytes of labels stand, [start, end); one label once for every name that it is part of. */
  readonly labels: readonly { readonly start: number; readonly end: number }[];
}

/**
 * Walks the whole message and checks every bound in it.
 * @throws DecodeError for anything that does not fit.
 */
export function structureOf(bytes: Buffer): Structure {
  if (bytes.length < 12) throw new DecodeError('mDNS: shorter than a header');
  if (bytes.length > MAX_MESSAGE) throw new DecodeError(`mDNS: larger than ${MAX_MESSAGE} bytes`);
  const labels: { start: number; end: number }[] = [];
  let at = 12;

  const skip = (length: number): number => {
    const from = at;
    at += length;
    if (at > bytes.length) throw new DecodeError('mDNS: cut off');
    return from;
  };
  const skipName = (limit: number): void => {
    at = walkName(bytes, at, limit, labels);
  };

  const questions = Array.from({ length: bytes.readUInt16BE(4) }, (): RawQuestion => {
    skipName(bytes.length);
    const from = skip(4);
    return { type: bytes.readUInt16BE(from), class: bytes.readUInt16BE(from + 2), classAt: from + 2 };
  });

  const record = (): RawRecord => {
    skipName(bytes.length);
    const typeAt = skip(10);
    const dataAt = skip(bytes.readUInt16BE(typeAt + 8));
    const dataEnd = at;
    const type = bytes.readUInt16BE(typeAt);
    at = checkData(bytes, type, dataAt, dataEnd, labels);
    return { type, class: bytes.readUInt16BE(typeAt + 2), typeAt, dataAt, dataEnd };
  };
  const section = (countAt: number) => Array.from({ length: bytes.readUInt16BE(countAt) }, record);

  const sections = [section(6), section(8), section(10)] as const;
  return { flags: bytes.readUInt16BE(2), questions, sections, labels };
}

/** @returns `dataEnd`. @throws DecodeError if the data is not exactly what the type says. */
function checkData(
  bytes: Buffer,
  type: number,
  dataAt: number,
  dataEnd: number,
  labels: { start: number; end: number }[],
): number {
  const exactly = (end: number): void => {
    if (end !== dataEnd) throw new DecodeError(`mDNS: data of type ${type} has the wrong length`);
  };
  if (type === A) exactly(dataAt + 4);
  else if (type === AAAA) exactly(dataAt + 16);
  else if (type === PTR) exactly(walkName(bytes, dataAt, dataEnd, labels));
  else if (type === SRV) exactly(walkName(bytes, Math.min(dataAt + 6, dataEnd), dataEnd, labels));
  else if (type === NSEC) {
    let at = walkName(bytes, dataAt, dataEnd, labels);
    while (at < dataEnd) at += 2 + (bytes[at + 1] ?? 0);
    exactly(at);
  } else if (type === TXT) {
    let at = dataAt;
    while (at < dataEnd) at += 1 + (bytes[at] ?? 0);
    exactly(at);
  }
  return dataEnd;
}

/** @returns where the name ends in place, pointers not followed. `limit`: the in-place part ends before it. */
function walkName(bytes: Buffer, start: number, limit: number, labels: { start: number; end: number }[]): number {
  let at = start;
  let end: number | undefined;
  let pointers = 0;
  let total = 1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || (end === undefined && at >= limit)) throw new DecodeError('mDNS: name cut off');
    if (length === 0) return end ?? at + 1;
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined || (end === undefined && at + 2 > limit)) throw new DecodeError('mDNS: name cut off');
      const target = ((length & 0x3f) << 8) | low;
      if (target < 12 || target >= at || ++pointers > MAX_POINTERS) throw new DecodeError('mDNS: bad pointer');
      end ??= at + 2;
      at = target;
    } else if (length < 0x40) {
      const next = at + 1 + length;
      total += 1 + length;
      if (next > bytes.length || (end === undefined && next > limit)) throw new DecodeError('mDNS: name cut off');
      if (total > 255) throw new DecodeError('mDNS: name longer than 255 bytes');
      labels.push({ start: at + 1, end: next });
      at = next;
    } else throw new DecodeError('mDNS: unknown kind of label');
  }
}
