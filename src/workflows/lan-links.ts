/** The links of this machine behind which a LAN may be. */
import type { Link, Network } from '../model/wire.ts';

/** Up, not loopback, and with an address that others can reach: half-links of containers have link-local ones only. */
export function lanLinks(network: Pick<Network, 'links'>): Link[] {
  return network.links().filter((link) => link.name !== 'lo' && isOnLan(link));
}

export function isOnLan({ up, addresses }: Link): boolean {
  return up && addresses.some(({ ip }) => !ip.startsWith('fe80:'));
}
