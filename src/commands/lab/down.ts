import { BaseCommand } from '../../cli/base.ts';
import { labIdFlag } from '../../cli/flags.ts';

export class LabDown extends BaseCommand<{ id: string }> {
  static override summary = 'Take the lab down and leave nothing of it';
  static override description = 'Also after a crash, half-way through `lab up`, or when there is no lab.';
  static override examples = ['<%= config.bin %> lab down'];
  static override flags = { ...labIdFlag };

  override async run(): Promise<{ id: string }> {
    const { flags } = await this.parse(LabDown);
    const { labDown } = await import('../../lab/lab.ts');
    await labDown(flags.id);
    this.log(`Lab ${flags.id} is down.`);
    return { id: flags.id };
  }
}
