/** Families asked for by DHCP, in the words of kube-vip's `dhcp_mode`. */
import type { Family } from './ip.ts';

export const DHCP_MODES = ['ipv4', 'ipv6', 'dual'] as const;
export type DhcpMode = (typeof DHCP_MODES)[number];

export const DHCP_MODE_FAMILIES: Readonly<Record<DhcpMode, readonly Family[]>> = { ipv4: [4], ipv6: [6], dual: [4, 6] };
