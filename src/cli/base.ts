/** What every command has: `--json` in one envelope, progress on stderr, warnings in both. */
import { Command } from '@oclif/core';
import { successEnvelope, type SuccessEnvelope } from './envelope.ts';
import { paint, wantsColor } from './paint.ts';
import { createProgress, SILENT, type Progress } from './progress.ts';
import type { Asking } from './prompts.ts';
import type { Step } from '../workflows/steps.ts';

/**
 * The type parameter is what `--json` shows as `result`. Errors are not handled here: they pass through to
 * main.ts, which shows all of them in the same way.
 */
export abstract class BaseCommand<Result> extends Command {
  static override enableJsonFlag = true;
  readonly #warnings: string[] = [];

  abstract override run(): Promise<Result>;

  /** Runs a workflow to its end, showing its steps. */
  protected async follow<R>(steps: AsyncGenerator<Step, R>): Promise<R> {
    const progress = this.#progress();
    try {
      for (;;) {
        const next = await steps.next();
        if (next.done === true) return next.value;
        if (next.value.kind === 'warning') this.#warnings.push(next.value.text);
        progress.step(next.value);
      }
    } finally {
      progress.close();
    }
  }

  #progress(): Progress {
    if (this.jsonEnabled()) return SILENT;
    const { stderr, env } = process;
    return createProgress({
      write: (text) => stderr.write(text),
      live: stderr.isTTY && env['TERM'] !== 'dumb' && env['CI'] === undefined,
      color: wantsColor(stderr, env),
      width: stderr.columns,
    });
  }

  /** A warning of the command itself, on stderr or in the envelope. */
  protected warnOf(text: string): void {
    this.#warnings.push(text);
    if (this.jsonEnabled()) return;
    process.stderr.write(`${paint('yellow', 'Warning:', wantsColor(process.stderr, process.env))} ${text}\n`);
  }

  protected asking(yes: boolean): Asking {
    return { yes, interactive: process.stdin.isTTY && process.stderr.isTTY && !this.jsonEnabled() };
  }

  protected override toSuccessJson(result: unknown): SuccessEnvelope {
    return successEnvelope(result, this.#warnings);
  }

  protected override catch(error: Error): Promise<unknown> {
    return Promise.reject(error);
  }
}
