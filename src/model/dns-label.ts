/** Host labels: RFC 1123 §2.1 letters, digits and dashes, as mDNS hosts on a LAN have them. */

/** `web`, `web.local` and `Web.local.` give `web.local`; undefined if the label is not a valid one. */
export function mdnsHost(text: string): string | undefined {
  const label = text
    .trim()
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/\.local$/, '');
  return isDnsLabel(label) ? `${label}.local` : undefined;
}

/** Lower-case RFC 1123 label, 1 to 63 characters. */
export function isDnsLabel(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}
