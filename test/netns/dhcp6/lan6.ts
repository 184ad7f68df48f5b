/** A LAN with the prefix fd77::/64, and leases on it. */
import type { DhcpLeasesOnNode } from '../../../src/exposure/address/dhcp/leases.ts';
import type { DhcpLease } from '../../../src/exposure/address/port.ts';
import type { LinuxNetwork } from '../../../src/linux/network.ts';
import { eventually } from '../../support/netns.ts';
import { createDhcpLan, requestFor, type DhcpLan } from '../dhcp4/lan.ts';

export const WEB = requestFor('web');

export async function createDhcp6Lan(): Promise<DhcpLan> {
  const world = await createDhcpLan();
  const { router, a, b } = world.lan.hosts;
  for (const [host, address] of [
    [router, 'fd77::1'],
    [a, 'fd77::a'],
    [b, 'fd77::b'],
  ] as const)
    await host.ip8(`addr add ${address}/64 dev eth0 nodad`);
  return world;
}

/** Host `a` is unplugged, seen to be, and plugged in again. */
export async function replug(
  { lan }: DhcpLan,
  network: LinuxNetwork,
  whileAway: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const seen = (up: boolean): Promise<boolean> =>
    eventually(up ? 'the link is back' : 'the link is gone', () =>
      network.links().some((link) => link.name === 'eth0' && link.up === up),
    );
  await lan.setCable('a', false);
  await seen(false);
  await whileAway();
  await lan.setCable('a', true);
  await seen(true);
}

/** Keeps the lease of {@link WEB} until the server has prolonged it. */
export async function prolonged(leases: DhcpLeasesOnNode, lease: DhcpLease): Promise<DhcpLease> {
  let now = lease;
  await eventually('the lease is prolonged', () => {
    const decision = leases.keep(WEB, lease);
    if (decision.state !== 'ready') throw new Error(decision.message);
    now = decision.value;
    return now.acquiredAt !== lease.acquiredAt;
  });
  return now;
}
