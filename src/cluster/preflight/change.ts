/** Changes that fixes make to a machine, each with what takes it back. */
import { KubevipError, messageOf } from '../../model/errors.ts';
import type { MachineHands } from '../ports/preflight.ts';

export type Change =
  /** Load a kernel module now. */
  | { readonly kind: 'module'; readonly name: string }
  /** Set a kernel setting now; `key` with slashes: `net/ipv4/ip_forward`. */
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  /** The file shall hold this line, at the end unless it is there. */
  | { readonly kind: 'line'; readonly path: string; readonly line: string }
  /** Lines of a file that match are commented out. `match`: a regular expression for a whole line. */
  | { readonly kind: 'comment-out'; readonly path: string; readonly match: string }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly undo?: readonly string[] };

/** How to take a change back; what was there before is in it. JSON. */
export type Undo =
  | { readonly kind: 'module'; readonly name: string }
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  /** What others have written into the file since stays, and nothing of theirs is in here: fstab may hold passwords. */
  | {
      readonly kind: 'line';
      readonly path: string;
      readonly line: string;
      /** There was no such file. */
      readonly created: boolean;
      /** Its last line had no end. */
      readonly unended: boolean;
    }
  | { readonly kind: 'comment-out'; readonly path: string; readonly match: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

/** Put in front of lines that are commented out, so that people know by whom. */
const COMMENT = '# by kubevip: ';

/** Makes a change unless it is there already. @throws KubevipError FIX_FAILED, naming the command or the file. */
export async function applyChange(change: Change, hands: MachineHands): Promise<void> {
  if ((await isMade(change, hands)) === true) return;
  switch (change.kind) {
    case 'module':
      await mustRun(['modprobe', change.name], hands);
      break;
    case 'sysctl':
      await mustWrite(sysctlPath(change.key), `${change.value}\n`, hands);
      break;
    case 'command':
      await mustRun(change.argv, hands);
      break;
    case 'line':
    case 'comment-out': {
      const text = textAfter(change, await hands.read(change.path));
      if (text !== undefined) await mustWrite(change.path, text, hands);
    }
  }
}

/** Whether a change is there already; undefined: it cannot be seen. */
export async function isMade(change: Change, hands: MachineHands): Promise<boolean | undefined> {
  switch (change.kind) {
    case 'module':
      return isLoaded(change.name, hands);
    case 'sysctl':
      return (await hands.read(sysctlPath(change.key)))?.trim() === change.value;
    case 'command':
      return undefined;
    case 'line':
    case 'comment-out': {
      const before = await hands.read(change.path);
      const after = textAfter(change, before);
      return after === undefined || after === before;
    }
  }
}

/**
 * What would take a change back, from how the machine is before it is made; so a journal can have it beforehand.
 * Undefined: it is there already, or cannot be taken back.
 */
export async function wayBack(change: Change, hands: MachineHands): Promise<Undo | undefined> {
  if ((await isMade(change, hands)) === true) return undefined;
  switch (change.kind) {
    case 'module':
      return { kind: 'module', name: change.name };
    case 'sysctl': {
      const before = (await hands.read(sysctlPath(change.key)))?.trim();
      return before === undefined ? undefined : { kind: 'sysctl', key: change.key, value: before };
    }
    case 'command':
      return change.undo === undefined ? undefined : { kind: 'command', argv: change.undo };
    case 'line': {
      const before = await hands.read(change.path);
      const unended = before !== undefined && before !== '' && !before.endsWith('\n');
      return { kind: 'line', path: change.path, line: change.line, created: before === undefined, unended };
    }
    case 'comment-out':
      return { kind: 'comment-out', path: change.path, match: change.match };
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
    case 'line':
    case 'comment-out': {
      const now = await hands.read(undo.path);
      if (now === undefined) return;
      const before = textBefore(undo, now);
      if (before === '' && undo.kind === 'line' && undo.created) await hands.remove(undo.path);
      else if (before !== now) await mustWrite(undo.path, before, hands);
    }
  }
}

/** One line for people, in the imperative: `load the kernel module overlay`. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'module':
      return `load the kernel module ${change.name}`;
    case 'sysctl':
      return `set ${change.key.replaceAll('/', '.')} = ${change.value}`;
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

type FileChange = Extract<Change, { kind: 'line' | 'comment-out' }>;

function textAfter(change: FileChange, before: string | undefined): string | undefined {
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

function textBefore(undo: Extract<Undo, { kind: 'line' | 'comment-out' }>, now: string): string {
  if (undo.kind === 'comment-out') {
    const pattern = new RegExp(undo.match);
    const bare = (line: string): string => (line.startsWith(COMMENT) ? line.slice(COMMENT.length) : line);
    return now
      .split('\n')
      .map((line) => (pattern.test(bare(line)) ? bare(line) : line))
      .join('\n');
  }
  const lines = now.split('\n');
  const at = lines.lastIndexOf(undo.line);
  if (at < 0) return now;
  const last = at === lines.length - 1 || (at === lines.length - 2 && lines.at(-1) === '');
  // The end of the line before was ours, too.
  if (undo.unended && last) return lines.slice(0, at).join('\n');
  return lines.toSpliced(at, 1).join('\n');
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
    throw fixFailed(cause instanceof KubevipError ? cause.message : `cannot write ${path}: ${messageOf(cause)}`, cause);
  }
}

function fixFailed(message: string, cause?: unknown): KubevipError {
  return new KubevipError(message, {
    code: 'FIX_FAILED',
    hints: ['`kubevip doctor` shows the commands, to be typed one by one.'],
    cause,
  });
}
