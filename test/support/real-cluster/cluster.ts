/** A cluster that runs: which nodes have power, who has which address, and from where it is administered. */
import { eventually } from '../netns.ts';
import type { RealNode } from './node.ts';
import type { RealWorld } from './world.ts';

/** Where the agents of a node say that they are ready. */
const readyz = (port: number): string => `http://127.0.0.1:${port}/readyz`;
/** The one for Services, and that of the control plane. */
const SERVICES = readyz(2112);
const CONTROL_PLANE = readyz(2113);

export class RunningCluster {
  readonly world: RealWorld;
  /** Joined, and with power. */
  readonly members: RealNode[] = [];

  /** On a control plane one agent does both, as by BGP. */
  readonly #oneAgent: boolean;

  /** @param first the control plane that was made first */
  constructor(world: RealWorld, first: RealNode, { oneAgent = false }: { readonly oneAgent?: boolean } = {}) {
    this.world = world;
    this.#oneAgent = oneAgent;
    this.members.push(first);
  }

  /** A control plane that runs. */
  get admin(): RealNode {
    const found = this.controlPlanes[0];
    if (!found) throw new Error('no control plane has power');
    return found;
  }

  get controlPlanes(): readonly RealNode[] {
    return this.members.filter(({ name }) => name.startsWith('n'));
  }

  /** The node whose kernel has the address. @throws Error when none has */
  async ownerOf(address: string): Promise<RealNode> {
    for (const node of this.members) if (await holds(node, address)) return node;
    throw new Error(`nobody holds ${address}`);
  }

  /** Until as many nodes are ready, as Kubernetes has it: one whose power is cut is for 40 s more. */
  async ready(count: number): Promise<void> {
    await eventually(
      `${count} nodes are ready`,
      async () => {
        const { stdout } = await this.admin.run(['kubectl', 'get', 'nodes', '--no-headers']);
        return stdout.split('\n').filter((line) => / Ready /.test(line)).length === count;
      },
      120_000,
    );
  }

  async powerOff(...nodes: readonly RealNode[]): Promise<void> {
    for (const node of nodes) this.members.splice(this.members.indexOf(node), 1);
    await Promise.all(nodes.map(async (node) => node.powerOff()));
  }

  /** Gives power back, and waits until the agents there take part. */
  async restore(...nodes: readonly RealNode[]): Promise<void> {
    await Promise.all(nodes.map(async (node) => node.powerOn()));
    this.members.push(...nodes);
    await this.ready(this.members.length);
    for (const node of nodes) {
      const both = this.#oneAgent ? [CONTROL_PLANE] : [SERVICES, CONTROL_PLANE];
      const urls = node.name.startsWith('n') ? both : [SERVICES];
      await eventually(
        `the agents of ${node.name} are ready`,
        async () => (await node.run(['curl', '-sf', '--max-time', '1', ...urls])).code === 0,
        120_000,
      );
    }
  }
}

/** Whether the kernel of a node has the address on its card. */
export async function holds(node: RealNode, address: string): Promise<boolean> {
  const { stdout } = await node.run(['ip', '-o', 'addr', 'show', 'dev', 'eth0']);
  return stdout.includes(` ${address}/`);
}
