/** Where the demonstration plays: runs real commands in sight of the reader, and checks what they said. */
import { spawn } from 'node:child_process';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { onHost } from '../hosts.ts';
import { labPaths, netnsOf, type LabPaths } from '../layout.ts';
import type { Milliseconds } from '../../model/time.ts';
import { setTimeout as delay } from 'node:timers/promises';

export interface StageOptions {
  /** Lab id. */
  readonly id: string;
  /** Command line that starts the CLI: what `kubevip` stands for. */
  readonly cli: readonly string[];
  /** One line of the show; without a line break. */
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a command has said. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  /** What it has written so far. */
  readonly output: () => string;
  readonly stop: () => void;
}

/** Thrown when what was to be shown did not hold. */
export class DidNotHold extends KubevipError {
  constructor(what: string) {
    super(what, { code: 'DEMO_DID_NOT_HOLD', exit: EXIT.failed });
  }
}

export class Stage {
  readonly paths: LabPaths;
  readonly #options: StageOptions;

  constructor(options: StageOptions) {
    this.#options = options;
    this.paths = labPaths(options.id);
  }

  get id(): string {
    return this.#options.id;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  say(line: string): void {
    this.#options.print(line);
  }

  /** Runs the CLI itself: `kubevip status`. It has to work. */
  async kubevip(...args: string[]): Promise<Said> {
    return await this.#show('$', ['kubevip', ...args], [...this.#options.cli, ...args]);
  }

  /** Runs a command on this machine, with the lab's kubeconfig. It has to work. */
  async here(...argv: string[]): Promise<Said> {
    return await this.#show('$', argv, argv);
  }

  /** Runs a command on a host of the lab. It has to work. */
  async on(host: string, ...argv: string[]): Promise<Said> {
    return await this.#show(`${host}#`, argv, onHost(this.paths, host, argv));
  }

  /** As {@link on}, for a command that may fail. */
  async tryOn(host: string, ...argv: string[]): Promise<Said> {
    return await this.#show(`${host}#`, argv, onHost(this.paths, host, argv), false);
  }

  /** Runs a command on a host without showing it. Never throws for an exit code. */
  async quietly(host: string, ...argv: string[]): Promise<Said> {
    return await this.#run(onHost(this.paths, host, argv), () => undefined);
  }

  /** Asks the cluster without showing it. */
  async kubectl(...args: string[]): Promise<Said> {
    return await this.#run(['kubectl', ...args], () => undefined);
  }

  /** Starts a command on a host that goes on while other things happen. Its output is shown when asked for. */
  inBackground(host: string, ...argv: string[]): RunningCommand {
    this.say(`${host}# ${shown(argv)} &`);
    const [command = '', ...args] = onHost(this.paths, host, argv);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: this.#environment() });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    // It is missed when its output is looked for.
    child.on('error', () => undefined);
    return { output: () => output, stop: () => child.kill() };
  }

  /** @throws DidNotHold with `what` unless `holds`. */
  check(what: string, holds: boolean): void {
    if (!holds) throw new DidNotHold(what);
    this.say(`✓ ${what}`);
  }

  /**
   * Waits until `holds` does, asking every 100 ms. @returns how long it took.
   * @throws DidNotHold after `within`.
   */
  async wait(what: string, within: Milliseconds, holds: () => boolean | Promise<boolean>): Promise<Milliseconds> {
    const started = performance.now();
    while (!(await holds())) {
      this.signal.throwIfAborted();
      if (performance.now() - started > within) throw new DidNotHold(`${what} (not within ${within / 1000} s)`);
      await delay(100);
    }
    const took = performance.now() - started;
    this.say(`✓ ${what} (after ${(took / 1000).toFixed(1)} s)`);
    return took;
  }

  async #show(prompt: string, display: readonly string[], argv: readonly string[], must = true): Promise<Said> {
    this.say(`${prompt} ${shown(display)}`);
    const said = await this.#run(argv, (line) => this.say(line));
    if (must && said.code !== 0) throw new DidNotHold(`\`${shown(display)}\` ended with ${said.code}`);
    return said;
  }

  async #run(argv: readonly string[], onLine: (line: string) => void): Promise<Said> {
    const [command = '', ...args] = argv;
    const { signal } = this.#options;
    signal.throwIfAborted();
    return await new Promise<Said>((resolve, reject) => {
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment(), signal });
      const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => linesOf(stream, onLine));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 128, stdout: stdout?.() ?? '', stderr: stderr?.() ?? '' }));
    });
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      KUBECONFIG: this.paths.adminKubeconfig,
      KUBEVIP_NETNS: netnsOf(this.paths, 'laptop'),
    };
  }
}

/** Passes on whole lines as they come; gives everything at the end. */
function linesOf(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => string {
  let text = '';
  let shownUpTo = 0;
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    for (let end = text.indexOf('\n', shownUpTo); end >= 0; end = text.indexOf('\n', shownUpTo)) {
      onLine(text.slice(shownUpTo, end));
      shownUpTo = end + 1;
    }
  });
  stream.on('end', () => {
    if (shownUpTo < text.length) onLine(text.slice(shownUpTo));
  });
  return () => text;
}

/** As one would type it. */
function shown(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
