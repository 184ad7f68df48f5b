/** Labs for tests: with an id of their own, and gone afterwards whatever happened. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { labProcesses } from '../../src/lab/daemons.ts';
import { labPaths } from '../../src/lab/layout.ts';
import { listNetns } from '../../src/lab/netns.ts';

/** A lab id that no other process of this machine uses: up to 8 letters of `name`, and the pid. */
export function testLabId(name: string): string {
  return `${name.slice(0, 8)}${process.pid}`;
}

/** Everything on this machine that belongs to a lab; empty when nothing is left of it. */
export function leftovers(id: string): string[] {
  const { dir, netnsPrefix } = labPaths(id);
  const folder = dir.slice(dir.lastIndexOf('/') + 1);
  return [
    ...listNetns(netnsPrefix).map((netns) => `namespace ${netns}`),
    ...labProcesses(id).map(({ pid }) => `process ${pid}`),
    ...readdirSync(tmpdir())
      .filter((name) => name === folder)
      .map((name) => `folder ${name}`),
    ...readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(netnsPrefix) || line.includes(dir))
      .map((line) => `mount ${line}`),
  ];
}
