/** Which addresses of a DNS name are the VIP's: the first, the first of a family, or one of each family. */
export const DNS_MODES = ['first', 'ipv4', 'ipv6', 'dual'] as const;
export type DnsMode = (typeof DNS_MODES)[number];
