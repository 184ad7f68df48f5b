/** Runs one command line: oclif for grammar and dispatch, our own errors and exit codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Config, run, type Interfaces } from '@oclif/core';
import { EXIT, KubevipError } from '../model/errors.ts';
import { errorEnvelope, wantsJson } from './envelope.ts';
import { exitOf, renderError, shownError } from './errors.ts';
import { exitOnInterrupt } from './interrupt.ts';
import { wantsColor } from './paint.ts';
import { suggest } from '../model/suggest.ts';

export interface MainOptions {
  /** Folder of the package. */
  readonly root: string;
  /** What we are called: `kubevip` or `kubectl kubevip`. */
  readonly name: string;
  /** Folder with the compiled program, below `root`; undefined: from `src`. */
  readonly built: string | undefined;
}

/** Sets `process.exitCode`; never throws. */
export async function main(argv: readonly string[], options: MainOptions): Promise<void> {
  exitOnInterrupt();
  // `kubevip status | head` ends when head does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
  });
  try {
    const config = await loadConfig(options);
    throwIfUnknown(argv, config);
    await run([...argv], config);
  } catch (error) {
    process.exitCode = exitOf(error);
    const shown = shownError(error);
    if (shown === undefined) return;
    if (wantsJson(argv)) process.stdout.write(`${JSON.stringify(errorEnvelope(shown), null, 2)}\n`);
    else process.stderr.write(`${renderError(shown, wantsColor(process.stderr, process.env))}\n`);
  }
}

/** oclif's configuration of this package, under the name we were called by. */
export async function loadConfig({ root, name, built }: MainOptions): Promise<Config> {
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Interfaces.PJSON;
  const commands =
    built === undefined
      ? { strategy: 'explicit' as const, target: './bin/source-commands.mjs', identifier: 'COMMANDS' }
      : `./${built}/commands`;
  const helpClass = {
    target: built === undefined ? './src/cli/help.ts' : `./${built}/cli/help.js`,
    identifier: 'KubevipHelp',
  };
  return await Config.load({
    root,
    pjson: { ...pjson, oclif: { ...pjson.oclif, bin: name, commands, helpClass } },
    // The manifest describes what was built, and where.
    ...(built === 'dist' ? {} : { ignoreManifest: true }),
  });
}

/** Before oclif, so that the answer is the same with and without a terminal, and names what was perhaps meant. */
function throwIfUnknown(argv: readonly string[], config: Config): void {
  const [first] = argv;
  if (first === undefined || first.startsWith('-') || first === 'help') return;
  const ids = config.commandIDs.filter((id) => config.findCommand(id)?.hidden !== true);
  const known = new Set([...ids, ...config.topics.map(({ name }) => name)].map((id) => id.split(':')[0]));
  if (known.has(first)) return;
  const names = ids.map((id) => id.replaceAll(':', ' '));
  const near = suggest(first, names);
  throw new KubevipError(`there is no command ${JSON.stringify(first)}`, {
    code: 'UNKNOWN_COMMAND',
    exit: EXIT.usage,
    hints: [
      ...(near === undefined ? [] : [`Did you mean \`${config.bin} ${near}\`?`]),
      `\`${config.bin} --help\` lists every command.`,
    ],
  });
}
