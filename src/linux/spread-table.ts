/** The VIP's traffic spread over the API servers by the kernel: rules by nft(8), connections by conntrack. */
import type { SpreadTable } from '../exposure/control-plane/balance/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { forgetFlow, IPPROTO, listFlows, type Flow } from './conntrack.ts';
import { loadLibc } from './libc.ts';
import { MARKS } from './mark.ts';
import { NETLINK_NETFILTER, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';
import { run } from './run.ts';
import { spreadScript } from './spread-script.ts';
import { stirClients } from './stir-clients.ts';

export interface SpreadTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createSpreadTable({ netns }: SpreadTableOptions = {}): SpreadTable {
  const { table } = MARKS['control-plane'];
  const where = netns === undefined ? {} : { netns };
  return {
    set: async (spreads) => {
      const { code, stderr } = await run('nft', ['-f', '-'], { input: spreadScript(table, spreads), ...where });
      if (code !== 0) throw refused(stderr);
    },
    cut: (vips, port, to) => cutFlows(netns, vips, port, to),
  };
}

/**
 * The next packet of a connection that is forgotten goes wherever a first one would, and whoever gets it knows nothing of
 * it and says so. A client that only waits sends none: it is stirred.
 */
function cutFlows(netns: string | undefined, vips: readonly Ip[], port: number, to: readonly Ip[] | undefined): void {
  if (vips.length === 0) return;
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_NETFILTER), libc);
  const isMeant = (flow: Flow): boolean =>
    flow.protocol === IPPROTO.TCP &&
    flow.port === port &&
    flow.via !== flow.to &&
    vips.includes(flow.to) &&
    (to === undefined || to.includes(flow.via));
  try {
    for (const family of new Set(vips.map(familyOf))) {
      const flows = listFlows(netlink, family).filter(isMeant);
      for (const flow of flows) forget(flow);
      if (to !== undefined) withNetns(netns, () => stirClients(libc, flows), libc);
    }
  } catch (error) {
    // A kernel that does not tell of its flows: those that are under way end by themselves.
    if (!(error instanceof OsError)) throw error;
  } finally {
    netlink.close();
  }

  function forget(flow: Flow): void {
    try {
      forgetFlow(netlink, flow);
    } catch (error) {
      if (!(error instanceof OsError && error.errno === 'ENOENT')) throw error;
    }
  }
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that spread the VIP over the API servers: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later, the kernel’s NAT for it and the capability NET_ADMIN are needed'],
  });
}
