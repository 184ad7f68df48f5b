/** Addresses in PCP (RFC 6887 §5): always 16 bytes, IPv4 as IPv4-mapped IPv6. */
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';

export function to16(address: Ip): Uint8Array {
  const bytes = ipToBytes(address);
  if (familyOf(address) === 6) return bytes;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes);
}

/** The inverse of {@link to16}: a mapped address comes back as IPv4. */
export function from16(bytes: Uint8Array): Ip {
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return ipFromBytes(mapped ? bytes.subarray(12) : bytes);
}
