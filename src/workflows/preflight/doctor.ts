/** `doctor`: looks at the machine, mends what is safe if asked to, and looks again. */
import type { MachineHands } from '../../cluster/ports/preflight.ts';
import { describeChange } from '../../cluster/preflight/change.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
import {
  fixable,
  fixAll,
  runPreflight,
  type FixedFinding,
  type PreflightParts,
  type PreflightReport,
} from '../../cluster/preflight/run.ts';
import { done, warning, type Step } from '../steps.ts';

export interface Diagnosis {
  /** After mending, where that was asked for. */
  readonly report: PreflightReport;
  readonly fixed: readonly FixedFinding[];
}

export async function* diagnose(
  parts: PreflightParts,
  request: PreflightRequest,
  fix?: MachineHands,
): AsyncGenerator<Step, Diagnosis> {
  const report = await runPreflight(parts, request);
  if (fix === undefined || fixable(report).length === 0) return { report, fixed: [] };
  const fixed = await fixAll(report, fix);
  for (const { finding, failure } of fixed) {
    const changes = (finding.fix?.changes ?? []).map(describeChange).join(', ');
    yield failure === undefined ? done(`Mended: ${finding.what}: ${changes}`) : warning(`${finding.what}: ${failure}`);
  }
  return { report: await runPreflight(parts, request), fixed };
}
