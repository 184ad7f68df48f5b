import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { foregroundClock } from '../../cli/clock.ts';
import { cliUserAgent } from '../../cli/session.ts';

export class JoinCodeRevoke extends BaseCommand<{ readonly revoked: string }> {
  static override summary = 'Make a join code void';
  static override examples = ['<%= config.bin %> join-code revoke abc123'];
  static override args = {
    id: Args.string({ name: 'id', required: true, description: 'As `join-code list` shows it' }),
  };

  override async run(): Promise<{ readonly revoked: string }> {
    const { args } = await this.parse(JoinCodeRevoke);
    const [{ openMachine }, { revokeCode }, { requireRoot }] = await Promise.all([
      import('../../workflows/bootstrap/machine.ts'),
      import('../../workflows/bootstrap/codes.ts'),
      import('../../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    requireRoot(machine, 'join-code revoke');
    await revokeCode(machine, args.id);
    this.log(`Code ${args.id} lets nobody in any more.`);
    return { revoked: args.id };
  }
}
