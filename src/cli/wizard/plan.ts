/** The plan, shown in full before anything is done, and the question whether to do it. */
import { stringify } from 'yaml';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { paint } from '../paint.ts';
import type { Asking } from '../prompts.ts';
import type { Asker } from './ask.ts';

export interface PlannedStep {
  readonly title: string;
  readonly explain: string;
}

export interface ShownPlan {
  /** `Make this machine the first of a cluster`. */
  readonly title: string;
  /** What it is made from, without secrets: shown as YAML. */
  readonly config: unknown;
  readonly steps: readonly PlannedStep[];
}

/** Lines without a last line break. */
export function renderPlan({ title, config, steps }: ShownPlan, color: boolean): string {
  const indent = (text: string, by: string): string => text.replaceAll(/^(?=.)/gm, by);
  const width = String(steps.length).length;
  return [
    paint('bold', title, color),
    '',
    indent(stringify(config).trimEnd(), '  '),
    '',
    ...steps.flatMap(({ title: what, explain }, i) => [
      `${String(i + 1).padStart(width)}. ${what}`,
      ...(explain === '' ? [] : [indent(paint('dim', explain, color), ' '.repeat(width + 2))]),
    ]),
  ].join('\n');
}

/**
 * Shows the plan and asks. Without a terminal, and with `--yes`, it goes on: whoever writes a script has decided.
 * @throws KubevipError DECLINED (exit 130) at no.
 */
export async function confirmPlan(plan: ShownPlan, asking: Asking, ask: Asker, color: boolean): Promise<void> {
  if (!asking.interactive) return;
  ask.say(`\n${renderPlan(plan, color)}\n`);
  if (asking.yes) return;
  if (await ask.confirm('Do it?', false)) return;
  throw new KubevipError('nothing was changed', { code: 'DECLINED', exit: EXIT.interrupted });
}
