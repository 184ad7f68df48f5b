/** A program on a real terminal: script(1) makes the pseudo-terminal, the test reads the screen and types. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { eventually } from './netns.ts';

export interface Terminal {
  /** All that was written so far, without colours and cursor movements. */
  screen(): string;
  /** The same as it came. */
  raw(): string;
  /** Waits for text that was written since the last wait. */
  sees(text: string | RegExp, guardMs?: number): Promise<void>;
  type(text: string): void;
  /** The exit code, once the program has ended. */
  ended(guardMs?: number): Promise<number>;
  /** Ends it if it is still there. */
  close(): Promise<void>;
}

export const KEY = { enter: '\r', down: '\x1b[B', up: '\x1b[A', ctrlC: '\x03', ctrlU: '\x15' } as const;

export function openTerminal(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-terminal-'));
  const codeFile = join(dir, 'code');
  const line = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  // Wide, so that no question wraps. The exit code by a file: script has its own idea of signals.
  const command = `stty rows 60 columns 200; ${line}; echo $? > '${codeFile}'`;
  const child = spawn('script', ['-qfc', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', CI: undefined, NO_COLOR: undefined, HOME: dir, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [raw, seen] = ['', 0];
  let over = false;
  child.stdout.on('data', (chunk: Buffer) => (raw += chunk.toString()));
  child.stdin.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => {
      over = true;
      resolve();
    });
  });
  const screen = (): string => stripVTControlCharacters(raw);
  return {
    screen,
    raw: () => raw,
    async sees(text, guardMs = 30_000) {
      try {
        await eventually(
          `the terminal shows ${String(text)}`,
          () => {
            const rest = screen().slice(seen);
            const match = typeof text === 'string' ? rest.indexOf(text) : rest.search(text);
            if (match < 0 && over) throw new Error('the program has ended');
            if (match < 0) return false;
            seen += match + 1;
            return true;
          },
          guardMs,
        );
      } catch (cause) {
        throw new Error(`not seen: ${String(text)}\n--- the screen:\n${screen().slice(-3000)}`, { cause });
      }
    },
    type: (text) => void child.stdin.write(text),
    async ended(guardMs = 30_000) {
      await eventually('the program ends', () => over, guardMs);
      return Number(readFileSync(codeFile, 'utf8'));
    },
    async close() {
      // The terminal goes with it, and what runs on it is told so.
      if (!over) child.kill('SIGKILL');
      await closed;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
