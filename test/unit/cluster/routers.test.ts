import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig, type BootstrapConfig } from '../../../src/cluster/config.ts';
import type { StepContext } from '../../../src/cluster/engine/step.ts';
import type { ClusterApi } from '../../../src/cluster/ports/api.ts';
import type { StepParts } from '../../../src/cluster/steps/parts.ts';
import { routersStep } from '../../../src/cluster/steps/routers.ts';
import { writeBgpRecord, type BgpPeerRecord } from '../../../src/model/bgp-record.ts';
import { ip } from '../../../src/model/ip.ts';
import type { KubeObject } from '../../../src/model/kubernetes.ts';

const START = Date.parse('2026-06-01T12:00:00Z');
const node = {
  nodeName: 'n1',
  nodeIps: [ip('10.0.0.11')] as const,
  kubeadm: { major: 1, minor: 36, patch: 0, text: 'v1.36.0' },
  cgroups: 2 as const,
};
const BGP = parseBootstrapConfig({ controlPlane: { vip: '10.9.0.1', bgpPeers: ['10.0.0.1:65001'] } }, 'init', {
  name: 'the test',
});
const ARP = parseBootstrapConfig({ controlPlane: { vip: '10.0.0.100' } }, 'init', { name: 'the test' });
const since = new Date(START).toISOString();
const UP: BgpPeerRecord = { peer: '10.0.0.1', as: 65001, state: 'Established', since, routes: 1 };
const DOWN: BgpPeerRecord = { peer: '10.0.0.1', as: 65001, state: 'Active', since, routes: 0, problem: 'refused' };

/** A machine whose clock moves only by waiting. @param at what its agent has written by then */
function machine(at: (seconds: number) => { peers: readonly BgpPeerRecord[]; age?: number } | undefined): {
  readonly parts: StepParts;
  readonly said: string[];
  readonly asked: string[];
  readonly context: StepContext;
} {
  let now = 0;
  const [said, asked]: [string[], string[]] = [[], []];
  const find: ClusterApi['find'] = async ({ kind, name }) => {
    asked.push(`${kind} ${name}`);
    const found = at(now / 1000);
    if (found === undefined) return Promise.resolve(undefined);
    const renewTime = new Date(START + now - (found.age ?? 0) * 1000).toISOString();
    const annotations = writeBgpRecord({ peers: found.peers, problems: [] });
    const lease = { metadata: { name, annotations }, spec: { renewTime, leaseDurationSeconds: 150 } };
    return Promise.resolve(lease as KubeObject);
  };
  const parts = {
    files: {
      read: async () => Promise.resolve("clusters:\n  - { name: c, cluster: { server: 'https://10.9.0.1:6443' } }"),
    },
    api: { connect: () => ({ find, close: () => undefined }) as unknown as ClusterApi },
    clock: {
      now: () => now,
      wall: () => new Date(START + now),
      after: (delay: number, callback: () => void) => {
        now += delay;
        const timer = setImmediate(callback);
        return { cancel: () => clearImmediate(timer) };
      },
    },
  } as unknown as StepParts;
  const { signal } = new AbortController();
  return { parts, said, asked, context: { progress: (line) => said.push(line), signal, again: false } };
}

const step = (parts: StepParts, config: BootstrapConfig): ReturnType<typeof routersStep> =>
  routersStep(parts, () => Promise.resolve(config), node);

describe('a router knows the way', () => {
  it('once a session stands on which something was told', async () => {
    const { parts, said, asked, context } = machine((seconds) =>
      seconds < 3 ? undefined : { peers: [seconds < 6 ? DOWN : seconds < 9 ? { ...UP, routes: 0 } : UP] },
    );
    expect(await step(parts, BGP).verify(null)).toBe('not');
    await step(parts, BGP).run(context, null);
    expect(said).toEqual([
      'the agent has not said yet how its BGP sessions are',
      '10.0.0.1 is Active (refused)',
      '10.0.0.1 is told of nothing yet',
      '10.0.0.1 knows the way',
    ]);
    expect(new Set(asked)).toEqual(new Set(['Lease kubevip-bgp-n1']));
    expect(await step(parts, BGP).verify(null)).toBe('done');
  });

  it('or it is said which one does not, and why', async () => {
    const { parts, context } = machine(() => ({ peers: [DOWN] }));
    await expect(step(parts, BGP).run(context, null)).rejects.toMatchObject({
      code: 'ROUTERS_SILENT',
      exit: 5,
      message: expect.stringContaining('10.0.0.1 is Active (refused)') as string,
    });
  });

  it('not because an agent said so that has not been heard of since', async () => {
    const { parts } = machine(() => ({ peers: [UP], age: 200 }));
    expect(await step(parts, BGP).verify(null)).toBe('not');
  });

  it('need not where none is told', async () => {
    const { parts, asked, said, context } = machine(() => undefined);
    expect(await step(parts, ARP).verify(null)).toBe('done');
    await step(parts, ARP).run(context, null);
    expect([...asked, ...said]).toEqual([]);
  });
});
