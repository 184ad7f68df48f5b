/** Numbers of autonomous systems (RFC 6793). */

/** What a speaker with a longer number calls itself to those who know two octets only. */
export const AS_TRANS = 23456;
export const LARGEST_ASN = 0xffff_ffff;

/** The number as it fits two octets. */
export function as2Of(asn: number): number {
  return asn > 0xffff ? AS_TRANS : asn;
}
