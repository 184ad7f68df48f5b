/** `kubevip doctor`: what stands in the way of a node on this machine. */
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { netnsFlag } from '../cli/flags.ts';
import { wantsColor } from '../cli/paint.ts';
import { readPreflightFlags } from '../cli/preflight-flags.ts';
import { renderFindings } from '../cli/render-findings.ts';
import { EXIT } from '../model/errors.ts';
import { JOURNAL } from '../cluster/names.ts';
import type { Diagnosis } from '../workflows/preflight/doctor.ts';

export class Doctor extends BaseCommand<Diagnosis> {
  static override summary = 'Look whether this machine can become a node, and say what mends it';
  static override description =
    'Looks, and changes nothing without --fix, which does what loses nothing: kernel modules and settings, swap, services. ' +
    '`init` and `join` look at the same things first. Exits with 3 when something stands in the way.';
  static override examples = [
    { description: 'As root, so that everything can be seen:', command: 'sudo <%= config.bin %> doctor' },
    {
      description: 'For a first control plane with this virtual IP:',
      command: 'sudo <%= config.bin %> doctor --vip 192.168.1.40',
    },
    {
      description: 'Mend what is safe on a machine that shall be a worker:',
      command: 'sudo <%= config.bin %> doctor --role worker --fix',
    },
  ];
  static override flags = {
    fix: Flags.boolean({ description: 'Mend what loses nothing, then look again' }),
    all: Flags.boolean({ char: 'A', description: 'Show what is in order, too' }),
    role: Flags.option({
      options: ['control-plane', 'worker'] as const,
      default: 'control-plane' as const,
      description: 'What the machine shall become',
    })(),
    config: Flags.string({
      helpValue: 'FILE',
      description: 'Configuration for `init` or `join`, from which the rest is taken',
    }),
    vip: Flags.string({
      helpValue: 'ADDRESS',
      description: 'Virtual IP of the control plane; one of each family with a comma',
    }),
    interface: Flags.string({
      helpValue: 'NAME',
      description: 'Interface for it; otherwise the one whose subnet holds it',
    }),
    'cri-socket': Flags.string({ helpValue: 'PATH', description: 'Socket of the container runtime' }),
    'node-name': Flags.string({ helpValue: 'NAME', description: 'Name of the node; otherwise the host name' }),
    ignore: Flags.string({
      helpValue: 'ID',
      multiple: true,
      description: 'Take this finding for a warning (its name stands in brackets)',
    }),
    ...netnsFlag,
  };

  override async run(): Promise<Diagnosis> {
    const { flags } = await this.parse(Doctor);
    const request = await readPreflightFlags(flags);
    const [{ withMachine }, { diagnose }, { preflightFailure }, { decodeJournal, replay, standing }] =
      await Promise.all([
        import('../cli/machine.ts'),
        import('../workflows/preflight/doctor.ts'),
        import('../cluster/preflight/run.ts'),
        import('../cluster/engine/journal.ts'),
      ]);
    return await withMachine(flags['from-netns'], async ({ parts, hands }) => {
      // On a machine that is a node already what belongs to it is no fault.
      const resuming = standing(replay(decodeJournal((await parts.machine.read(JOURNAL)) ?? ''))).length > 0;
      const diagnosis = await this.follow(diagnose(parts, { ...request, resuming }, flags.fix ? hands : undefined));
      const failure = preflightFailure(diagnosis.report);
      if (failure !== undefined && this.jsonEnabled()) throw failure;
      const color = wantsColor(process.stdout, process.env);
      this.log(renderFindings(diagnosis.report, { color, all: flags.all }));
      if (failure !== undefined) process.exitCode = EXIT.preflight;
      return diagnosis;
    });
  }
}
