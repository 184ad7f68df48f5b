import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { labIdFlag } from '../../cli/flags.ts';

export class LabPower extends BaseCommand<{ node: string; power: 'on' | 'off' }> {
  static override summary = "Cut a node's power, or give it back";
  static override description =
    'Off: its ports at the switches go down, then everything on it is killed, with no chance to say goodbye. On: it starts anew, with its agent.';
  static override examples = ['<%= config.bin %> lab power n2 off', '<%= config.bin %> lab power n2 on'];
  static override args = {
    node: Args.string({ description: 'n1, n2, …', required: true }),
    state: Args.string({ description: 'on or off', options: ['on', 'off'], required: true }),
  };
  static override flags = { ...labIdFlag };

  override async run(): Promise<{ node: string; power: 'on' | 'off' }> {
    const { args, flags } = await this.parse(LabPower);
    const { powerOff, powerOn } = await import('../../lab/faults.ts');
    await (args.state === 'off' ? powerOff : powerOn)(flags.id, args.node);
    this.log(`${args.node} is ${args.state}.`);
    return { node: args.node, power: args.state === 'off' ? 'off' : 'on' };
  }
}
