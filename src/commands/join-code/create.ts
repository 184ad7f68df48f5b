import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { foregroundClock } from '../../cli/clock.ts';
import { duration } from '../../cli/flags.ts';
import { interruptible } from '../../cli/interrupt.ts';
import { cliUserAgent } from '../../cli/session.ts';

export class JoinCodeCreate extends BaseCommand<void> {
  static override summary = 'Print a new code with which a machine can join';
  static override description =
    'On a control plane, as root. The code is all that is on stdout, so that it can be piped. One for a control plane ' +
    'lets a worker in too; it makes earlier codes for control planes void, since it encrypts the certificates anew.';
  static override examples = [
    '<%= config.bin %> join-code create',
    '<%= config.bin %> join-code create --worker --ttl 1h',
  ];
  // The code is a secret, and what goes into --json ends in logs.
  static override enableJsonFlag = false;
  static override flags = {
    'control-plane': Flags.boolean({ exclusive: ['worker'], description: 'For a control plane (the default)' }),
    worker: Flags.boolean({ description: 'For workers only' }),
    ttl: Flags.string({
      description: 'How long it is good; by default 24h for workers, and 2h, which is the most, for control planes',
      helpValue: 'DURATION',
    }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(JoinCodeCreate);
    const ttl = flags.ttl === undefined ? undefined : duration('ttl', flags.ttl);
    const [{ openMachine }, { newCode }, { requireRoot }] = await Promise.all([
      import('../../workflows/bootstrap/machine.ts'),
      import('../../workflows/bootstrap/codes.ts'),
      import('../../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    requireRoot(machine, 'join-code create');
    const interrupt = interruptible();
    try {
      const role = flags.worker ? 'worker' : 'control-plane';
      const code = await this.follow(newCode(machine, role, ttl, interrupt.signal));
      this.log(code.text);
    } finally {
      interrupt.dispose();
    }
  }
}
