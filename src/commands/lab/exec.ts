import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { labIdFlag } from '../../cli/flags.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';

export class LabExec extends BaseCommand<undefined> {
  static override summary = 'Run a command on a host of the lab';
  static override description = `With this terminal's input and output; ends with the exit code of the command. Hosts are laptop, n1, n2, …, router and internet. On the laptop, names in .local are resolved by avahi.`;
  static override examples = [
    '<%= config.bin %> lab exec laptop -- curl http://web.local/',
    '<%= config.bin %> lab exec n1 -- ip addr show eth0',
    '<%= config.bin %> lab exec router -- nft list ruleset',
    '<%= config.bin %> lab exec laptop -- bash',
  ];
  static override enableJsonFlag = false;
  static override strict = false;
  static override args = { host: Args.string({ description: 'Where to run it', required: true }) };
  static override flags = { ...labIdFlag };

  override async run(): Promise<undefined> {
    const { args, argv, flags } = await this.parse(LabExec);
    const command = argv.slice(1).map(String);
    if (command.length === 0) {
      throw new KubevipError('there is no command to run', {
        code: 'NO_COMMAND',
        exit: EXIT.usage,
        hints: [`for a shell: ${this.config.bin} lab exec ${args.host} -- bash`],
      });
    }
    const [{ attachToHost }, { labPaths }] = await Promise.all([
      import('../../lab/hosts.ts'),
      import('../../lab/layout.ts'),
    ]);
    process.exitCode = await attachToHost(labPaths(flags.id), args.host, command);
    return undefined;
  }
}
