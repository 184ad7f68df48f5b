/** `kubevip handover`: workflow → what moved where. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { clusterFlags, duration, durationFlag } from '../cli/flags.ts';
import { interruptible } from '../cli/interrupt.ts';
import { renderHandover } from '../cli/render-handover.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import { EXIT } from '../model/errors.ts';
import type { HandoverResult } from '../workflows/handover.ts';

export class Handover extends BaseCommand<HandoverResult> {
  static override summary =
    'Move all addresses away from a node, the control-plane VIP included, before it is switched off or upgraded';
  static override description =
    'Every address goes to another node and stays away from this one until --undo, also when the node restarts. What no ' +
    'other node can serve stays, and the exit code is 6 then. Nothing is pulled back by --undo.';
  static override examples = [
    { description: 'Before maintenance of n1:', command: '<%= config.bin %> handover n1' },
    { description: 'And afterwards:', command: '<%= config.bin %> handover n1 --undo' },
  ];
  static override args = { node: Args.string({ name: 'node', description: 'Name of the Node', required: true }) };
  static override flags = {
    undo: Flags.boolean({ description: 'Let addresses come to the node again' }),
    timeout: durationFlag({ description: 'How long to wait for the addresses to move', default: '30s' }),
    context: clusterFlags.context,
    kubeconfig: clusterFlags.kubeconfig,
  };

  override async run(): Promise<HandoverResult> {
    const { args, flags } = await this.parse(Handover);
    const timeout = duration('timeout', flags.timeout);
    const { handover, undoHandover } = await import('../workflows/handover.ts');
    const interrupt = interruptible();
    try {
      return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
        const parts = { cluster, clock: foregroundClock, timeout, signal: interrupt.signal };
        const result = await this.follow((flags.undo ? undoHandover : handover)(args.node, parts));
        if (!flags.undo) this.log(renderHandover(result));
        if (result.kept.length > 0) process.exitCode = EXIT.partial;
        return result;
      });
    } finally {
      interrupt.dispose();
    }
  }
}
