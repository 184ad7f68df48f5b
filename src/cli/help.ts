/** Help as oclif writes it, in the order in which people need the commands. */
import { Help, type Command, type Config } from '@oclif/core';

/** The way of a cluster from its birth on; what is not here follows, and what only machines call comes last. */
const ORDER = ['init', 'join', 'expose', 'unexpose', 'status', 'handover', 'discover', 'reset', 'install', 'uninstall'];
const LAST = ['autocomplete', 'agent'];

export class KubevipHelp extends Help {
  /** The version is `--version`'s business: help is rendered once, at build time. */
  override formatRoot(): string {
    const { bin, pjson } = this.config;
    return `${pjson.description ?? ''}\n\n${this.section('USAGE', `$ ${bin} COMMAND`)}`;
  }

  override formatCommands(commands: Command.Loadable[]): string {
    // `formatCommands` of oclif keeps the order it is given.
    return super.formatCommands(commands.toSorted((a, b) => rank(a.id) - rank(b.id)));
  }
}

function rank(id: string): number {
  if (LAST.includes(id)) return ORDER.length + 1 + LAST.indexOf(id);
  return ORDER.includes(id) ? ORDER.indexOf(id) : ORDER.length;
}

class CapturedHelp extends KubevipHelp {
  readonly lines: string[] = [];

  override log(...args: string[]): void {
    this.lines.push(args.join(' '));
  }
}

/**
 * The help of the root, of every topic and of every command, without colours, by the words that ask for it
 * (`''`, `lab`, `lab up`).
 */
export async function helpTexts(load: () => Promise<Config>): Promise<ReadonlyMap<string, string>> {
  const config = await load();
  const ids = [
    '',
    ...config.topics.map(({ name }) => name),
    ...config.commands.filter(({ hidden }) => !hidden).map(({ id }) => id),
  ];
  const texts = new Map<string, string>();
  for (const id of new Set(ids)) {
    const words = id.split(':').filter((word) => word !== '');
    // A fresh one each time: oclif's help rewrites the ids of the commands it has shown.
    const help = new CapturedHelp(await load(), { stripAnsi: true, maxWidth: 100 });
    await help.showHelp([...words, '--help']);
    texts.set(words.join(' '), `${help.lines.join('\n').trimEnd()}\n`);
  }
  return texts;
}
