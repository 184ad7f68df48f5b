/** Identity associations for addresses that are not temporary: IA_NA (RFC 8415 §21.4) with its addresses (§21.6). */
import { concat } from '../../model/bytes.ts';
import { DecodeError } from '../../model/errors.ts';
import { ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { OPTION } from './codes.ts';
import { decodeOptions, encodeOptions, longValue, number, statusOf, type Option, type Status } from './options.ts';

export interface AssociatedAddress {
  readonly ip: Ip;
  /** Seconds; 0xffffffff is for ever. */
  readonly preferredSeconds: number;
  readonly validSeconds: number;
  readonly status: Status;
}

export interface IdentityAssociation {
  readonly iaid: number;
  /** T1 and T2; 0 leaves them to the client. */
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
  readonly addresses: readonly AssociatedAddress[];
  readonly status: Status;
}

const FIXED = 12;
const ADDRESS_FIXED = 24;

/** What a client says: which address it means or would like, without times, which are the server's to give. */
export function associationOption(iaid: number, address: Ip | undefined): Option {
  const inner =
    address === undefined ? [] : [{ code: OPTION.address, value: concat(ipToBytes(address), new Uint8Array(8)) }];
  return {
    code: OPTION.identityAssociation,
    value: concat(longValue(iaid), new Uint8Array(8), encodeOptions(inner)),
  };
}

/** What a server says. @throws DecodeError unless it is whole. */
export function decodeAssociation(value: Uint8Array): IdentityAssociation {
  if (value.length < FIXED) throw new DecodeError(`IA_NA of ${value.length} bytes is cut short`);
  const options = decodeOptions(value.subarray(FIXED));
  return {
    iaid: number(value.subarray(0, 4)),
    renewSeconds: number(value.subarray(4, 8)),
    rebindSeconds: number(value.subarray(8, 12)),
    addresses: options.filter(({ code }) => code === OPTION.address).map((option) => decodeAddress(option.value)),
    status: statusOf(options),
  };
}

function decodeAddress(value: Uint8Array): AssociatedAddress {
  if (value.length < ADDRESS_FIXED) throw new DecodeError(`IA address of ${value.length} bytes is cut short`);
  return {
    ip: ipFromBytes(value.subarray(0, 16)),
    preferredSeconds: number(value.subarray(16, 20)),
    validSeconds: number(value.subarray(20, 24)),
    status: statusOf(decodeOptions(value.subarray(ADDRESS_FIXED))),
  };
}
