/** What a speaker can do, as it says in OPEN (RFC 5492). */
import type { Family } from '../../model/ip.ts';
import { concat } from '../../model/bytes.ts';
import { Reader, u16, u32 } from './bytes.ts';
import { AFI, CAPABILITY, ERROR, OPEN_ERROR, SAFI_UNICAST } from './codes.ts';
import { BgpDecodeError } from './error.ts';

export interface GracefulRestart {
  readonly kind: 'graceful-restart';
  /** The speaker has restarted: do not wait for its End-of-RIB. */
  readonly restarted: boolean;
  /** A NOTIFICATION does not end the routes either (RFC 8538). */
  readonly notification: boolean;
  /** For how long routes may be kept while the session is down, 0–4095. */
  readonly seconds: number;
  readonly families: readonly {
    readonly afi: number;
    readonly safi: number;
    /** Packets went on being forwarded during the restart. */
    readonly forwarding: boolean;
  }[];
}

export type Capability =
  /** RFC 4760 */
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  /** RFC 2918 */
  | { readonly kind: 'route-refresh' }
  /** RFC 6793 */
  | { readonly kind: 'four-octet-as'; readonly asn: number }
  /** RFC 8950: these routes may have next hops of that family. */
  | {
      readonly kind: 'extended-next-hop';
      readonly routes: readonly { readonly afi: number; readonly safi: number; readonly nextHopAfi: number }[];
    }
  /** RFC 4724 */
  | GracefulRestart
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

export function afiOf(family: Family): number {
  return family === 4 ? AFI.ipv4 : AFI.ipv6;
}

/** The family of unicast routes that AFI and SAFI stand for; undefined for all others. */
export function unicastFamily(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  return afi === AFI.ipv4 ? 4 : afi === AFI.ipv6 ? 6 : undefined;
}

/** Code, length, value. @throws RangeError for a value longer than 255 bytes. */
export function encodeCapability(capability: Capability): Uint8Array {
  const { code, value } = rawOf(capability);
  if (value.length > 255) throw new RangeError(`capability ${code} has at most 255 bytes, not ${value.length}`);
  return concat([code, value.length], value);
}

/**
 * The capabilities of one optional parameter. Those of a length that is not theirs are kept as they came: a peer's
 * slip in something optional must not cost the session (RFC 5492 §4 has no error for it).
 * @throws BgpDecodeError when one reaches beyond the parameter.
 */
export function decodeCapabilities(bytes: Uint8Array): Capability[] {
  const reader = new Reader(
    bytes,
    () => new BgpDecodeError(ERROR.open, OPEN_ERROR.unspecific, 'a capability reaches beyond its parameter'),
  );
  const found: Capability[] = [];
  while (reader.left > 0) {
    const code = reader.u8();
    const value = reader.take(reader.u8());
    found.push(cooked(code, value) ?? { kind: 'other', code, value: value.slice() });
  }
  return found;
}

function rawOf(capability: Capability): { code: number; value: Uint8Array } {
  switch (capability.kind) {
    case 'multiprotocol':
      return { code: CAPABILITY.multiprotocol, value: concat(u16(capability.afi), [0, capability.safi]) };
    case 'route-refresh':
      return { code: CAPABILITY.routeRefresh, value: new Uint8Array() };
    case 'four-octet-as':
      return { code: CAPABILITY.fourOctetAs, value: u32(capability.asn) };
    case 'extended-next-hop': {
      const parts = capability.routes.map(({ afi, safi, nextHopAfi }) => concat(u16(afi), u16(safi), u16(nextHopAfi)));
      return { code: CAPABILITY.extendedNextHop, value: concat(...parts) };
    }
    case 'graceful-restart': {
      const { restarted, notification, seconds, families } = capability;
      const head = (restarted ? 0x8000 : 0) | (notification ? 0x4000 : 0) | (seconds & 0x0fff);
      const parts = families.map(({ afi, safi, forwarding }) => concat(u16(afi), [safi, forwarding ? 0x80 : 0]));
      return { code: CAPABILITY.gracefulRestart, value: concat(u16(head), ...parts) };
    }
    case 'other':
      return { code: capability.code, value: capability.value };
  }
}

function cooked(code: number, value: Uint8Array): Capability | undefined {
  const reader = new Reader(value, () => new RangeError('checked before'));
  switch (code) {
    case CAPABILITY.multiprotocol:
      return value.length === 4 ? { kind: 'multiprotocol', afi: reader.u16(), safi: reader.u16() & 0xff } : undefined;
    case CAPABILITY.routeRefresh:
      return value.length === 0 ? { kind: 'route-refresh' } : undefined;
    case CAPABILITY.fourOctetAs:
      return value.length === 4 ? { kind: 'four-octet-as', asn: reader.u32() } : undefined;
    case CAPABILITY.extendedNextHop: {
      if (value.length % 6 !== 0) return undefined;
      const one = () => ({ afi: reader.u16(), safi: reader.u16(), nextHopAfi: reader.u16() });
      return { kind: 'extended-next-hop', routes: Array.from({ length: value.length / 6 }, one) };
    }
    case CAPABILITY.gracefulRestart: {
      if (value.length % 4 !== 2) return undefined;
      const head = reader.u16();
      const one = () => ({ afi: reader.u16(), safi: reader.u8(), forwarding: (reader.u8() & 0x80) !== 0 });
      return {
        kind: 'graceful-restart',
        restarted: (head & 0x8000) !== 0,
        notification: (head & 0x4000) !== 0,
        seconds: head & 0x0fff,
        families: Array.from({ length: (value.length - 2) / 4 }, one),
      };
    }
    default:
      return undefined;
  }
}
