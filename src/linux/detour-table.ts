/** Detours in the kernel, by nft(8): a whole set of rules in one transaction, 10 to 50 ms. */
import type { Detour, DetourTable } from '../exposure/endpoints/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { inPortions } from '../model/portions.ts';
import { forgetFlows, IPPROTO, TCP_SYN_SENT, type Flow } from './conntrack.ts';
import { writeDetours } from './detour-script.ts';
import { MARKS } from './mark.ts';
import { run } from './run.ts';

/** Ports whose rules are written in one go. */
const PORTION = 32;

export interface DetourTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createDetourTable({ netns }: DetourTableOptions = {}): DetourTable {
  const { table } = MARKS.services;
  const where = netns === undefined ? {} : { netns };
  let before = '';
  return {
    set: async (detours) => {
      const steps = writeDetours(table, detours);
      const script = await inPortions(steps, PORTION, () => new Promise((resolve) => setImmediate(resolve)));
      const { code, stderr } = await run('nft', ['-f', '-'], { input: script, ...where });
      if (code !== 0) throw refused(stderr);
      if (script !== before) forgetAstray(netns, detours);
      before = script;
    },
  };
}

/**
 * Rules are asked for the first packet of a connection only. A client whose first packet went to a dead pod repeats it
 * after a second: as a first packet once more it finds another pod. The same for all of UDP, which knows no connections.
 */
function forgetAstray(netns: string | undefined, detours: readonly Detour[]): void {
  if (detours.length === 0) return;
  const byPort = new Map(detours.map((one) => [portKey(one.address, IPPROTO[one.protocol], one.port), one]));
  forgetFlows(
    netns,
    detours.map(({ address }) => familyOf(address)),
    (flow) => isAstray(flow, byPort),
  );
}

/** On its way to a pod that is none of those that are left. */
function isAstray({ protocol, to, port, via, tcpState }: Flow, byPort: ReadonlyMap<string, Detour>): boolean {
  if (via === to || (protocol === IPPROTO.TCP && tcpState !== TCP_SYN_SENT)) return false;
  const detour = byPort.get(portKey(to, protocol, port));
  return detour !== undefined && ![...detour.outside, ...detour.inside].some(({ ip }) => ip === via);
}

function portKey(address: Ip, protocol: number, port: number): string {
  return `${address} ${protocol} ${port}`;
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that lead past dead endpoints: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later, the kernel’s NAT for it and the capability NET_ADMIN are needed'],
  });
}
