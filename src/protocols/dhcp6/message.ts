/** DHCPv6 messages between clients and servers (RFC 8415 §8): the UDP payload, to bytes and back. */
import { concat } from '../../model/bytes.ts';
import { DecodeError } from '../../model/errors.ts';
import { MESSAGE_TYPE } from './codes.ts';
import { decodeOptions, encodeOptions, number, type Option } from './options.ts';

export interface DhcpMessage {
  readonly type: number;
  /** `transaction-id`, 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Option[];
}

const HEADER = 4;
/** A jumbo frame. Nothing larger can reach us in one piece. */
const LARGEST = 9216;
const TYPES: ReadonlySet<number> = new Set(Object.values(MESSAGE_TYPE));

/** @throws RangeError if a value does not fit its field. */
export function encodeMessage({ type, transactionId, options }: DhcpMessage): Uint8Array {
  if (!TYPES.has(type)) throw new RangeError(`not the type of a message: ${type}`);
  if (!Number.isInteger(transactionId) || transactionId < 0 || transactionId > 0xff_ffff)
    throw new RangeError(`${transactionId} is not a number of 24 bits`);
  const id = [transactionId >> 16, (transactionId >> 8) & 0xff, transactionId & 0xff];
  return concat([type, ...id], encodeOptions(options));
}

/** @throws DecodeError for anything that is not a message between a client and a server: those of relays are not. */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < HEADER) throw new DecodeError(`DHCPv6 message of ${bytes.length} bytes is cut short`);
  if (bytes.length > LARGEST) throw new DecodeError(`DHCPv6 message of ${bytes.length} bytes is too long`);
  const [type = 0] = bytes;
  if (!TYPES.has(type)) throw new DecodeError(`DHCPv6 message of type ${type} is none of a client or a server`);
  return { type, transactionId: number(bytes.subarray(1, HEADER)), options: decodeOptions(bytes.subarray(HEADER)) };
}
