/** Who listens on TCP ports, from /proc (proc_pid_net(5)), as ss(8) has it, which is not on every machine. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Listener } from '../../cluster/ports/preflight.ts';
import { readWhole } from './read.ts';

const LISTEN = '0A';

export function listTcpListeners(netns?: string): Listener[] {
  const inodes = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const [inode, port] of readListening(readWhole(`/proc/thread-self/net/${table}`, netns) ?? '')) {
      inodes.set(inode, port);
    }
  }
  const owners = ownersOf(inodes);
  return [...inodes].map(([inode, port]) => ({ port, ...owners.get(inode) }));
}

/** Socket inode and port of every line in state LISTEN. */
export function* readListening(text: string): Generator<readonly [string, number]> {
  for (const line of text.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state === LISTEN) yield [inode, Number.parseInt(local.split(':')[1] ?? '', 16)];
  }
}

function ownersOf(inodes: ReadonlyMap<string, number>): Map<string, { program: string; pid: number }> {
  const owners = new Map<string, { program: string; pid: number }>();
  if (inodes.size === 0) return owners;
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      owners.set(inode, { program: nameOf(pid), pid: Number(pid) });
    }
  }
  return owners;
}

/* Processes come and go, and those of others are not for everybody: what cannot be read is as if it were not there. */

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'a program that has just ended';
  }
}
