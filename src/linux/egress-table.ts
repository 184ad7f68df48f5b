/** Egress in the kernel: rules by nft(8), connections by conntrack. */
import type { Egress, EgressRule, EgressTable } from '../exposure/egress/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { forgetFlows, IPPROTO, type Flow } from './conntrack.ts';
import { egressScript } from './egress-script.ts';
import { SERVICE_TABLES } from './mark.ts';
import { run } from './run.ts';

export interface EgressTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** By pod. */
type Names = ReadonlyMap<Ip, EgressRule>;

/** `set` rejects with KubevipError NFT_FAILED or RUN_NOT_FOUND (no nft); the kernel then has what it had before. */
export function createEgressTable({ netns }: EgressTableOptions = {}): EgressTable {
  const where = netns === undefined ? {} : { netns };
  let before: Names = new Map();
  return {
    set: async (egress) => {
      const script = egressScript(SERVICE_TABLES.egress, egress);
      const { code, stderr } = await run('nft', ['-f', '-'], { input: script, ...where });
      if (code !== 0) throw refused(stderr);
      const now = namesOf(egress);
      cutFlows(netns, before, now);
      before = now;
    },
  };
}

function namesOf({ rules }: Egress): Names {
  return new Map(rules.flatMap((rule) => rule.pods.map((pod) => [pod, rule] as const)));
}

/**
 * Rules are asked for the first packet of a connection only. One in the name of an address that has left this node is never
 * answered again; forgotten, its next packet goes out in another name, and whoever gets that says at once that he knows
 * nothing of it. UDP knows no connections, and one of its flows may go on for ever: it is forgotten when a rule comes, too.
 */
function cutFlows(netns: string | undefined, before: Names, now: Names): void {
  const gone = new Map([...before].filter(([pod, { address }]) => now.get(pod)?.address !== address));
  const come = new Map([...now].filter(([pod, { address }]) => before.get(pod)?.address !== address));
  if (gone.size === 0 && come.size === 0) return;
  forgetFlows(netns, [...gone.keys(), ...come.keys()].map(familyOf), isMeant);

  function isMeant({ from, to, via, name, protocol }: Flow): boolean {
    if (gone.get(from)?.address === name) return true;
    const rule = come.get(from);
    return rule !== undefined && name !== rule.address && via === to && (rule.cuts || protocol === IPPROTO.UDP);
  }
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules by which pods go out in the name of an address: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later, the kernel’s NAT and fib for it and the capability NET_ADMIN are needed'],
  });
}
