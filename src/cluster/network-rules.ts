/** Packet filter rules that kube-proxy and kubelet leave behind: `kubeadm reset` says that it does not touch them. */
import { KubevipError } from '../model/errors.ts';
import type { CommandOutcome, Commands } from './ports/commands.ts';

/** Tables of nftables, those of iptables-nft among them: `ip filter`, `ip6 kube-proxy`. */
export async function ruleTables(commands: Commands): Promise<string[]> {
  const { code, stdout } = await optional(commands, 'nft', ['list', 'tables']);
  if (code !== 0) return [];
  return stdout.split('\n').flatMap((line) => /^table (\S+ \S+)$/.exec(line.trim())?.[1] ?? []);
}

/**
 * Takes away chains and tables of Kubernetes, and what is left empty of tables that were not there before.
 * @param before {@link ruleTables} of the time before Kubernetes.
 */
export async function removeKubernetesRules(commands: Commands, before: readonly string[]): Promise<void> {
  for (const family of ['iptables', 'ip6tables']) {
    const saved = await optional(commands, `${family}-save`, []);
    const kept = withoutKubernetes(saved.stdout);
    if (saved.code !== 0 || kept === saved.stdout) continue;
    await commands.run({ program: `${family}-restore`, args: [], input: kept });
  }
  for (const table of await ruleTables(commands)) {
    if (before.includes(table)) continue;
    if (table.endsWith(' kube-proxy') || (await isEmptyTable(commands, table))) {
      await commands.run({ program: 'nft', args: ['delete', 'table', ...table.split(' ')] });
    }
  }
}

/** The output of iptables-save without chains named KUBE-… and without rules that mention them. */
export function withoutKubernetes(saved: string): string {
  return saved
    .split('\n')
    .filter((line) => !/^(:KUBE-|-A KUBE-)|\s-j KUBE-/.test(line))
    .join('\n');
}

/** Only those of iptables-nft: whoever made another one has a use for it, though there is no rule in it. */
async function isEmptyTable(commands: Commands, table: string): Promise<boolean> {
  if (!/^ip6? (filter|nat|mangle|raw|security)$/.test(table)) return false;
  const { code, stdout } = await optional(commands, 'nft', ['list', 'table', ...table.split(' ')]);
  if (code !== 0) return false;
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .every((line) => line === '' || line === '}' || /^(table|chain) .*\{$|^type .*;$|^#/.test(line));
}

/** A program that is not installed has done nothing. */
async function optional(commands: Commands, program: string, args: readonly string[]): Promise<CommandOutcome> {
  try {
    return await commands.run({ program, args });
  } catch (error) {
    if (error instanceof KubevipError && error.code === 'RUN_NOT_FOUND') return { code: 127, stdout: '', stderr: '' };
    throw error;
  }
}
