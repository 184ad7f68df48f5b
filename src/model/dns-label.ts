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

/** RFC 1123 subdomain, with or without the dot at its end. A last label of digits would be an address that is none. */
export function isDnsName(text: string): boolean {
  return /^(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.?$/i.test(
    text,
  );
}

/** The first label of a DNS name, in lower case: what a DHCP server knows a host by. */
export function firstLabel(name: string): string {
  return (name.split('.')[0] ?? name).toLowerCase();
}
