/** Who a Service is to a DHCPv6 server: the DUID and the IAID that its DHCPv4 client identifier is made of (RFC 4361 §6.1). */
import { number } from './options.ts';

export interface Dhcp6Identity {
  readonly duid: Uint8Array;
  readonly iaid: number;
}

const NODE_SPECIFIC = 0xff;
/** RFC 8415 §11.1: two bytes of type, and at most 128 more. */
const DUID = { shortest: 3, longest: 130 } as const;

/** A client identifier of another form was written by hand; it is taken for a DUID. */
export function dhcp6IdentityOf(clientId: Uint8Array): Dhcp6Identity {
  const duid = clientId.subarray(5, 5 + DUID.longest);
  if (clientId[0] !== NODE_SPECIFIC || duid.length < DUID.shortest)
    return { duid: clientId.subarray(0, DUID.longest), iaid: 1 };
  return { duid, iaid: number(clientId.subarray(1, 5)) };
}
