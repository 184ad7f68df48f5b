/** Runs every check that matters for a role, at the same time, and tells what came out in the order of the list. */
import { EXIT, KubevipError, messageOf } from '../../model/errors.ts';
import { CHECKS } from './checks.ts';
import { applyChange } from './change.ts';
import { warn, type Finding, type Problem } from './finding.ts';
import type { LanProbe, MachineHands, MachineProbe } from '../ports/preflight.ts';
import type { Check, PreflightRequest, Scene } from './request.ts';

export interface PreflightParts {
  readonly machine: MachineProbe;
  readonly lan: LanProbe;
}

export interface PreflightReport {
  /** No finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** Looks, and changes nothing. Never throws for what it finds. */
export async function runPreflight(parts: PreflightParts, request: PreflightRequest): Promise<PreflightReport> {
  const scene: Scene = { ...parts, request };
  const wanted = CHECKS.filter(
    ({ roles, notWhenResuming }) =>
      (roles === undefined || roles.includes(request.role)) && !(notWhenResuming === true && request.resuming === true),
  );
  const found = (await Promise.all(wanted.map((check) => runCheck(check, scene)))).flat();
  const findings = found.map((finding) => overruled(finding, request.ignore ?? []));
  return { ok: findings.every(({ level }) => level !== 'error'), findings };
}

async function runCheck(check: Check, scene: Scene): Promise<readonly Finding[]> {
  try {
    return await check.run(scene);
  } catch (cause) {
    return [
      warn(check.id, {
        what: `could not be looked at: ${messageOf(cause)}`,
        why: 'Whether this is in order nobody knows now.',
        remedy: 'kubevip doctor',
      }),
    ];
  }
}

/** Somebody knows better: told, and no obstacle. */
function overruled(finding: Finding, ignored: readonly string[]): Finding {
  return finding.level === 'error' && ignored.includes(finding.id) ? { ...finding, level: 'warn' } : finding;
}

export interface FixedFinding {
  readonly finding: Problem;
  /** Why it could not be mended. */
  readonly failure?: string;
}

/** Problems that can be mended without loss. */
export function fixable(report: PreflightReport): Problem[] {
  return problems(report).filter(({ fix }) => fix !== undefined);
}

export function problems({ findings }: PreflightReport): Problem[] {
  return findings.filter((finding): finding is Problem => finding.level !== 'ok');
}

/** Makes the fixes of a report, one after the other. A fix that fails does not keep the others. */
export async function fixAll(report: PreflightReport, hands: MachineHands): Promise<FixedFinding[]> {
  const fixed: FixedFinding[] = [];
  for (const finding of fixable(report)) {
    try {
      for (const change of finding.fix?.changes ?? []) await applyChange(change, hands);
      fixed.push({ finding });
    } catch (cause) {
      fixed.push({ finding, failure: messageOf(cause) });
    }
  }
  return fixed;
}

/**
 * The error that `init`, `join` and `doctor` end with (exit 3); undefined when nothing stands in the way.
 * @param howToMend said where something can be mended.
 */
export function preflightFailure(report: PreflightReport, howToMend = DOCTOR): PreflightError | undefined {
  const errors = problems(report).filter(({ level }) => level === 'error');
  return errors.length === 0 ? undefined : new PreflightError(errors, report, howToMend);
}

const DOCTOR = '`kubevip doctor --fix` mends what is safe to mend.';

export class PreflightError extends KubevipError {
  /** For `--json`. */
  readonly result: PreflightReport;

  constructor(errors: readonly Problem[], report: PreflightReport, howToMend: string) {
    const [first] = errors;
    const message =
      errors.length === 1
        ? `this machine is not ready: ${first?.what ?? ''}`
        : `this machine is not ready: ${errors.length} things stand in the way, the first is that ${first?.what ?? ''}`;
    super(message, {
      code: 'PREFLIGHT',
      exit: EXIT.preflight,
      hints: [
        ...errors.map(({ what, remedy }) => `${what}: ${remedy}`),
        ...(errors.some(({ fix }) => fix !== undefined) ? [howToMend] : []),
      ],
    });
    this.result = report;
  }
}
