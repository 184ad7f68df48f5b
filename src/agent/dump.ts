/** What the agent knows, as text for people (SIGUSR1), in the shape of kube-vip's dump. Never a secret. */
import type { KernelState } from '../linux/kernel-state.ts';

export interface DumpSection {
  readonly title: string;
  readonly lines: readonly string[];
}

const RULE = '='.repeat(80);

export interface DumpHead {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly now: Date;
}

export function writeDump({ node, version, pid, now }: DumpHead, sections: readonly DumpSection[]): string {
  const banner = (words: string): string[] => [RULE, `                   ${words}`, RULE];
  return [
    '',
    ...banner('KUBEVIP CONFIGURATION DUMP'),
    `Timestamp: ${now.toISOString()}`,
    `Node Name: ${node}`,
    `Process ID: ${pid}`,
    `Version: ${version}`,
    RULE,
    '',
    ...sections.flatMap(({ title, lines }) => [`--- ${title} ---`, ...(lines.length === 0 ? ['none'] : lines), '']),
    ...banner('END OF CONFIGURATION DUMP'),
    '',
  ].join('\n');
}

/** Lists of peers hold passwords between their colons. */
const SECRET = /pass|secret|token|credential|^bgp_peers$/i;

/** @param settings every setting with the value in force */
export function settingsSection(settings: Readonly<Record<string, unknown>>): DumpSection {
  return {
    title: 'BASIC CONFIGURATION',
    lines: Object.entries(settings).flatMap(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return value === undefined || value === '' ? [] : [`${name}: ${SECRET.test(name) ? '(set, not shown)' : text}`];
    }),
  };
}

export function kernelSections({ addresses, tables, routes }: KernelState): DumpSection[] {
  return [
    { title: 'ADDRESSES OF OURS', lines: addresses },
    { title: 'NFTABLES CONFIGURATION', lines: tables },
    { title: 'ROUTES', lines: routes },
  ];
}
