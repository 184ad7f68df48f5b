/** DHCPv4 messages (RFC 2131 §2): the UDP payload, to bytes and back. */
import { DecodeError } from '../../model/errors.ts';
import { ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { macFromBytes, macToBytes, type Mac } from '../../model/mac.ts';
import { BOOT_REPLY, BOOT_REQUEST, OPTION } from './codes.ts';
import { decodeOptions, encodeOptions, type Options } from './options.ts';

/** Field names are those of RFC 2131 figure 1. Only Ethernet hardware addresses (htype 1, hlen 6). */
export interface DhcpMessage {
  readonly op: typeof BOOT_REQUEST | typeof BOOT_REPLY;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ip;
  readonly yiaddr: Ip;
  readonly siaddr: Ip;
  readonly giaddr: Ip;
  readonly chaddr: Mac;
  /** Latin-1, at most 64 and 128 bytes. Empty when the field carried options (option 52). */
  readonly sname: string;
  readonly file: string;
  readonly options: Options;
}

const COOKIE = [0x63, 0x82, 0x53, 0x63] as const;
const SNAME = { at: 44, size: 64 } as const;
const FILE = { at: 108, size: 128 } as const;
const COOKIE_AT = 236;
const OPTIONS_AT = 240;
/** BOOTP's size (RFC 1542 §2.1): relays and old servers drop what is shorter. */
const SMALLEST = 300;
/** A jumbo frame. Nothing larger can reach us in one piece. */
const LARGEST = 9216;

/**
 * The message as UDP payload, padded to 300 bytes.
 * @throws RangeError if a value does not fit its field.
 */
export function encodeMessage(message: DhcpMessage): Uint8Array {
  const options = encodeOptions(message.options);
  const bytes = new Uint8Array(Math.max(SMALLEST, OPTIONS_AT + options.length));
  const view = new DataView(bytes.buffer);
  bytes.set([message.op, 1, 6, fit(message.hops, 0xff)]);
  view.setUint32(4, fit(message.xid, 0xffff_ffff));
  view.setUint16(8, fit(message.secs, 0xffff));
  view.setUint16(10, fit(message.flags, 0xffff));
  for (const [i, address] of [message.ciaddr, message.yiaddr, message.siaddr, message.giaddr].entries()) {
    const value = ipToBytes(address);
    if (value.length !== 4) throw new RangeError(`not an IPv4 address: ${address}`);
    bytes.set(value, 12 + 4 * i);
  }
  bytes.set(macToBytes(message.chaddr), 28);
  bytes.set(text(message.sname, SNAME.size), SNAME.at);
  bytes.set(text(message.file, FILE.size), FILE.at);
  bytes.set(COOKIE, COOKIE_AT);
  bytes.set(options, OPTIONS_AT);
  return bytes;
}

/** @throws DecodeError for anything that is not a DHCPv4 message of an Ethernet client. */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < OPTIONS_AT) throw new DecodeError(`DHCP message of ${bytes.length} bytes is cut short`);
  if (bytes.length > LARGEST) throw new DecodeError(`DHCP message of ${bytes.length} bytes is too long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if (op !== BOOT_REQUEST && op !== BOOT_REPLY) throw new DecodeError(`DHCP op ${op} is unknown`);
  if (view.getUint8(1) !== 1 || view.getUint8(2) !== 6)
    throw new DecodeError('DHCP message of a client that is not on Ethernet');
  if (COOKIE.some((byte, i) => bytes[COOKIE_AT + i] !== byte)) throw new DecodeError('BOOTP without the DHCP cookie');
  const sname = bytes.subarray(SNAME.at, SNAME.at + SNAME.size);
  const file = bytes.subarray(FILE.at, FILE.at + FILE.size);
  const field = bytes.subarray(OPTIONS_AT);
  const overload = overloaded(decodeOptions([field]).get(OPTION.overload));
  const address = (at: number): Ip => ipFromBytes(bytes.subarray(at, at + 4));
  return {
    op,
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: address(12),
    yiaddr: address(16),
    siaddr: address(20),
    giaddr: address(24),
    chaddr: macFromBytes(bytes.subarray(28, 34)),
    sname: overload.sname ? '' : untilNul(sname),
    file: overload.file ? '' : untilNul(file),
    options: decodeOptions([field, ...(overload.file ? [file] : []), ...(overload.sname ? [sname] : [])]),
  };
}

/** Option 52 (RFC 2132 §9.3): 1 the file field holds options too, 2 sname, 3 both. */
function overloaded(value: Uint8Array | undefined): { readonly file: boolean; readonly sname: boolean } {
  if (value === undefined) return { file: false, sname: false };
  const [bits = 0] = value;
  if (value.length !== 1 || bits < 1 || bits > 3) throw new DecodeError('DHCP option overload is not 1, 2 or 3');
  return { file: (bits & 1) !== 0, sname: (bits & 2) !== 0 };
}

function fit(value: number, largest: number): number {
  if (!Number.isInteger(value) || value < 0 || value > largest)
    throw new RangeError(`${value} is not a whole number up to ${largest}`);
  return value;
}

function text(value: string, size: number): Uint8Array {
  const bytes = Uint8Array.from(value, (char) => fit(char.charCodeAt(0), 0xff));
  if (bytes.length > size) throw new RangeError(`text of ${bytes.length} bytes does not fit ${size}`);
  return bytes;
}

function untilNul(field: Uint8Array): string {
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}
