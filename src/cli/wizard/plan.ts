/** The plan, shown in full before anything is done, and the question whether to do it. */
import { stringify } from 'yaml';
import { paint } from '../paint.ts';
import { confirm, type Asking } from '../prompts.ts';
import { indent, renderSteps, type ShownStep } from '../render-plan.ts';

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
 * Shows the plan and asks, as {@link confirm} does: nothing without a terminal, and with `--yes`.
 * @throws KubevipError DECLINED (exit 130) at no.
 */
export async function confirmPlan(plan: ShownPlan, asking: Asking, color: boolean): Promise<void> {
  if (asking.yes || !asking.interactive) return;
  process.stderr.write(`\n${renderPlan(plan, color)}\n\n`);
  await confirm(plan.question, asking);
}
