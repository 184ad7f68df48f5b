import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base.ts';
import { interruptible } from '../../cli/interrupt.ts';
import { paint, wantsColor, type Style } from '../../cli/paint.ts';
import type { DemoResult } from '../../lab/demo/demo.ts';

export class LabDemo extends BaseCommand<DemoResult> {
  static override summary = 'Show the main job on a lab of its own, with real commands and their real output';
  static override description =
    'Exposes a Deployment by DHCP, router port and mDNS name, reaches it from the laptop and from the Internet, cuts the power of the node that has the address, and takes everything back. Ends with 0 only if every step held, and names the one that did not.';
  static override examples = ['<%= config.bin %> lab demo', '<%= config.bin %> lab demo --keep'];
  static override flags = {
    id: Flags.string({ description: 'Lab to build for it', default: 'demo', helpValue: 'NAME' }),
    keep: Flags.boolean({ description: 'Leave the lab up at the end' }),
  };

  override async run(): Promise<DemoResult> {
    const { flags } = await this.parse(LabDemo);
    const { runDemo } = await import('../../lab/demo/demo.ts');
    const interrupt = interruptible();
    const color = wantsColor(process.stdout, process.env);
    try {
      return await runDemo({
        id: flags.id,
        keep: flags.keep,
        cli: [process.execPath, process.argv[1] ?? ''],
        print: (line) => this.log('%s', paint(styleOf(line), line, color)),
        signal: interrupt.signal,
      });
    } finally {
      interrupt.dispose();
    }
  }
}

/** Steps, commands and checks stand out from what programs say. */
function styleOf(line: string): Style {
  if (line.startsWith('── ')) return ['bold', 'cyan'];
  if (line.startsWith('✓ ')) return 'green';
  return /^([a-z]+\d*#|\$) /.test(line) ? 'bold' : 'reset';
}
