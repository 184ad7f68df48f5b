/** Packet filter rules that kube-proxy and kubelet leave behind: `kubeadm reset` says that it does not touch them. */
import { KubevipError } from '../model/errors.ts';
import type { CommandOutcome, Commands } from './ports/commands.ts';

/** Seconds that iptables waits for somebody else who is at the rules. */
const WAIT = '5';
/** kube-proxy makes several rules for each endpoint. */
const MAX_SAVED = 64 * 1024 * 1024;

type Say = (message: string) => void;

/** Tables of nftables, those of iptables-nft among them: `ip filter`, `ip6 kube-proxy`. @param say told what could not be read. */
export async function ruleTables(commands: Commands, say: Say = () => undefined): Promise<string[]> {
  const listed = await look(commands, 'nft', ['list', 'tables'], say);
  return listed.split('\n').flatMap((line) => /^table (\S+ \S+)$/.exec(line.trim())?.[1] ?? []);
}

/**
 * Takes away chains and tables of Kubernetes, and what is left empty of tables that were not there before.
 * @param before {@link ruleTables} of the time before Kubernetes.
 * @throws KubevipError RULES_FAILED
 */
export async function removeKubernetesRules(commands: Commands, before: readonly string[], say: Say): Promise<void> {
  for (const family of ['iptables', 'ip6tables']) {
    const removal = removalOf(await look(commands, `${family}-save`, [], say));
    if (removal !== '') await must(commands, `${family}-restore`, ['--noflush', '-w', WAIT], removal);
  }
  for (const table of await ruleTables(commands, say)) {
    if (before.includes(table)) continue;
    if (table.endsWith(' kube-proxy') || (await isEmptyTable(commands, table))) {
      await must(commands, 'nft', ['delete', 'table', ...table.split(' ')]);
    }
  }
}

/**
 * What iptables-restore --noflush is told, so that the chains named KUBE-… of a table go, and the rules that lead to
 * them. Nothing else is touched: others may be at work on their rules at the same moment.
 * @param saved output of iptables-save. @returns empty: there is nothing of Kubernetes in it.
 */
export function removalOf(saved: string): string {
  return saved
    .split(/^(?=\*)/m)
    .map(removalOfTable)
    .join('');
}

function removalOfTable(saved: string): string {
  const lines = saved.split('\n');
  const chains = lines.flatMap((line) => /^:(KUBE-\S+) /.exec(line)?.[1] ?? []);
  const leads = lines
    .filter((line) => /^-A (?!KUBE-).* -[jg] KUBE-/.test(line))
    .map((line) => line.replace('-A', '-D'));
  if (chains.length === 0) return '';
  return [
    lines.find((line) => line.startsWith('*')) ?? '',
    // A chain that is named is emptied; then nothing leads to another one.
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...leads,
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT\n',
  ].join('\n');
}

/** Only those of iptables-nft: whoever made another one has a use for it, though there is no rule in it. */
async function isEmptyTable(commands: Commands, table: string): Promise<boolean> {
  if (!/^ip6? (filter|nat|mangle|raw|security)$/.test(table)) return false;
  const { stdout } = await must(commands, 'nft', ['list', 'table', ...table.split(' ')]);
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .every((line) => line === '' || line === '}' || /^(table|chain) .*\{$|^type .*;$|^#/.test(line));
}

/** What a program prints. One that is not installed, or not for this kernel, has done nothing. */
async function look(commands: Commands, program: string, args: readonly string[], say: Say): Promise<string> {
  try {
    return (await must(commands, program, args)).stdout;
  } catch (error) {
    if (!(error instanceof KubevipError) || !['RUN_NOT_FOUND', 'RULES_FAILED'].includes(error.code)) throw error;
    if (error.code === 'RULES_FAILED')
      say(`${error.message}; if rules of Kubernetes are left, a restart takes them away`);
    return '';
  }
}

async function must(
  commands: Commands,
  program: string,
  args: readonly string[],
  input?: string,
): Promise<CommandOutcome> {
  const outcome = await commands.run({
    program,
    args,
    maxBytes: MAX_SAVED,
    ...(input === undefined ? {} : { input }),
  });
  if (outcome.code === 0) return outcome;
  const said = outcome.stderr.trim();
  throw new KubevipError(
    `${[program, ...args].join(' ')} ended with ${outcome.code}${said === '' ? '' : `: ${said}`}`,
    {
      code: 'RULES_FAILED',
      hints: ['A restart of the machine takes every rule of Kubernetes away.'],
    },
  );
}
