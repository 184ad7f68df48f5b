/** `kubevip uninstall`: a question → workflow → what was removed. */
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { clusterFlags, duration, durationFlag } from '../cli/flags.ts';
import { interruptible } from '../cli/interrupt.ts';
import { confirm } from '../cli/prompts.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import type { UninstallResult } from '../workflows/install/uninstall.ts';

export class Uninstall extends BaseCommand<UninstallResult> {
  static override summary = 'Take the agents out of a cluster, and leave nothing of them';
  static override description =
    'The agents first give back addresses, leases, router ports and names; then they go, with their rights, Leases and the ' +
    'pools that `install` wrote. Services stay. A cluster made by `init` keeps the address of its control plane, with the ' +
    'static pods that hold it; it is said where, and what stays for them.';
  static override examples = ['<%= config.bin %> uninstall'];
  static override flags = {
    force: Flags.boolean({ description: 'Do not wait for the agents to give anything back: it runs out by itself' }),
    timeout: durationFlag({ description: 'How long to wait for them', default: '2m' }),
    yes: Flags.boolean({ char: 'y', description: 'Do not ask' }),
    context: clusterFlags.context,
    kubeconfig: clusterFlags.kubeconfig,
  };

  override async run(): Promise<UninstallResult> {
    const { flags } = await this.parse(Uninstall);
    const timeout = duration('timeout', flags.timeout);
    const { planUninstall, uninstall } = await import('../workflows/install/uninstall.ts');
    const interrupt = interruptible();
    try {
      return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
        const { signal } = interrupt;
        const plan = await planUninstall(cluster, signal);
        await confirm(plan.question, this.asking(flags.yes));
        const parts = { cluster, clock: foregroundClock, timeout, force: flags.force, signal };
        return await this.follow(uninstall(plan, parts));
      });
    } finally {
      interrupt.dispose();
    }
  }
}
