/** Detours in the kernel, by nft(8): a whole set of rules in one transaction, 10 to 50 ms. */
import type { DetourTable } from '../exposure/endpoints/port.ts';
import { KubevipError } from '../model/errors.ts';
import { clearDetours, detourScript } from './detour-script.ts';
import { MARKS } from './mark.ts';
import { run } from './run.ts';

export interface DetourTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createDetourTable({ netns }: DetourTableOptions = {}): DetourTable {
  const { table } = MARKS.services;
  const where = netns === undefined ? {} : { netns };
  return {
    set: async (detours) => {
      const script = detours.length === 0 ? `${clearDetours(table)}\n` : detourScript(table, detours);
      const { code, stderr } = await run('nft', ['-f', '-'], { input: script, ...where });
      if (code === 0) return;
      throw new KubevipError(
        `nft did not take the rules that lead past dead endpoints: ${stderr.trim().split('\n')[0] ?? ''}`,
        {
          code: 'NFT_FAILED',
          hints: ['nftables 1.0 or later, the kernel’s NAT for it and the capability NET_ADMIN are needed'],
        },
      );
    },
  };
}
