/** The VIP's traffic spread over the API servers by the kernel: rules by nft(8), connections by conntrack. */
import type { SpreadTable } from '../exposure/control-plane/balance/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { forgetFlows, IPPROTO, type Flow } from './conntrack.ts';
import { loadLibc } from './libc.ts';
import { MARKS } from './mark.ts';
import { withNetns } from './netns.ts';
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
  const isMeant = (flow: Flow): boolean =>
    flow.protocol === IPPROTO.TCP &&
    flow.port === port &&
    flow.via !== flow.to &&
    vips.includes(flow.to) &&
    (to === undefined || to.includes(flow.via));
  const flows = forgetFlows(netns, vips.map(familyOf), isMeant);
  if (to === undefined) return;
  const libc = loadLibc();
  withNetns(netns, () => stirClients(libc, flows), libc);
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that spread the VIP over the API servers: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later, the kernel’s NAT for it and the capability NET_ADMIN are needed'],
  });
}
