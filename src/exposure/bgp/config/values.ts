/** Values in the settings of BGP: each a value, or why it is none and what to write instead. */
import { familyOf, parseIp, type Family, type Ip } from '../../../model/ip.ts';
import type { BfdTimers } from '../../../protocols/bfd/session.ts';
import { LARGEST_ASN } from '../../../protocols/bgp/as-number.ts';
import { DEFAULT_BFD, type NextHopPolicy } from './wish.ts';

/** Ends the reading of one entry. */
export class BadValue extends Error {}

const quoted = (text: string): string => JSON.stringify(text);

export function integer(what: string, text: string, [least, most]: readonly [number, number]): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) {
    throw new BadValue(`${what} ${quoted(text)} is not a number from ${least} to ${most}`);
  }
  return value;
}

export const asNumber = (what: string, text: string): number => integer(what, text, [1, LARGEST_ASN]);
export const portNumber = (text: string): number => integer('port', text, [1, 65_535]);

/** 0 means that the session has no end of silence; 1 and 2 are not allowed (RFC 4271 §4.2). */
export function holdTime(text: string): number {
  const value = integer('hold time', text, [0, 65_535]);
  if (value === 1 || value === 2) throw new BadValue(`hold time ${value} is not allowed: 0, or at least 3 seconds`);
  return value;
}

export function bool(what: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new BadValue(`${what} ${quoted(text)} is neither true nor false`);
}

/** @param family only of this one. */
export function address(what: string, text: string, family?: Family): Ip {
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip === undefined || (family !== undefined && familyOf(ip) !== family))
    throw new BadValue(`${what} ${quoted(text)} is not an ${family === undefined ? 'IP' : `IPv${family}`} address`);
  return ip;
}

export function linkName(what: string, text: string): string {
  if (!/^[^\s/:]{1,15}$/.test(text)) throw new BadValue(`${what} ${quoted(text)} is not the name of an interface`);
  return text;
}

/** TCP MD5 takes no more (RFC 2385; Linux: TCP_MD5SIG_MAXKEYLEN). */
const PASSWORD_BYTES = 80;

/** Never shows it. */
export function password(text: string): string {
  const { length } = new TextEncoder().encode(text);
  if (length > PASSWORD_BYTES) {
    throw new BadValue(`its password has ${length} bytes, and TCP MD5 takes ${PASSWORD_BYTES} at most`);
  }
  return text;
}

/** Where the password of a peer is that names none: a key of a Secret has no colons. */
export function passwordKeyOf(ip: Ip): string {
  return ip.replaceAll(':', '-');
}

export function nextHopPolicy(kind: string, v4: string, v6: string): NextHopPolicy | undefined {
  switch (kind) {
    case '':
      if (v4 === '' && v6 === '') return undefined;
      throw new BadValue(
        'mpbgp_ipv4 and mpbgp_ipv6 count with mpbgp_nexthop=fixed alone: add that, or leave them away',
      );
    case 'auto_sourceip':
    case 'auto_sourceif':
      return { kind };
    case 'fixed':
      if (v4 === '' && v6 === '') throw new BadValue('mpbgp_nexthop=fixed needs mpbgp_ipv4 or mpbgp_ipv6');
      return {
        kind,
        ...(v4 === '' ? {} : { v4: address('mpbgp_ipv4', v4, 4) }),
        ...(v6 === '' ? {} : { v6: address('mpbgp_ipv6', v6, 6) }),
      };
    default:
      throw new BadValue(`mpbgp_nexthop ${quoted(kind)} is none of fixed, auto_sourceip, auto_sourceif`);
  }
}

const INTERVAL = [10, 60_000] as const;
const MULTIPLIER = [1, 255] as const;

/** kube-vip's `true;RECEIVE;TRANSMIT;MULTIPLIER`, where what is empty has its default. Milliseconds. */
export function bfdOfKubeVip(text: string): BfdTimers | 'off' {
  const parts = text.split(';');
  if (parts.length !== 4) throw new BadValue(`BFD ${quoted(text)} is not of the form true;300;300;3`);
  const [on = '', receive = '', transmit = '', multiplier = ''] = parts;
  const timers = {
    receiveInterval: receive === '' ? DEFAULT_BFD.receiveInterval : integer('BFD receive interval', receive, INTERVAL),
    transmitInterval:
      transmit === '' ? DEFAULT_BFD.transmitInterval : integer('BFD transmit interval', transmit, INTERVAL),
    multiplier: multiplier === '' ? DEFAULT_BFD.multiplier : integer('BFD multiplier', multiplier, MULTIPLIER),
  };
  return bool('BFD', on) ? timers : 'off';
}

/** `true`, `false`, or `50x3`: so many milliseconds, and packets that may be missing. */
export function bfd(text: string): BfdTimers | 'off' {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (match === null) return bool('bfd', text) ? DEFAULT_BFD : 'off';
  const interval = integer('bfd interval', match[1] ?? '', INTERVAL);
  return {
    transmitInterval: interval,
    receiveInterval: interval,
    multiplier: integer('bfd multiplier', match[2] ?? '', MULTIPLIER),
  };
}
