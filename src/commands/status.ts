/** `kubevip status`: read, render, and perhaps do it again. */
import { setTimeout as delay } from 'node:timers/promises';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { successEnvelope } from '../cli/envelope.ts';
import { clusterFlags } from '../cli/flags.ts';
import { wantsColor } from '../cli/paint.ts';
import { renderStatus } from '../cli/render-status.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import { isApiError } from '../kube/errors.ts';
import type { StatusReport } from '../workflows/status/report.ts';
import { EXIT, messageOf } from '../model/errors.ts';

/** How often `--watch` looks: people read no faster, and three lists cost the API server next to nothing. */
const WATCH_EVERY_MS = 1000;

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
    const { readStatus } = await import('../workflows/status/gather.ts');
    return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
      const namespace = flags['all-namespaces'] ? '*' : cluster.namespace;
      const read = (): Promise<StatusReport> => readStatus(cluster, { namespace, name: args.name }, new Date());
      const show = (report: StatusReport): string => {
        const color = wantsColor(process.stdout, process.env);
        return renderStatus(report, { wide: flags.output === 'wide', color, now: new Date() });
      };
      const report = await read();
      if (flags.watch) return await this.#watch(report, read, show);
      this.log(show(report));
      if (flags.check && report.problems.length > 0) process.exitCode = EXIT.failed;
      return report;
    });
  }

  /** Ends with the process. A terminal is redrawn; elsewhere a report is written when it differs from the last. */
  async #watch(
    first: StatusReport,
    read: () => Promise<StatusReport>,
    show: (report: StatusReport) => string,
  ): Promise<never> {
    const screen = process.stdout.isTTY && !this.jsonEnabled();
    let report = first;
    let trouble = '';
    let last = '';
    for (;;) {
      // Signs of life come every second and are no news.
      const facts =
        JSON.stringify({ ...report, agents: report.agents.map(({ node, live }) => ({ node, live })) }) + trouble;
      if (screen) process.stdout.write(`\x1b[H\x1b[J${show(report)}\n${trouble}`);
      else if (facts !== last && this.jsonEnabled())
        process.stdout.write(`${JSON.stringify(successEnvelope(report, []))}\n`);
      else if (facts !== last) process.stdout.write(`${last === '' ? '' : '\n---\n'}${show(report)}\n`);
      last = facts;
      await delay(WATCH_EVERY_MS);
      try {
        report = await read();
        trouble = '';
      } catch (error) {
        // A control plane that is away for a while is what people watch for.
        if (!isApiError(error)) throw error;
        trouble = `\nNot up to date: ${messageOf(error)}\n`;
      }
    }
  }
}
