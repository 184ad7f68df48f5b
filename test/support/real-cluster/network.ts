/** The network of pods, which kubeadm leaves to an add-on: the bridge plugin on each node, and routes between them. */
import { configure } from '../../../src/lab/netns.ts';
import { eventually } from '../netns.ts';
import type { RealNode } from './node.ts';

const CONFIG = '/etc/cni/net.d/10-pods.conflist';

interface NodeObject {
  readonly spec?: { readonly podCIDRs?: readonly string[] };
}

/** @param router namespace of the router, whose routes the LAN’s other hosts use. */
export async function connectPods(admin: RealNode, nodes: readonly RealNode[], router: string): Promise<void> {
  for (const node of nodes) {
    const prefixes: readonly string[] =
      (await eventually(
        `${node.name} has addresses for its pods`,
        async () => {
          const text = await admin
            .kubectl('get', 'node', node.name, '--output=json', '--request-timeout=5s')
            .catch(() => '{}');
          return (JSON.parse(text) as NodeObject).spec?.podCIDRs;
        },
        60_000,
      )) ?? [];
    const plugin = {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ipam: {
        type: 'host-local',
        ranges: prefixes.map((subnet) => [{ subnet }]),
        routes: [{ dst: '0.0.0.0/0' }, ...(prefixes.some(isV6) ? [{ dst: '::/0' }] : [])],
      },
    };
    const config = { cniVersion: '1.0.0', name: 'pods', plugins: [plugin] };
    await node.must(['tee', CONFIG], { input: JSON.stringify(config) });
    const gateway = (prefix: string): string => (isV6(prefix) ? node.ip6 : node.ip);
    const routes = prefixes.map((prefix) => `route replace ${prefix} via ${gateway(prefix)}`);
    const v4 = routes.filter((route) => !route.includes('::'));
    await configure(router, v4);
    for (const other of nodes) {
      if (other === node) continue;
      await configure(other.netns, routes);
      for (const prefix of prefixes) other.routes.set(prefix, gateway(prefix));
    }
  }
}

/** Takes back what {@link connectPods} has put on a node, as whoever removes an add-on has to. */
export async function disconnectPods(node: RealNode): Promise<void> {
  await node.must(['sh', '-c', `rm -f ${CONFIG}; rm -rf /var/lib/cni; ip link delete cni0 2>/dev/null; true`]);
  const routes = [...node.routes.keys()].map((prefix) => `route delete ${prefix}`);
  if (routes.length > 0) await configure(node.netns, routes);
  node.routes.clear();
}

function isV6(prefix: string): boolean {
  return prefix.includes(':');
}
