/** NOTIFICATION: why a session ends (RFC 4271 §4.5), with what an operator wants the other to read (RFC 9003). */
import { concat } from '../../model/bytes.ts';
import { CEASE, ERROR } from './codes.ts';

export interface Notification {
  readonly kind: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** In octets of UTF-8. */
const LONGEST_COMMUNICATION = 255;
/** What nobody shall be shown raw: control characters, and those that turn the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function encodeNotification({ code, subcode, data }: Notification): Uint8Array {
  return concat([code, subcode], data);
}

/** @param body at least two bytes, which framing sees to. */
export function decodeNotification(body: Uint8Array): Notification {
  return { kind: 'notification', code: body[0] ?? 0, subcode: body[1] ?? 0, data: body.slice(2) };
}

/** Cease with a sentence for the peer's operator; what does not fit into 255 octets is cut off between characters. */
export function shutdown(
  subcode: typeof CEASE.administrativeShutdown | typeof CEASE.administrativeReset,
  communication = '',
): Notification {
  let text = '';
  for (const character of communication.toWellFormed()) {
    if (Buffer.byteLength(text + character) > LONGEST_COMMUNICATION) break;
    text += character;
  }
  const bytes = new TextEncoder().encode(text);
  const data = bytes.length === 0 ? new Uint8Array() : concat([bytes.length], bytes);
  return { kind: 'notification', code: ERROR.cease, subcode, data };
}

/** The sentence in a Cease, fit to be shown; undefined if there is none, or its length or UTF-8 is wrong. */
export function communicationIn({ code, subcode, data }: Notification): string | undefined {
  const speaks = subcode === CEASE.administrativeShutdown || subcode === CEASE.administrativeReset;
  const length = data[0];
  if (code !== ERROR.cease || !speaks || length === undefined || length === 0) return undefined;
  if (length > data.length - 1) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(1, 1 + length));
    return text.replaceAll(UNPRINTABLE, '\ufffd');
  } catch {
    return undefined;
  }
}

const NAMES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: ['Message Header Error', { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' }],
  2: [
    'OPEN Message Error',
    {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  ],
  3: [
    'UPDATE Message Error',
    {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  ],
  4: ['Hold Timer Expired', {}],
  5: ['Finite State Machine Error', { 1: 'in OpenSent', 2: 'in OpenConfirm', 3: 'in Established' }],
  6: [
    'Cease',
    {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  ],
  7: ['ROUTE-REFRESH Message Error', { 1: 'Invalid Message Length' }],
  8: ['Send Hold Timer Expired', {}],
};

/** `Cease/Administrative Shutdown: back at noon`. */
export function describeNotification(notification: Notification): string {
  const { code, subcode } = notification;
  const [name, subcodes] = NAMES[code] ?? [`error ${code}`, {}];
  const detail = subcode === 0 ? '' : `/${subcodes[subcode] ?? `subcode ${subcode}`}`;
  const said = communicationIn(notification);
  return `${name}${detail}${said === undefined ? '' : `: ${said}`}`;
}
