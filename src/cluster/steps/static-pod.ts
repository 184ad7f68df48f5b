/** The agent of the control plane, as a file that kubelet watches. */
import type { Step } from '../engine/step.ts';
import { STATIC_POD } from '../names.ts';
import { staticPodText } from '../objects.ts';
import type { Settings, StepParts } from './parts.ts';

export function staticPodStep({ files }: StepParts, settings: Settings): Step {
  const wanted = async (): Promise<string> => staticPodText(await settings());
  return {
    id: 'virtual-ip',
    title: 'put the agent of the virtual IP in place',
    explain: `Writes ${STATIC_POD}: kubelet runs it from then on, and the address comes up with the first API server.`,
    verify: async () => ((await files.read(STATIC_POD)) === (await wanted()) ? 'done' : 'not'),
    run: async () => files.write(STATIC_POD, await wanted(), { directoryMode: 0o755 }),
    undo: async () => files.remove(STATIC_POD),
  };
}
