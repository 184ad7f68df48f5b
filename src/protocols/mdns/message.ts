/** DNS messages as Multicast DNS uses them (RFC 6762 §18), and the constants of the protocol. */
import { ip, type Ip } from '../../model/ip.ts';

/** RFC 6762 §3 and §22: port and groups. */
export const MDNS_PORT = 5353;
export const MDNS_GROUP_V4: Ip = ip('224.0.0.251');
export const MDNS_GROUP_V6: Ip = ip('ff02::fb');

/** RFC 6762 §10: seconds for records that hold a host's name or address, and for all others. */
export const HOST_TTL = 120;
export const OTHER_TTL = 4500;

/** Text of a domain name without the last dot; dots and backslashes inside a label are escaped (see name.ts). */
export type Name = string;

/** Types we understand by name; every other one as `TYPE65` (RFC 3597 §5). */
export type KnownType = 'A' | 'AAAA' | 'PTR' | 'SRV' | 'TXT' | 'NSEC';
export type OtherType = `TYPE${number}`;
export type RecordType = KnownType | OtherType;

/** Class is always IN (questions of class ANY count as IN). */
export interface Question {
  readonly name: Name;
  readonly type: RecordType | 'ANY';
  /** The QU bit, RFC 6762 §5.4: a unicast answer is welcome. */
  readonly unicast: boolean;
}

export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: Name;
}

/** RFC 6762 §6.1: the types that exist at a name; only those we understand are kept. */
export interface NsecData {
  readonly next: Name;
  readonly types: readonly KnownType[];
}

interface RecordOf<Type extends RecordType, Data> {
  readonly name: Name;
  readonly type: Type;
  /** Seconds; 0 is a goodbye (RFC 6762 §10.1). */
  readonly ttl: number;
  /** The cache-flush bit, RFC 6762 §10.2: the record set is complete and belongs to one host. */
  readonly flush: boolean;
  readonly data: Data;
}

export type ARecord = RecordOf<'A', Ip>;
export type AaaaRecord = RecordOf<'AAAA', Ip>;
export type PtrRecord = RecordOf<'PTR', Name>;
export type SrvRecord = RecordOf<'SRV', SrvData>;
/** One element a string of at most 255 bytes; no element at all is written as one empty string (RFC 6763 §6.1). */
export type TxtRecord = RecordOf<'TXT', readonly Uint8Array[]>;
export type NsecRecord = RecordOf<'NSEC', NsecData>;
export type OtherRecord = RecordOf<OtherType, Uint8Array>;

export type ResourceRecord = ARecord | AaaaRecord | PtrRecord | SrvRecord | TxtRecord | NsecRecord | OtherRecord;

export interface Message {
  /** 0 in multicast; repeated in answers to legacy unicast questions (RFC 6762 §6.7). */
  readonly id: number;
  readonly kind: 'query' | 'response';
  /** The TC bit; in a query: more known answers follow (RFC 6762 §7.2). */
  readonly truncated: boolean;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** A message with the usual fields filled in. */
export function message(kind: Message['kind'], parts: Partial<Message>): Message {
  return { id: 0, truncated: false, questions: [], answers: [], authorities: [], additionals: [], ...parts, kind };
}
