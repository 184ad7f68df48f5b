/** Messages to bytes and back, by `dns-packet` behind the guard of wire.ts. */
import * as dnsPacket from 'dns-packet';
import { DecodeError } from '../../model/errors.ts';
import { ip, parseIp } from '../../model/ip.ts';
import type { KnownType, Message, Name, Question, RecordType, ResourceRecord } from './message.ts';
import { labelsOf, nameOf, nameProblem } from './name.ts';
import { structureOf, type RawRecord } from './wire.ts';

const CLASS_IN = 1;
const CLASS_ANY = 255;
/** QU in questions, cache-flush in records. */
const TOP_BIT = 0x8000;
const TC = 0x0200;
const OPCODE_AND_RCODE = 0x780f;

const NUMBER_OF: Readonly<Record<KnownType | 'ANY', number>> = {
  A: 1,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NSEC: 47,
  ANY: 255,
};
const KNOWN = new Map(Object.entries(NUMBER_OF).map(([type, number]) => [number, type as KnownType | 'ANY']));

/** Stands for a dot inside a label while dns-packet has the names: it knows only dots between labels. */
const DOT = '\x1f';
/** Private use (RFC 6895 §3.1): dns-packet hands its data through untouched. */
const OPAQUE = 0xff00;

/**
 * Any bytes from the LAN. Questions and records of a class other than IN are left out: Multicast DNS has none.
 * @throws DecodeError and nothing else.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const copy = Buffer.from(bytes);
  const structure = structureOf(copy);
  // RFC 6762 §18.3 and §18.11: silently ignored by receivers.
  if ((structure.flags & OPCODE_AND_RCODE) !== 0) throw new DecodeError('mDNS: not a standard query or answer');
  if (structure.labels.some(({ start, end }) => copy.subarray(start, end).includes(DOT)))
    throw new DecodeError('mDNS: name: control character');
  for (const { start, end } of structure.labels) swap(copy, start, end, '.', DOT);
  for (const record of structure.sections.flat()) {
    if (!isDecoded(record.type)) copy.writeUInt16BE(OPAQUE, record.typeAt);
  }
  let packet: dnsPacket.DecodedPacket;
  try {
    packet = dnsPacket.decode(copy);
  } catch (error) {
    throw new DecodeError('mDNS: undecodable', { cause: error });
  }
  const records = (answers: dnsPacket.Answer[] | undefined, raw: readonly RawRecord[]): ResourceRecord[] =>
    (answers ?? []).flatMap((answer, i) => {
      const { type, class: klass = 0 } = raw[i] ?? {};
      if (type === undefined || (klass & ~TOP_BIT) !== CLASS_IN) return [];
      return [toRecord(answer, type, (klass & TOP_BIT) !== 0)];
    });
  return {
    id: packet.id ?? 0,
    kind: packet.flag_qr ? 'response' : 'query',
    truncated: packet.flag_tc,
    questions: (packet.questions ?? []).flatMap((question, i): Question[] => {
      const { type = 0, class: klass = 0 } = structure.questions[i] ?? {};
      const plain = klass & ~TOP_BIT;
      if (plain !== CLASS_IN && plain !== CLASS_ANY) return [];
      return [{ name: fromText(question.name), type: typeOf(type), unicast: (klass & TOP_BIT) !== 0 }];
    }),
    answers: records(packet.answers, structure.sections[0]),
    authorities: records(packet.authorities, structure.sections[1]),
    additionals: records(packet.additionals, structure.sections[2]),
  };
}

/** @throws TypeError for names that no message can hold (see `nameProblem`) and strings over 255 bytes. */
export function encodeMessage(message: Message): Uint8Array {
  const bytes = dnsPacket.encode({
    id: message.id,
    type: message.kind,
    flags: (message.kind === 'response' ? dnsPacket.AUTHORITATIVE_ANSWER : 0) | (message.truncated ? TC : 0),
    questions: message.questions.map(
      ({ name, type }) => ({ name: toText(name), type: dnsPacketType(type) }) as dnsPacket.Question,
    ),
    answers: message.answers.map(toAnswer),
    authorities: message.authorities.map(toAnswer),
    additionals: message.additionals.map(toAnswer),
  });
  const structure = structureOf(bytes);
  for (const { start, end } of structure.labels) swap(bytes, start, end, DOT, '.');
  message.questions.forEach((question, i) => {
    const at = structure.questions[i]?.classAt;
    if (question.unicast && at !== undefined) bytes.writeUInt16BE(CLASS_IN | TOP_BIT, at);
  });
  return bytes;
}

