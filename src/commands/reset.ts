/** `kubevip reset`: list → question → undo. */
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { interruptible } from '../cli/interrupt.ts';
import { confirm } from '../cli/prompts.ts';
import { cliUserAgent } from '../cli/session.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { ResetResult } from '../workflows/bootstrap/reset.ts';

type Result = ResetResult | { readonly dryRun: true; readonly list: readonly string[] };

export class Reset extends BaseCommand<Result> {
  static override summary = 'Take back what init or join did to this machine, and leave nothing';
  static override description =
    'Lists what there is, asks, and undoes it from the end: kubeadm with its etcd member and node object, addresses, ' +
    'packet filter rules, kernel settings, files. Interrupted, the same command goes on.';
  static override examples = ['<%= config.bin %> reset --dry-run', '<%= config.bin %> reset --yes'];
  static override flags = {
    'dry-run': Flags.boolean({ description: 'Only list' }),
    yes: Flags.boolean({ char: 'y', description: 'Do not ask; needed where there is no terminal' }),
  };

  override async run(): Promise<Result> {
    const { flags } = await this.parse(Reset);
    const [{ openMachine }, { planReset, runReset }, { requireRoot }] = await Promise.all([
      import('../workflows/bootstrap/machine.ts'),
      import('../workflows/bootstrap/reset.ts'),
      import('../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    requireRoot(machine, 'reset');
    const interrupt = interruptible();
    const unlock = await machine.lock();
    const alive = setInterval(() => undefined, 60_000);
    try {
      const planned = await planReset(machine);
      if (flags['dry-run']) {
        this.log(planned.nothing ? NOTHING : planned.list.join('\n'));
        return { dryRun: true, list: planned.list };
      }
      if (planned.nothing) {
        this.log(NOTHING);
        return { undone: [] };
      }
      const asking = this.asking(flags.yes);
      if (!asking.yes && !asking.interactive) throw needsYes();
      if (!asking.yes) process.stderr.write(`${planned.list.join('\n')}\n\n`);
      if (planned.foreign) this.warnOf('no journal of kubevip says that it made the cluster on this machine');
      await confirm('Undo all this? What is only on this machine is lost.', asking);
      const result = await this.follow(runReset(planned, machine, interrupt.signal));
      this.log('This machine is as it was before.');
      return result;
    } finally {
      clearInterval(alive);
      unlock();
      interrupt.dispose();
    }
  }
}

const NOTHING = 'Nothing to do: neither kubevip nor kubeadm has left anything on this machine.';

/** Elsewhere a script has decided by being written; here a slip would cost a cluster. */
function needsYes(): KubevipError {
  return new KubevipError('a reset without a terminal needs --yes', {
    code: 'NEEDS_YES',
    exit: EXIT.usage,
    hints: ['`kubevip reset --dry-run` lists what would be undone.'],
  });
}
