import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'Containerfile');

export interface ContainerStart {
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How the image starts the agent. @throws Error when the Containerfile does not say it on one line each. */
export function containerStart(): ContainerStart {
  const text = readFileSync(FILE, 'utf8');
  const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(text)?.[1];
  const settings = /^ENV (\w+=\S+(?: \w+=\S+)*)$/m.exec(text)?.[1];
  if (entrypoint === undefined || settings === undefined) throw new Error(`${FILE} does not say how Node starts`);
  return {
    entrypoint: JSON.parse(entrypoint) as string[],
    env: Object.fromEntries(settings.split(' ').map((setting) => setting.split('=') as [string, string])),
  };
}
