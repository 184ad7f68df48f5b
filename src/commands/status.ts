/** `kubevip status`: read, render, and perhaps go on with it. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { successEnvelope } from '../cli/envelope.ts';
import { clusterFlags } from '../cli/flags.ts';
import { wantsColor } from '../cli/paint.ts';
import { renderStatus } from '../cli/render-status.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import type { StatusReport } from '../workflows/status/report.ts';
import type { StatusWatch } from '../workflows/status/watch.ts';
import { EXIT } from '../model/errors.ts';

/** How often `--watch` looks at the time: ages grow, and an agent that falls silent gives no sign of it. */
const TICK = 1000;

export class Status extends BaseCommand<StatusReport> {
  static override summary = 'Show addresses, owners, router ports, names, agents, pools, and what is wrong';
  static override description =
    'Exits 0 also when there are problems, so that scripts can read them; --check makes them exit code 1.';
  static override examples = [
    { description: 'Everything, in every namespace:', command: '<%= config.bin %> status -A -o wide' },
    { description: 'One Service, for a script:', command: '<%= config.bin %> status web --json' },
  ];
  static override args = { name: Args.string({ name: 'name', description: 'Only this Service' }) };
  static override flags = {
    'all-namespaces': Flags.boolean({ char: 'A', description: 'Services of all namespaces' }),
    output: Flags.option({ char: 'o', options: ['wide'] as const, description: 'More columns' })(),
    watch: Flags.boolean({ char: 'w', description: 'Show it again whenever it changes, until Ctrl-C' }),
    check: Flags.boolean({ description: 'Exit with 1 when there are problems' }),
    ...clusterFlags,
  };

  override async run(): Promise<StatusReport> {
    const { args, flags } = await this.parse(Status);
    return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
      const namespace = flags['all-namespaces'] ? '*' : cluster.namespace;
      const request = { namespace, name: args.name };
      const show = (report: StatusReport): string => {
        const color = wantsColor(process.stdout, process.env);
        return renderStatus(report, { wide: flags.output === 'wide', color, now: new Date() });
      };
      if (flags.watch) {
        const { watchStatus } = await import('../workflows/status/watch.ts');
        const { systemEntropy } = await import('../linux/entropy.ts');
        const parts = { clock: foregroundClock, entropy: systemEntropy };
        return await this.#watch(await watchStatus(cluster, request, parts), show);
      }
      const { readStatus } = await import('../workflows/status/gather.ts');
      const report = await readStatus(cluster, request, new Date());
      this.log(show(report));
      if (flags.check && report.problems.length > 0) process.exitCode = EXIT.failed;
      return report;
    });
  }

  /** Ends with the process. A terminal is redrawn; elsewhere a report is written when it differs from the last. */
  async #watch(watch: StatusWatch, show: (report: StatusReport) => string): Promise<never> {
    const screen = process.stdout.isTTY && !this.jsonEnabled();
    let last = '';
    for (;;) {
      const report = watch.report(new Date());
      const trouble = watch.trouble === undefined ? '' : `\nNot up to date: ${watch.trouble}\n`;
      // Signs of life come every second and are no news.
      const facts =
        JSON.stringify({
          ...report,
          agents: report.agents.map(({ node, live, draining }) => ({ node, live, draining })),
        }) + trouble;
      if (screen) process.stdout.write(`\x1b[H\x1b[J${show(report)}\n${trouble}`);
      else if (facts !== last && this.jsonEnabled())
        process.stdout.write(`${JSON.stringify(successEnvelope(report, trouble === '' ? [] : [trouble.trim()]))}\n`);
      else if (facts !== last) process.stdout.write(`${last === '' ? '' : '\n---\n'}${show(report)}\n${trouble}`);
      last = facts;
      await watch.news(TICK);
    }
  }
}