/** Uncompressed data of a record, as RFC 6762 §8.2 compares it. */
export function dataBytes(record: ResourceRecord): Uint8Array {
  const bytes = Buffer.from(
    encodeMessage({
      id: 0,
      kind: 'response',
      truncated: false,
      questions: [],
      answers: [{ ...record, name: '' }],
      authorities: [],
      additionals: [],
    }),
  );
  const [answer] = structureOf(bytes).sections[0];
  return bytes.subarray(answer?.dataAt, answer?.dataEnd);
}

export function typeNumber(type: RecordType | 'ANY'): number {
  return type in NUMBER_OF ? NUMBER_OF[type as KnownType] : Number(type.slice(4));
}

function typeOf(number: number): RecordType | 'ANY' {
  return KNOWN.get(number) ?? `TYPE${number}`;
}

function isDecoded(type: number): boolean {
  return type !== CLASS_ANY && KNOWN.has(type);
}

function dnsPacketType(type: RecordType | 'ANY'): string {
  return type in NUMBER_OF ? type : `UNKNOWN_${typeNumber(type)}`;
}

/** In place: a label of the wire keeps its length. */
function swap(bytes: Buffer, start: number, end: number, from: string, to: string): void {
  for (let i = start; i < end; i++) if (bytes[i] === from.charCodeAt(0)) bytes[i] = to.charCodeAt(0);
}

function fromText(text: string): Name {
  if (text === '.') return '';
  const name = nameOf(text.split('.').map((label) => label.replaceAll(DOT, '.')));
  const problem = nameProblem(name);
  if (problem !== undefined) throw new DecodeError(`mDNS: name: ${problem}`);
  return name;
}

function toText(name: Name): string {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new TypeError(`not a domain name: ${JSON.stringify(name)}: ${problem}`);
  if (name === '') return '.';
  return labelsOf(name)
    .map((label) => label.replaceAll('.', DOT))
    .join('.');
}

function toRecord(answer: dnsPacket.Answer, type: number, flush: boolean): ResourceRecord {
  const base = { name: fromText(answer.name), ttl: 'ttl' in answer ? (answer.ttl ?? 0) : 0, flush };
  switch (answer.type) {
    case 'A':
      return { ...base, type: 'A', data: address(answer.data) };
    case 'AAAA':
      return { ...base, type: 'AAAA', data: address(answer.data) };
    case 'PTR':
      return { ...base, type: 'PTR', data: fromText(answer.data) };
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return { ...base, type: 'SRV', data: { priority, weight, port, target: fromText(target) } };
    }
    case 'TXT': {
      const strings = Array.isArray(answer.data) ? answer.data : [answer.data];
      // An empty string and none at all mean the same (RFC 6763 §6.1).
      return {
        ...base,
        type: 'TXT',
        data: strings.map((s) => Uint8Array.from(Buffer.from(s))).filter((s) => s.length),
      };
    }
    case 'NSEC': {
      const { nextDomain, rrtypes } = answer.data;
      const types = rrtypes.filter((t): t is KnownType => t in NUMBER_OF && t !== 'ANY');
      return { ...base, type: 'NSEC', data: { next: fromText(nextDomain), types } };
    }
    default:
      return { ...base, type: `TYPE${type}`, data: Uint8Array.from(opaqueData(answer)) };
  }
}

function opaqueData(answer: dnsPacket.Answer): Uint8Array {
  const data: unknown = 'data' in answer ? answer.data : undefined;
  if (data instanceof Uint8Array) return data;
  throw new DecodeError(`mDNS: unexpected data of type ${answer.type}`);
}

function address(text: string) {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new DecodeError('mDNS: not an address');
  return parsed;
}

function toAnswer(record: ResourceRecord): dnsPacket.Answer {
  const base = { name: toText(record.name), ttl: record.ttl, flush: record.flush };
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...base, type: record.type, data: ip(record.data) };
    case 'PTR':
      return { ...base, type: 'PTR', data: toText(record.data) };
    case 'SRV':
      return { ...base, type: 'SRV', data: { ...record.data, target: toText(record.data.target) } };
    case 'TXT': {
      if (record.data.some((s) => s.length > 255)) throw new TypeError('a TXT string is longer than 255 bytes');
      return {
        ...base,
        type: 'TXT',
        data: (record.data.length ? record.data : [new Uint8Array()]).map((s) => Buffer.from(s)),
      };
    }
    case 'NSEC':
      return { ...base, type: 'NSEC', data: { nextDomain: toText(record.data.next), rrtypes: [...record.data.types] } };
    default:
      return { ...base, type: dnsPacketType(record.type), data: Buffer.from(record.data) } as dnsPacket.BufferAnswer;
  }
}
