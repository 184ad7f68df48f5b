import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'Containerfile');

/** How the image starts the agent. */
export function containerStart(): string[] {
  const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(FILE, 'utf8'))?.[1];
  if (entrypoint === undefined) throw new Error(`${FILE} has no ENTRYPOINT that is a list`);
  return JSON.parse(entrypoint) as string[];
}
