/** Runs the demonstration: all steps in order, on a lab of its own, up to the first that does not hold. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KubevipError, messageOf } from '../../model/errors.ts';
import { labDown } from '../lab.ts';
import { Stage, type StageOptions } from './stage.ts';
import { DEMO, type Facts } from './steps.ts';

/** How many lines of each agent are shown after a failure. */
const COMPLAINTS = 5;

export interface DemoOptions extends StageOptions {
  /** Leave the lab up at the end. */
  readonly keep: boolean;
}

export interface DemoResult {
  readonly steps: readonly { readonly title: string; readonly seconds: number }[];
}

/**
 * @throws KubevipError DEMO_FAILED naming the step that did not hold, INTERRUPTED. The lab is gone either way, unless it
 * shall be kept.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const stage = new Stage(options);
  const facts: Facts = { address: '', lease: undefined, owner: '' };
  const steps: { title: string; seconds: number }[] = [];
  try {
    // What an earlier run was kept for would be in the way.
    await labDown(stage.id);
    for (const [index, step] of DEMO.entries()) {
      stage.say('');
      stage.say(`── ${index + 1}/${DEMO.length}  ${step.title}`);
      const started = performance.now();
      await step.run(stage, facts).catch((error: unknown) => {
        throw failure(stage, `${index + 1}. ${step.title}`, error);
      });
      steps.push({ title: step.title, seconds: Math.round(performance.now() - started) / 1000 });
    }
  } finally {
    if (!options.keep) await labDown(stage.id);
  }
  stage.say('');
  stage.say(`All ${DEMO.length} steps held.`);
  return { steps };
}

function failure(stage: Stage, step: string, error: unknown): KubevipError {
  if (stage.signal.aborted) return new KubevipError('interrupted', { code: 'INTERRUPTED', exit: EXIT.interrupted });
  tellComplaints(stage);
  return new KubevipError(`step ${step} did not hold: ${messageOf(error)}`, {
    code: 'DEMO_FAILED',
    hints: [
      `run it again with --keep and look around: \`kubevip lab status --id ${stage.id}\``,
      `logs are then in ${stage.paths.logs}`,
    ],
    cause: error,
  });
}

/** What the agents had to complain about, since their logs go with the lab. */
function tellComplaints(stage: Stage): void {
  const { logs } = stage.paths;
  for (const file of existsSync(logs) ? readdirSync(logs).sort() : []) {
    if (!file.endsWith('-agent.log')) continue;
    const lines = readFileSync(join(logs, file), 'utf8').split('\n');
    const complaints = lines.filter((line) => /"level":"(warn|error)"/.test(line)).slice(-COMPLAINTS);
    if (complaints.length > 0) [`${file}:`, ...complaints].forEach((line) => stage.say(line));
  }
}
