/** Findings of preflight for people: what is wrong first to be seen, with why and the command below it. */
import type { Finding } from '../cluster/preflight/finding.ts';
import { problems, type PreflightReport } from '../cluster/preflight/run.ts';
import { paint } from './paint.ts';

export function renderFindings(
  report: PreflightReport,
  options: { readonly color: boolean; readonly all: boolean },
): string {
  const { color, all } = options;
  const shown = report.findings.filter(({ level }) => all || level !== 'ok');
  return [...shown.map((finding) => render(finding, color)), summary(report)].join('\n');
}

const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], error: ['red', '✘'] } as const;

function render(finding: Finding, color: boolean): string {
  const [style, mark] = MARKS[finding.level];
  const first = `${paint(style, mark, color)} ${finding.what}`;
  if (finding.level === 'ok') return first;
  const safe = finding.fix === undefined ? '' : paint('dim', '   (doctor --fix does it)', color);
  return [
    `${first} ${paint('dim', `[${finding.id}]`, color)}`,
    `    ${paint('dim', finding.why, color)}`,
    `    ${paint('cyan', finding.remedy, color)}${safe}`,
  ].join('\n');
}

function summary(report: PreflightReport): string {
  const found = problems(report);
  const errors = found.filter(({ level }) => level === 'error').length;
  const warnings = found.length - errors;
  const looked = `${report.findings.length} findings`;
  if (found.length === 0) return `This machine is ready: ${looked}, nothing wrong.`;
  const tail = `${errors} in the way, ${warnings} to know of`;
  return errors === 0 ? `This machine is ready: ${looked}, ${tail}.` : `This machine is not ready: ${looked}, ${tail}.`;
}
