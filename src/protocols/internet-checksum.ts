/** The Internet checksum (RFC 1071), in parts: a sum may run over a pseudo header and the packet behind it. */

/** Sum of 16-bit words, not yet folded; an odd last byte counts as if followed by zero. */
export function wordSum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}

/** One's complement sum in 16 bits: 0xffff for data that carries its right checksum. */
export function fold(total: number): number {
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

/** What the checksum field has to hold; it counted as zero in the sum. */
export function checksumOf(total: number): number {
  return ~fold(total) & 0xffff;
}
