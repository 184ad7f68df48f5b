/** The plan, shown in full before anything is done, and the question whether to do it. */
import { stringify } from 'yaml';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { paint } from '../paint.ts';
import type { Asking } from '../prompts.ts';
import { indent, renderSteps, type ShownStep } from '../render-plan.ts';
import type { Asker } from './ask.ts';

export interface ShownPlan {
  /** `Make this machine the first of a cluster`. */
  readonly title: string;
  readonly question: string;
  /** What it is made from, without secrets: shown as YAML. */
  readonly config: unknown;
  readonly steps: readonly ShownStep[];
}

/** Lines without a last line break. */
export function renderPlan({ title, config, steps }: ShownPlan, color: boolean): string {
  return [paint('bold', title, color), '', indent(stringify(config)), '', renderSteps(steps)].join('\n');
}

/**
 * Shows the plan and asks. Without a terminal, and with `--yes`, it goes on: whoever writes a script has decided.
 * @throws KubevipError DECLINED (exit 130) at no.
 */
export async function confirmPlan(plan: ShownPlan, asking: Asking, ask: Asker, color: boolean): Promise<void> {
  if (!asking.interactive) return;
  ask.say(`\n${renderPlan(plan, color)}\n`);
  if (asking.yes) return;
  if (await ask.confirm(plan.question, false)) return;
  throw new KubevipError('nothing was changed', { code: 'DECLINED', exit: EXIT.interrupted });
}
