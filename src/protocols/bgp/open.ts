/** OPEN (RFC 4271 §4.2, RFC 9072). */
import { ipToBytes, type Ip } from '../../model/ip.ts';
import { concat } from '../../model/bytes.ts';
import { Reader, u16 } from './bytes.ts';
import { decodeCapabilities, encodeCapability, type Capability } from './capabilities.ts';
import { ERROR, OPEN_ERROR } from './codes.ts';
import { BgpDecodeError } from './error.ts';

export interface Open {
  readonly kind: 'open';
  /** The two octets of `My Autonomous System`: AS_TRANS for a longer number. */
  readonly as2: number;
  /** In seconds; 0: no keepalives and no hold timer. */
  readonly holdTime: number;
  readonly identifier: Ip;
  readonly capabilities: readonly Capability[];
}

const VERSION = 4;
const CAPABILITIES = 2;
/** Marks optional parameters with lengths of two octets (RFC 9072). */
const EXTENDED = 255;

/** The AS number of whoever sent this. */
export function asnOf(open: Open): number {
  const four = open.capabilities.find((capability) => capability.kind === 'four-octet-as');
  return four?.asn ?? open.as2;
}

/** Each capability in a parameter of its own: some speakers read no more than one from each. */
export function encodeOpen(open: Open): Uint8Array {
  const parameters = open.capabilities.map((capability) => {
    const value = encodeCapability(capability);
    if (value.length > 255) throw new RangeError('a capability that fits no optional parameter');
    return concat([CAPABILITIES, value.length], value);
  });
  const all = concat(...parameters);
  if (all.length > 255) throw new RangeError(`capabilities of ${all.length} bytes, where 255 fit`);
  return concat([VERSION], u16(open.as2), u16(open.holdTime), ipToBytes(open.identifier), [all.length], all);
}

/** @param body behind the header. @throws BgpDecodeError as RFC 4271 §6.2 says. */
export function decodeOpen(body: Uint8Array): Open {
  const fixed = new Reader(body, () => malformed('OPEN is cut off'));
  const version = fixed.u8();
  if (version !== VERSION) {
    throw refused(OPEN_ERROR.unsupportedVersion, `BGP version ${version}, not ${VERSION}`, u16(VERSION));
  }
  const as2 = fixed.u16();
  const holdTime = fixed.u16();
  if (holdTime === 1 || holdTime === 2) {
    throw refused(OPEN_ERROR.unacceptableHoldTime, `a hold time of ${holdTime} s, where 0 or at least 3 are allowed`);
  }
  const identifier = fixed.ipv4();
  if (identifier === '0.0.0.0') throw refused(OPEN_ERROR.badIdentifier, 'a BGP identifier of 0.0.0.0');
  let length = fixed.u8();
  let extended = false;
  if (length === EXTENDED && fixed.left >= 3 && body[body.length - fixed.left] === EXTENDED) {
    extended = true;
    fixed.u8();
    length = fixed.u16();
  }
  if (length !== fixed.left) throw malformed(`${fixed.left} bytes of optional parameters, not ${length}`);
  const open: Open = { kind: 'open', as2, holdTime, identifier, capabilities: parameters(fixed.rest(), extended) };
  if (asnOf(open) === 0) throw refused(OPEN_ERROR.badPeerAs, 'AS 0');
  return open;
}

function parameters(bytes: Uint8Array, extended: boolean): Capability[] {
  const reader = new Reader(bytes, () => malformed('an optional parameter is cut off'));
  const found: Capability[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const value = reader.take(extended ? reader.u16() : reader.u8());
    if (type !== CAPABILITIES) throw refused(OPEN_ERROR.unsupportedParameter, `optional parameter ${type}`);
    found.push(...decodeCapabilities(value));
  }
  return found;
}

function refused(subcode: number, message: string, data?: Uint8Array): BgpDecodeError {
  return new BgpDecodeError(ERROR.open, subcode, message, data);
}

function malformed(message: string): BgpDecodeError {
  return refused(OPEN_ERROR.unspecific, message);
}
