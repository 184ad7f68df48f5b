/** Changes that fixes make to a machine, each with what takes it back. */
import { KubevipError } from '../../model/errors.ts';
import type { MachineHands } from '../ports/preflight.ts';

export type Change =
  /** Load a kernel module now. */
  | { readonly kind: 'module'; readonly name: string }
  /** Set a kernel setting now; `key` with slashes: `net/ipv4/ip_forward`. */
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  /** The file shall hold exactly this. */
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  /** The file shall hold this line, at the end unless it is there. */
  | { readonly kind: 'line'; readonly path: string; readonly line: string }
  /** Lines of a file that match are commented out. `match`: a regular expression for a whole line. */
  | { readonly kind: 'comment-out'; readonly path: string; readonly match: string }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly undo?: readonly string[] };

/** How to take a change back; what was there before is in it. JSON. */
export type Undo =
  | { readonly kind: 'module'; readonly name: string }
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  /** `text` undefined: there was no such file. */
  | { readonly kind: 'file'; readonly path: string; readonly text?: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

/** Put in front of lines that are commented out, so that people know by whom. */
const COMMENT = '# by kubevip: ';

/**
 * Makes a change unless it is there already.
 * @returns undefined: nothing was to be done.
 * @throws KubevipError FIX_FAILED, naming the command or the file.
 */
export async function applyChange(change: Change, hands: MachineHands): Promise<Undo | undefined> {
  switch (change.kind) {
    case 'module':
      if (await isLoaded(change.name, hands)) return undefined;
      await mustRun(['modprobe', change.name], hands);
      return { kind: 'module', name: change.name };
    case 'sysctl': {
      const path = sysctlPath(change.key);
      const before = (await hands.read(path))?.trim();
      if (before === change.value) return undefined;
      await mustWrite(path, `${change.value}\n`, hands);
      return before === undefined ? undefined : { kind: 'sysctl', key: change.key, value: before };
    }
    case 'command':
      await mustRun(change.argv, hands);
      return change.undo === undefined ? undefined : { kind: 'command', argv: change.undo };
    case 'file':
    case 'line':
    case 'comment-out': {
      const before = await hands.read(change.path);
      const text = textAfter(change, before);
      if (text === undefined || text === before) return undefined;
      await mustWrite(change.path, text, hands);
      return { kind: 'file', path: change.path, ...(before === undefined ? {} : { text: before }) };
    }
  }
}

/** Takes a change back. A module in use by others stays, and so does a setting whose module is gone. */
export async function undoChange(undo: Undo, hands: MachineHands): Promise<void> {
  switch (undo.kind) {
    case 'module':
      await hands.run('modprobe', ['-r', undo.name]);
      return;
    case 'sysctl':
      if ((await hands.read(sysctlPath(undo.key))) !== undefined)
        await mustWrite(sysctlPath(undo.key), `${undo.value}\n`, hands);
      return;
    case 'command':
      await mustRun(undo.argv, hands);
      return;
    case 'file':
      if (undo.text === undefined) await hands.remove(undo.path);
      else await mustWrite(undo.path, undo.text, hands);
  }
}

/** One line for people, in the imperative: `load the kernel module overlay`. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'module':
      return `load the kernel module ${change.name}`;
    case 'sysctl':
      return `set ${change.key.replaceAll('/', '.')} = ${change.value}`;
    case 'file':
      return `write ${change.path}`;
    case 'line':
      return `add ${JSON.stringify(change.line)} to ${change.path}`;
    case 'comment-out':
      return `comment out lines of ${change.path}`;
    case 'command':
      return `run ${change.argv.join(' ')}`;
  }
}

export function sysctlPath(key: string): string {
  return `/proc/sys/${key}`;
}

type FileChange = Extract<Change, { kind: 'file' | 'line' | 'comment-out' }>;

function textAfter(change: FileChange, before: string | undefined): string | undefined {
  if (change.kind === 'file') return change.text;
  if (change.kind === 'line') {
    if (before?.split('\n').includes(change.line) === true) return before;
    const start = before === undefined || before === '' || before.endsWith('\n') ? (before ?? '') : `${before}\n`;
    return `${start}${change.line}\n`;
  }
  const pattern = new RegExp(change.match);
  return before
    ?.split('\n')
    .map((line) => (pattern.test(line) ? `${COMMENT}${line}` : line))
    .join('\n');
}

async function isLoaded(name: string, hands: MachineHands): Promise<boolean> {
  const modules = (await hands.read('/proc/modules')) ?? '';
  return modules.split('\n').some((line) => line.startsWith(`${name} `));
}

async function mustRun(argv: readonly string[], hands: MachineHands): Promise<void> {
  const [command = '', ...args] = argv;
  const { code, stderr } = await hands.run(command, args);
  if (code !== 0) throw fixFailed(`${argv.join(' ')} ended with ${code}: ${stderr.trim()}`);
}

async function mustWrite(path: string, text: string, hands: MachineHands): Promise<void> {
  try {
    await hands.write(path, text);
  } catch (cause) {
    throw fixFailed(`cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function fixFailed(message: string, cause?: unknown): KubevipError {
  return new KubevipError(message, {
    code: 'FIX_FAILED',
    hints: ['`kubevip doctor` shows the commands, to be typed one by one.'],
    cause,
  });
}
