/** Three nodes with agents and addresses that move between them, and everything that is done to nodes. */
import { setTimeout as delay } from 'node:timers/promises';
import { powerOn, startAgent } from '../../src/lab/faults.ts';
import { runOnHost } from '../../src/lab/hosts.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { createPools, eventually, loadBalancer, withBenchLab, type BenchLab } from '../expose/bench-lab.ts';
import type { BenchOptions } from '../harness.ts';
import { openWitness, type Witness } from './witness.ts';

export interface RigSettings {
  readonly election: BenchOptions['election'];
  /** How often the agents beat; nothing to `lease`. */
  readonly profile?: 'lan' | 'fast';
  /** Pods behind the Service. Default none: then only its address is looked at. */
  readonly pods?: number;
  /** When the node controller gives a silent node up. */
  readonly nodeGraceMs?: number;
}

export interface Rig extends BenchLab {
  readonly witness: Witness;
  readonly vip: Ip;
  readonly vip6: Ip;
  /** Gives a node its power or its agent back, and waits until it is one of them again. */
  readonly restore: (node: string) => Promise<void>;
}

const VIP = ip('10.77.0.200');
const VIP6 = ip('2001:db8:77::200');
/** Longer than any of them listens before it acts. */
const SETTLE_MS = 1500;

/** What the agents are told. */
export function agentEnv({ election, profile = 'lan' }: RigSettings): Record<string, string> {
  return { kubevip_election: election, kubevip_heartbeat: profile };
}

/** A lab with one Service that has an address of each family. */
export async function withRig<R>(settings: RigSettings, work: (rig: Rig) => Promise<R>): Promise<R> {
  const options = {
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    agentEnv: agentEnv(settings),
    ...(settings.nodeGraceMs !== undefined && { nodeGraceMs: settings.nodeGraceMs }),
  };
  return await withBenchLab(options, async (lab) => {
    const witness = openWitness(lab);
    try {
      await createPools(lab.cluster, { 'range-global': `${VIP}-${VIP},${VIP6}-${VIP6}` });
      if (settings.pods !== undefined) await runPods(lab, settings.pods);
      const service = loadBalancer('web', {});
      await lab.cluster
        .resource('Service')
        .create({ ...service, spec: { ...service.spec, ipFamilyPolicy: 'RequireDualStack' } });
      await witness.holder(VIP);
      const restored = async (node: string): Promise<void> => {
        await restore(lab, node);
        if (settings.pods !== undefined) await served(lab);
      };
      if (settings.pods !== undefined) await served(lab);
      await delay(SETTLE_MS);
      return await work({ ...lab, witness, vip: VIP, vip6: VIP6, restore: restored });
    } finally {
      witness.close();
    }
  });
}

async function restore({ paths }: BenchLab, node: string): Promise<void> {
  await powerOn(paths.id, node);
  await startAgent(paths.id, node);
  await eventually(`the agent of ${node} is ready`, async () => {
    const url = 'http://127.0.0.1:2112/readyz';
    return (await runOnHost(paths, node, ['curl', '--silent', '--fail', '--max-time', '1', url])).code === 0;
  });
  // At another moment of everybody's rhythm each time.
  await delay(SETTLE_MS + 200 * Math.random());
}

/** `web`, as many pods, spread over the nodes. */
async function runPods({ cluster }: BenchLab, replicas: number): Promise<void> {
  const labels = { app: 'web' };
  await cluster.resource('Deployment').create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 80 }] }] },
      },
    },
  });
}

/** Every pod, as far as chance tells. */
async function served({ paths }: BenchLab): Promise<void> {
  let inTurn = 0;
  await eventually('all pods are served', async () => {
    const curl = ['curl', '--silent', '--fail', '--max-time', '1', `http://${VIP}/`];
    inTurn = (await runOnHost(paths, 'laptop', curl)).code === 0 ? inTurn + 1 : 0;
    return inTurn === 30;
  });
}
