import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import type { StepContext } from '../../../src/cluster/engine/step.ts';
import type { ApiConnector, ClusterApi } from '../../../src/cluster/ports/api.ts';
import { endpointStep } from '../../../src/cluster/steps/endpoint.ts';
import type { StepParts } from '../../../src/cluster/steps/parts.ts';
import { ip } from '../../../src/model/ip.ts';
import type { KubeObject } from '../../../src/model/kubernetes.ts';

const config = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100' } }, 'init', { name: 'the test' });
const node = {
  nodeName: 'n1',
  nodeIps: [ip('10.0.0.11')] as const,
  kubeadm: { major: 1, minor: 36, patch: 0, text: 'v1.36.0' },
  cgroups: 2 as const,
};
const ADMIN_CONF = `clusters:\n  - { name: home, cluster: { server: 'https://10.0.0.100:6443' } }\n`;

/** A machine whose clock moves only by waiting. */
function machine(options: { readonly answersAfter: number; readonly pod?: KubeObject | undefined }): {
  readonly parts: StepParts;
  readonly said: string[];
  readonly context: StepContext;
  readonly now: () => number;
} {
  let now = 0;
  const said: string[] = [];
  const connect: ApiConnector['connect'] = (kubeconfig) => {
    const virtual = kubeconfig.includes('10.0.0.100');
    return {
      version: async () => {
        if (virtual && now < options.answersAfter) throw new Error('no route to host');
        return Promise.resolve('v1.36.0');
      },
      find: async () => Promise.resolve(options.pod),
      close: () => undefined,
    } as unknown as ClusterApi;
  };
  const parts = {
    files: { read: async () => Promise.resolve(ADMIN_CONF), exists: async () => Promise.resolve(true) },
    api: { connect },
    clock: {
      now: () => now,
      after: (delay: number, callback: () => void) => {
        now += delay;
        const timer = setImmediate(callback);
        return { cancel: () => clearImmediate(timer) };
      },
    },
  } as unknown as StepParts;
  const signal = new AbortController().signal;
  return { parts, said, now: () => now, context: { progress: (line) => said.push(line), signal, again: false } };
}

const waiting = (reason: string, message: string): KubeObject =>
  ({
    metadata: { name: 'kubevip-n1' },
    status: { containerStatuses: [{ state: { waiting: { reason, message } } }] },
  }) as KubeObject;

describe('the API at its virtual IP', () => {
  it('is waited for, and is then done', async () => {
    const { parts, said, context, now } = machine({ answersAfter: 3000 });
    const step = endpointStep(parts, config, node);
    expect(await step.verify(null)).toBe('not');
    await step.run(context, null);
    expect(now()).toBe(3000);
    expect(said).toEqual(['https://10.0.0.100:6443 answers']);
    expect(await step.verify(null)).toBe('done');
  });

  it('is given up for lost only after minutes, with what kubelet says of the agent', async () => {
    const pod = waiting('ImagePullBackOff', 'Back-off pulling image "kubevip:0"');
    const { parts, said, context, now } = machine({ answersAfter: Number.POSITIVE_INFINITY, pod });
    await expect(endpointStep(parts, config, node).run(context, null)).rejects.toMatchObject({
      code: 'VIP_SILENT',
      exit: 5,
      message: expect.stringContaining('ImagePullBackOff: Back-off pulling image "kubevip:0"') as string,
    });
    expect(now()).toBeGreaterThanOrEqual(240_000);
    expect(said[0]).toContain('ImagePullBackOff');
  });

  it('is not taken for there when the wait is called off', async () => {
    const { parts, context } = machine({ answersAfter: Number.POSITIVE_INFINITY });
    const stop = new AbortController();
    const progress = (): void => stop.abort();
    await expect(
      endpointStep(parts, config, node).run({ ...context, progress, signal: stop.signal }, null),
    ).rejects.toThrow('abort');
  });

  it('says so when kubelet knows nothing of the agent', async () => {
    const { parts, said, context } = machine({ answersAfter: 6000 });
    await endpointStep(parts, config, node).run(context, null);
    expect(said[0]).toBe('nothing at 10.0.0.100:6443 yet; the agent: kubelet has not started it');
  });
});
