/** ROUTE-REFRESH: please say everything again (RFC 2918, RFC 7313). */
import { concat } from '../../model/bytes.ts';
import { Reader, u16 } from './bytes.ts';
import { ERROR } from './codes.ts';
import { BgpDecodeError } from './error.ts';

export interface RouteRefresh {
  readonly kind: 'route-refresh';
  readonly afi: number;
  readonly safi: number;
  /** 0: the request itself; 1 and 2 enclose the answer of speakers that offered to do so. */
  readonly subtype: number;
}

export function encodeRouteRefresh({ afi, safi, subtype }: RouteRefresh): Uint8Array {
  return concat(u16(afi), [subtype, safi]);
}

/** Whatever follows the four bytes is of extensions that were not offered. @throws BgpDecodeError if it is cut off. */
export function decodeRouteRefresh(body: Uint8Array): RouteRefresh {
  const reader = new Reader(body, () => new BgpDecodeError(ERROR.routeRefresh, 1, 'ROUTE-REFRESH is cut off'));
  return { kind: 'route-refresh', afi: reader.u16(), subtype: reader.u8(), safi: reader.u8() };
}
