import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import type { Step, StepContext } from '../../../src/cluster/engine/step.ts';
import type { WriteOptions } from '../../../src/cluster/ports/files.ts';
import { userKubeconfigStep } from '../../../src/cluster/steps/user-kubeconfig.ts';
import { bootstrapMachine, Disk } from '../../support/bootstrap-machine.ts';

const CONFIG = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100' } }, 'init', { name: 'the test' });
const PATH = '/home/ada/.kube/config';
const kubeconfig = (name: string, server: string): string => `current-context: ${name}
clusters: [{ name: ${name}, cluster: { server: '${server}' } }]
users: [{ name: ${name}, user: { token: x } }]
contexts: [{ name: ${name}, context: { cluster: ${name}, user: ${name} } }]
`;
const context: StepContext = { progress: () => undefined, signal: new AbortController().signal, again: false };

function setUp(existing?: string): {
  readonly disk: Disk;
  readonly step: Step;
  readonly asked: (WriteOptions | undefined)[];
} {
  const disk = new Disk();
  disk.files.set('/etc/kubernetes/admin.conf', kubeconfig('kubernetes', 'https://10.0.0.100:6443'));
  if (existing !== undefined) disk.files.set(PATH, existing);
  const { parts } = bootstrapMachine(disk);
  const asked: (WriteOptions | undefined)[] = [];
  const write: typeof parts.files.write = async (path, text, options) => {
    asked.push(options);
    await parts.files.write(path, text);
  };
  const user = { path: PATH, owner: { uid: 1000, gid: 1000 } };
  const step = userKubeconfigStep({ ...parts, files: { ...parts.files, write } }, () => Promise.resolve(CONFIG), user);
  return { disk, step, asked };
}

describe('the step of the kubeconfig', () => {
  it('gives a new file to the person, and leaves one that is there whose it is', async () => {
    const fresh = setUp();
    await fresh.step.run(context, null);
    expect(fresh.asked).toEqual([{ owner: { uid: 1000, gid: 1000 } }]);
    const { disk, step, asked } = setUp(kubeconfig('work', 'https://work:6443'));
    const facts = (await step.observe?.()) ?? null;
    await step.run(context, facts);
    await step.undo(context, facts);
    expect(asked.map((options) => options?.owner)).toEqual([undefined, undefined]);
    expect(parse(disk.files.get(PATH) ?? '')).toMatchObject({ contexts: [{ name: 'work' }] });
  });

  it('gives the context back that was the current one, unless it is gone or another one was chosen since', async () => {
    const left = async (change: (text: string) => string): Promise<unknown> => {
      const { disk, step } = setUp(kubeconfig('work', 'https://work:6443'));
      const facts = (await step.observe?.()) ?? null;
      await step.run(context, facts);
      disk.files.set(PATH, change(disk.files.get(PATH) ?? ''));
      await step.undo(context, facts);
      return (parse(disk.files.get(PATH) ?? '') as Readonly<Record<string, unknown>>)['current-context'];
    };
    expect(await left((text) => text)).toBe('work');
    expect(await left((text) => text.replaceAll('name: work', 'name: other'))).toBe('');
    expect(await left((text) => text.replace(/current-context: .*/, 'current-context: theirs'))).toBe('theirs');
  });
});
