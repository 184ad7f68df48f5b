/** `kubevip join`: code → plan → what came of it. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { machineFlags, readConfigInput } from '../cli/bootstrap-flags.ts';
import { foregroundClock } from '../cli/clock.ts';
import { introduceClusters } from '../cli/found-clusters.ts';
import { interruptible } from '../cli/interrupt.ts';
import { confirm } from '../cli/prompts.ts';
import { readCode } from '../cli/read-code.ts';
import { renderJoin, renderSteps, shownSteps, type ShownStep } from '../cli/render-plan.ts';
import { cliUserAgent } from '../cli/session.ts';
import type { JoinRole } from '../cluster/join-code.ts';
import type { JoinResult } from '../workflows/bootstrap/join.ts';

type Result =
  | JoinResult
  | { readonly dryRun: true; readonly role: JoinRole; readonly node: string; readonly steps: readonly ShownStep[] };

export class Join extends BaseCommand<Result> {
  static override summary = 'Add this machine to a cluster, as control plane or worker';
  static override description =
    'Takes the code that `init` or `join-code create` has printed. Without one, on a terminal, it lists the clusters ' +
    'that it can see on the LAN and asks, which keeps the code out of the history of the shell. Interrupted at any point, the same command goes on where it was.';
  static override usage = 'join [CODE] [--control-plane | --worker]';
  static override examples = [
    '<%= config.bin %> join kubevip1.…',
    {
      description: 'As worker, with the code from a file or a pipe:',
      command: 'ssh n1 kubevip join-code create --worker | <%= config.bin %> join -',
    },
  ];
  static override args = {
    code: Args.string({ name: 'code', description: 'The join code; - reads it from standard input' }),
  };
  static override flags = {
    'control-plane': Flags.boolean({
      exclusive: ['worker'],
      description: 'Join as control plane (the default, if the code allows it)',
    }),
    worker: Flags.boolean({ description: 'Join as worker' }),
    'code-file': Flags.string({ description: 'File with the join code; - is standard input', helpValue: 'FILE' }),
    ...machineFlags,
  };

  override async run(): Promise<Result> {
    const { args, flags } = await this.parse(Join);
    const input = await readConfigInput(flags);
    const [{ openMachine }, { planJoin, runJoin }, { requireRoot }] = await Promise.all([
      import('../workflows/bootstrap/machine.ts'),
      import('../workflows/bootstrap/join.ts'),
      import('../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    if (!flags['dry-run']) requireRoot(machine, 'join');
    const interrupt = interruptible();
    const unlock = flags['dry-run'] ? undefined : await machine.lock();
    const alive = setInterval(() => undefined, 60_000);
    try {
      const planned = await planJoin(machine, {
        role: flags.worker ? 'worker' : flags['control-plane'] ? 'control-plane' : undefined,
        config: input.document ?? {},
        source: input.source,
        fix: flags.fix,
        ignore: flags.ignore ?? [],
        code: async () =>
          readCode({
            argument: args.code,
            file: flags['code-file'],
            asking: this.asking(false),
            introduce: async () => introduceClusters(interrupt.signal),
          }),
      });
      const steps = shownSteps(planned.plan.steps);
      const { role, node, code } = planned;
      if (flags['dry-run']) {
        this.log(renderSteps(steps));
        return { dryRun: true, role, node: node.nodeName, steps };
      }
      const where = code === undefined ? 'its cluster' : `the cluster at ${code.endpoint}`;
      const asking = this.asking(flags.yes || planned.complete);
      if (asking.interactive && !asking.yes) process.stderr.write(`${renderSteps(steps)}\n\n`);
      await confirm(`Join ${node.nodeName} to ${where} as ${role}?`, asking);
      const result = await this.follow(
        runJoin(planned, machine, { signal: interrupt.signal, ignore: flags.ignore ?? [] }),
      );
      this.log(renderJoin(result));
      return result;
    } finally {
      clearInterval(alive);
      unlock?.();
      interrupt.dispose();
    }
  }
}
