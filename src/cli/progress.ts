/** Shows the steps of a workflow on stderr: a live view on a terminal, one line per fact elsewhere. */
import type { Step } from '../workflows/steps.ts';
import { paint } from './paint.ts';

export interface Progress {
  step(step: Step): void;
  /** Leaves what was shown last in place. */
  close(): void;
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Redraw in place. */
  readonly live: boolean;
  readonly color: boolean;
  /** Columns of the terminal, for the live view. */
  readonly width?: number;
}

type Stage = Extract<Step, { kind: 'stage' }>;

export const SILENT: Progress = { step: () => undefined, close: () => undefined };

export function createProgress(options: ProgressOptions): Progress {
  return options.live ? liveProgress(options) : plainProgress(options);
}

function plainProgress({ write }: ProgressOptions): Progress {
  const last = new Map<string, string>();
  return {
    step(step) {
      if (step.kind === 'done') write(`${step.text}\n`);
      else if (step.kind === 'warning') write(`Warning: ${step.text}\n`);
      else {
        // While a stage only waits for the one before there is nothing to read in it.
        if (step.state === 'waiting' && step.reason.startsWith('WaitingFor')) return;
        const line = `${step.stage}: ${step.state}: ${step.message}`;
        if (last.get(step.stage) !== line) write(`${line}\n`);
        last.set(step.stage, line);
      }
    },
    close: () => undefined,
  };
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;

function liveProgress({ write, color, width = 80 }: ProgressOptions): Progress {
  const stages = new Map<string, Stage>();
  let frame = 0;
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const clear = (): void => {
    // Up to the first line of the block, and everything below it away.
    if (drawn > 0) write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    clear();
    for (const stage of stages.values()) write(`${line(stage)}\n`);
    drawn = stages.size;
  };
  const line = ({ stage, state, message }: Stage): string => {
    const mark =
      state === 'ready'
        ? paint('green', '✔', color)
        : state === 'failed'
          ? paint('red', '✘', color)
          : paint('cyan', FRAMES[frame % FRAMES.length] ?? '-', color);
    // A line that wraps would throw the redrawing off.
    const room = Math.max(10, width - 17);
    const text = message.length > room ? `${message.slice(0, room - 1)}…` : message;
    return `${mark} ${stage.padEnd(12)} ${state === 'waiting' ? paint('dim', text, color) : text}`;
  };
  return {
    step(step) {
      if (step.kind === 'stage') {
        stages.set(step.stage, step);
        timer ??= setInterval(() => {
          frame++;
          draw();
        }, FRAME_MS).unref();
        draw();
        return;
      }
      clear();
      write(step.kind === 'done' ? `${step.text}\n` : `${paint('yellow', 'Warning:', color)} ${step.text}\n`);
      draw();
    },
    close() {
      clearInterval(timer);
      timer = undefined;
      draw();
      drawn = 0;
      stages.clear();
    },
  };
}
