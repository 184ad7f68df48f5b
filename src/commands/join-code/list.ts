import { BaseCommand } from '../../cli/base.ts';
import { foregroundClock } from '../../cli/clock.ts';
import { cliUserAgent } from '../../cli/session.ts';
import { renderTable } from '../../cli/table.ts';
import type { ListedCode } from '../../cluster/join-codes.ts';

export class JoinCodeList extends BaseCommand<readonly ListedCode[]> {
  static override summary = 'List the join codes that the cluster accepts, without their secrets';
  static override examples = ['<%= config.bin %> join-code list'];

  override async run(): Promise<readonly ListedCode[]> {
    await this.parse(JoinCodeList);
    const [{ openMachine }, { listCodes }, { requireRoot }] = await Promise.all([
      import('../../workflows/bootstrap/machine.ts'),
      import('../../workflows/bootstrap/codes.ts'),
      import('../../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    requireRoot(machine, 'join-code list');
    const codes = await listCodes(machine);
    this.log(
      codes.length === 0
        ? 'No join code is in use.'
        : renderTable(
            [
              { header: 'id', value: ({ id }) => id },
              { header: 'for', value: ({ role }) => role },
              { header: 'expires', value: ({ expires }) => expires?.toISOString() ?? 'never' },
            ],
            codes,
          ),
    );
    return codes;
  }
}
