/** All that an agent could leave on a node: what ip(8), nft(8) and sysctl(8) show, without what changes by itself. */
import type { TestLab } from './e2e.ts';

const SCRIPT = `
ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule
nft list ruleset; sysctl -a --pattern '^net\\.' 2>/dev/null; bridge fdb 2>/dev/null; ip maddr
`;

/** Counters, lifetimes, and what the kernel of a quiet machine changes anyway. */
const MOVING = [
  / (valid_lft|preferred_lft|expires|hoplimit|metric|users|packets|bytes) \d+(sec)?/g,
  /^(net\.netfilter\.nf_conntrack_count|net\.ipv4\.tcp_fastopen_key|net\.core\.flow_limit).*$/gm,
];

/** As sorted lines; kube-proxy's table belongs to the lab, and follows Services and pods. */
export async function nodeSnapshot(lab: Pick<TestLab, 'on'>, node: string): Promise<string[]> {
  const { stdout } = await lab.on(node, 'sh', '-c', SCRIPT);
  const text = MOVING.reduce((all, moving) => all.replaceAll(moving, ''), withoutTable(stdout, 'kube-proxy'));
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '}')
    .sort();
}

function withoutTable(ruleset: string, name: string): string {
  return ruleset.replaceAll(new RegExp(`^table \\w+ ${name} \\{[\\s\\S]*?^\\}`, 'gm'), '');
}
