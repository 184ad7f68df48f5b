/** `kubevip init`: flags and file → plan → what came of it. */
import { BaseCommand } from '../cli/base.ts';
import { clusterSettingFlags, machineFlags, readConfigInput } from '../cli/bootstrap-flags.ts';
import { foregroundClock } from '../cli/clock.ts';
import { interruptible } from '../cli/interrupt.ts';
import { wantsColor } from '../cli/paint.ts';
import type { Asking } from '../cli/prompts.ts';
import { indent, renderInit, renderSteps, shownSteps, type ShownStep } from '../cli/render-plan.ts';
import { cliUserAgent } from '../cli/session.ts';
import type { BootstrapConfig, ConfigSource } from '../cluster/config.ts';
import type { Document } from '../cluster/kubeadm/merge-patch.ts';
import { NODE_CONFIG } from '../cluster/names.ts';
import type { Machine } from '../workflows/bootstrap/machine.ts';
import type { InitResult, PlannedInit } from '../workflows/bootstrap/init.ts';
import { Flags } from '@oclif/core';

type Result =
  | InitResult
  | { readonly config: BootstrapConfig }
  | { readonly dryRun: true; readonly config: BootstrapConfig; readonly steps: readonly ShownStep[] };

export class Init extends BaseCommand<Result> {
  static override summary = 'Make this machine the first control plane of a highly available cluster';
  static override description =
    'Checks the machine, runs kubeadm with the virtual IP already in place, installs the services part, and prints the ' +
    'code with which other machines join. Interrupted at any point, the same command goes on where it was; when all is ' +
    'done it says so and changes nothing.';
  static override examples = [
    {
      description: 'A virtual IP, and ten addresses for Services:',
      command: '<%= config.bin %> init --vip 192.168.1.40 --pool 192.168.1.200-192.168.1.209',
    },
    {
      description: 'See everything that would be done:',
      command: '<%= config.bin %> init --vip 192.168.1.40 --dry-run',
    },
    {
      description: 'From a file:',
      command: '<%= config.bin %> init --print-config > cluster.yaml; <%= config.bin %> init -f cluster.yaml',
    },
  ];
  static override flags = {
    ...clusterSettingFlags,
    ...machineFlags,
    'print-config': Flags.boolean({ description: 'Print the configuration that file and flags make, and end' }),
  };

  override async run(): Promise<Result> {
    const { flags } = await this.parse(Init);
    const input = await readConfigInput(flags);
    if (flags['print-config']) return await this.#printConfig(input.document ?? {}, input.source);
    const [{ openMachine }, { initConfig, planInit, runInit }, { requireRoot }] = await Promise.all([
      import('../workflows/bootstrap/machine.ts'),
      import('../workflows/bootstrap/init.ts'),
      import('../workflows/bootstrap/prepare.ts'),
    ]);
    const machine = await openMachine(foregroundClock, cliUserAgent(this.config.version));
    if (!flags['dry-run']) requireRoot(machine, 'init');
    const document = await this.#ask(machine, input.document, flags);
    const config = await initConfig(
      machine,
      document,
      document === input.document ? input.source : { name: 'the answers' },
    );
    const interrupt = interruptible();
    const unlock = flags['dry-run'] ? undefined : await machine.lock();
    // Between two looks at the API server nothing else would keep the process alive.
    const alive = setInterval(() => undefined, 60_000);
    try {
      const planned = await planInit(machine, config, { fix: flags.fix, ignore: flags.ignore ?? [] });
      if (flags['dry-run']) return this.#dryRun(planned);
      const asking = this.asking(flags.yes || planned.complete);
      await this.#confirm(planned, asking);
      const withCode = !this.jsonEnabled();
      const finished = await this.follow(runInit(planned, machine, { signal: interrupt.signal, withCode }));
      this.log(renderInit(finished, this.config.bin));
      return finished.result;
    } finally {
      clearInterval(alive);
      unlock?.();
      interrupt.dispose();
    }
  }

  /** The wizard, on a terminal and where the one thing is missing that has no default. */
  async #ask(machine: Machine, document: Document | undefined, flags: { yes: boolean }): Promise<Document | undefined> {
    const asking = this.asking(flags.yes);
    if (!asking.interactive || asking.yes || hasVip(document)) return document;
    // An interrupted run goes on with what it was told.
    if (document === undefined && (await machine.parts.files.exists(NODE_CONFIG))) return document;
    const [{ askForInit }, { createTerminalAsker }, { withMachine }] = await Promise.all([
      import('../cli/wizard/init.ts'),
      import('../cli/wizard/ask.ts'),
      import('../cli/machine.ts'),
    ]);
    const ask = createTerminalAsker();
    return await withMachine(undefined, async ({ parts }) =>
      askForInit(document ?? {}, { ...parts, ask, follow: async (steps) => this.follow(steps) }),
    );
  }

  /** @throws KubevipError DECLINED (exit 130) at no. */
  async #confirm({ plan, config, node }: PlannedInit, asking: Asking): Promise<void> {
    const { confirmPlan } = await import('../cli/wizard/plan.ts');
    const shown = {
      title: `${node.nodeName} (${node.nodeIps.join(', ')}) becomes the first control plane of ${config.clusterName}`,
      question: `Make ${node.nodeName} the first control plane of ${config.clusterName}?`,
      config,
      steps: shownSteps(plan.steps),
    };
    await confirmPlan(shown, asking, wantsColor(process.stderr, process.env));
  }

  #dryRun({ plan, config, documents }: PlannedInit): Result {
    const steps = shownSteps(plan.steps);
    this.log(renderSteps(steps));
    this.log(`\nkubeadm is given this, and a token and a key that are made for it:\n\n${indent(documents)}`);
    return { dryRun: true, config, steps };
  }

  async #printConfig(document: object, source: ConfigSource): Promise<Result> {
    const [{ parseBootstrapConfig }, { renderTemplate }] = await Promise.all([
      import('../cluster/config.ts'),
      import('../cluster/config-template.ts'),
    ]);
    // Also without a VIP: somebody may want a file to begin with.
    const config = parseBootstrapConfig(document, 'worker', source);
    this.log(renderTemplate(config).trimEnd());
    return { config };
  }
}

function hasVip(document: Document | undefined): boolean {
  const controlPlane = document?.['controlPlane'];
  return typeof controlPlane === 'object' && controlPlane !== null && 'vip' in controlPlane;
}
