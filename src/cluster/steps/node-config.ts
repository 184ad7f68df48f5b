/** Keeps the effective configuration on the machine: for re-runs, and for people. Without secrets. */
import { parse, stringify } from 'yaml';
import { parseBootstrapConfig, type BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import { NODE_CONFIG } from '../names.ts';
import type { Files } from '../ports/files.ts';
import type { Settings, StepParts } from './parts.ts';

/** @param settings the configuration as it shall be kept. */
export function nodeConfigStep({ files }: StepParts, settings: Settings): Step {
  const wanted = async (): Promise<string> => renderConfig(await settings());
  return {
    id: 'config',
    title: 'keep the configuration',
    explain: `Writes ${NODE_CONFIG}, which a later run without flags goes by. No secret is in it.`,
    verify: async () => ((await files.read(NODE_CONFIG)) === (await wanted()) ? 'done' : 'not'),
    run: async () => files.write(NODE_CONFIG, await wanted()),
    undo: async () => files.remove(NODE_CONFIG),
  };
}

export function renderConfig(config: BootstrapConfig): string {
  return stringify(config, { lineWidth: 0 });
}

/** What an earlier run kept; undefined: none did. @throws KubevipError BAD_BOOTSTRAP_CONFIG */
export async function readNodeConfig(files: Files): Promise<BootstrapConfig | undefined> {
  const text = await files.read(NODE_CONFIG);
  return text === undefined ? undefined : parseBootstrapConfig(parse(text), 'worker', { name: NODE_CONFIG });
}
