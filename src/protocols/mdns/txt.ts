/** RFC 6763 §6: keys and values of a TXT record. */

/**
 * The first of several values of a key counts (§6.4), whatever its case; a key without `=` has an empty value;
 * strings without a key are ignored. Values that are not UTF-8 come with replacement characters.
 */
export function readTxt(strings: readonly Uint8Array[]): Record<string, string> {
  const values = new Map<string, string>();
  for (const bytes of strings) {
    const text = Buffer.from(bytes).toString('utf8');
    const [key = ''] = text.split('=', 1);
    const folded = key.toLowerCase();
    if (key !== '' && !values.has(folded)) values.set(folded, text.slice(key.length + 1));
  }
  return Object.fromEntries(values);
}
