/**
 * The wizard of `init` by itself, in a network namespace: answers go to a file as JSON. Ends as the CLI does. Arguments:
 * namespace, file, and what flags and file would have given, as JSON.
 */
import { writeFileSync } from 'node:fs';
import { exitOf, renderError, shownError } from '../../src/cli/errors.ts';
import { exitOnInterrupt } from '../../src/cli/interrupt.ts';
import { withMachine } from '../../src/cli/machine.ts';
import { createTerminalAsker } from '../../src/cli/wizard/ask.ts';
import { askForInit } from '../../src/cli/wizard/init.ts';
import { confirmPlan } from '../../src/cli/wizard/plan.ts';
import { parseBootstrapConfig, type BootstrapConfigInput } from '../../src/cluster/config.ts';
import type { Step } from '../../src/workflows/steps.ts';

const [netns = '', file = '', given = '{}'] = process.argv.slice(2);
exitOnInterrupt();
try {
  const ask = createTerminalAsker();
  const answers = await withMachine(netns, async ({ parts }) => {
    const follow = async <R>(steps: AsyncGenerator<Step, R>): Promise<R> => {
      for (;;) {
        const next = await steps.next();
        if (next.done === true) return next.value;
        ask.say('text' in next.value ? next.value.text : '');
      }
    };
    return await askForInit(JSON.parse(given) as BootstrapConfigInput, { ...parts, ask, follow });
  });
  const config = parseBootstrapConfig(answers, 'init', { name: 'the answers' });
  const steps = [
    { id: 'certificates', title: 'Certificates', explain: 'kubeadm init phase certs all' },
    { id: 'vip', title: 'The virtual IP', explain: 'a static pod that holds it' },
  ];
  const title = 'Make this machine the first of a cluster';
  const plan = { title, question: 'Do it?', config: answers, steps };
  await confirmPlan(plan, { interactive: true, yes: false }, false);
  writeFileSync(file, JSON.stringify(config));
} catch (error) {
  process.exitCode = exitOf(error);
  const shown = shownError(error);
  if (shown !== undefined) process.stderr.write(`${renderError(shown, false)}\n`);
}
