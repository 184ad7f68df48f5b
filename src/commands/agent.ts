/** `kubevip agent`: the in-cluster process, for images and the lab. */
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';

export class Agent extends BaseCommand<number> {
  static override summary = 'Run the agent of a node: addresses, router ports and names of Services';
  static override description =
    'Takes its settings from the environment, as kube-vip does, and runs until SIGTERM; SIGUSR1 prints what it knows. In a ' +
    'cluster it is started by ' +
    'its DaemonSet, not by hand.';

  static override flags = {
    'config-file': Flags.string({
      helpValue: 'FILE',
      description: 'settings in YAML or JSON, with kube-vip’s keys; variables win over it',
    }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(Agent);
    const { runAgent } = await import('../agent/main.ts');
    // The agent hands over before it ends: the CLI's own way of ending at once would cut that short.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(name);
    process.exitCode = await runAgent(
      flags['config-file'] === undefined ? [] : [`--config-file=${flags['config-file']}`],
    );
    return process.exitCode;
  }
}
