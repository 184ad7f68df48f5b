/** `kubevip unexpose`: flags → workflow → what was undone. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { clusterFlags, duration, durationFlag } from '../cli/flags.ts';
import { interruptible } from '../cli/interrupt.ts';
import { confirm } from '../cli/prompts.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import { kindOf } from '../kube/kinds.ts';
import { checkServiceName, parseTarget } from '../workflows/expose/request.ts';
import type { UnexposeResult } from '../workflows/unexpose.ts';

export class Unexpose extends BaseCommand<UnexposeResult> {
  static override summary = 'Take a Service off the LAN: name, router port, lease and address';
  static override description =
    'Deletes the Service that expose made, or gives one that was there before its former type back, and waits until ' +
    'nothing of it is left on the LAN and on the router.';
  static override usage = 'unexpose NAME | KIND/NAME';
  static override examples = ['<%= config.bin %> unexpose web', '<%= config.bin %> unexpose deployment/web -n shop'];
  static override args = {
    target: Args.string({
      name: 'target',
      required: true,
      description: 'Name of the Service, or the workload it is named after',
    }),
    name: Args.string({ name: 'name', description: 'Its name, when not written as KIND/NAME' }),
  };
  static override flags = {
    'keep-service': Flags.boolean({ description: 'Make it a ClusterIP Service instead of deleting it' }),
    timeout: durationFlag({ description: 'How long to wait until it is gone', default: '60s' }),
    yes: Flags.boolean({ char: 'y', description: 'Do not ask' }),
    ...clusterFlags,
  };

  override async run(): Promise<UnexposeResult> {
    const { args, flags } = await this.parse(Unexpose);
    const timeout = duration('timeout', flags.timeout);
    const name =
      args.name === undefined && !args.target.includes('/')
        ? checkServiceName(args.target)
        : parseTarget(args.name === undefined ? [args.target] : [args.target, args.name], kindOf).name;
    const { planUnexposure, unexpose } = await import('../workflows/unexpose.ts');
    const interrupt = interruptible();
    try {
      return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
        const { signal } = interrupt;
        const request = { namespace: cluster.namespace, name, keepService: flags['keep-service'] };
        const plan = await planUnexposure(cluster, request, signal);
        if (plan.question !== undefined) await confirm(plan.question, this.asking(flags.yes));
        return await this.follow(unexpose(plan, { cluster, clock: foregroundClock, timeout, signal }));
      });
    } finally {
      interrupt.dispose();
    }
  }
}
