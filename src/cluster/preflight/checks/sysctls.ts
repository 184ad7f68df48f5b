/** Settings of the kernel without which packets for pods are dropped. */
import { sysctlPath, type Change } from '../change.ts';
import { error, fine, type Finding } from '../finding.ts';
import { familiesOf, lanLinks } from '../nic.ts';
import type { Check, Scene } from '../request.ts';

/** Set again at every boot. */
export const SYSCTL_FILE = '/etc/sysctl.d/90-kubevip.conf';

interface Wanted {
  readonly id: string;
  readonly key: string;
  readonly value: string;
  readonly what: string;
  readonly why: string;
}

const V4: readonly Wanted[] = [
  {
    id: 'ip-forward',
    key: 'net/ipv4/ip_forward',
    value: '1',
    what: 'IPv4 packets are not forwarded',
    why: 'Pods would reach nothing outside their node, and kubeadm refuses to go on.',
  },
  {
    id: 'bridge-nf',
    key: 'net/bridge/bridge-nf-call-iptables',
    value: '1',
    what: 'bridged IPv4 packets pass by the rules of kube-proxy',
    why: 'A pod does not reach a Service whose pod is on the same node.',
  },
];

const V6: readonly Wanted[] = [
  {
    id: 'ipv6-disabled',
    key: 'net/ipv6/conf/all/disable_ipv6',
    value: '0',
    what: 'IPv6 is switched off',
    why: 'The cluster is to have IPv6 addresses.',
  },
  {
    id: 'ipv6-forward-default',
    key: 'net/ipv6/conf/default/forwarding',
    value: '1',
    what: 'new interfaces will not forward IPv6',
    why: 'kubeadm refuses to go on.',
  },
  {
    id: 'ipv6-forward',
    key: 'net/ipv6/conf/all/forwarding',
    value: '1',
    what: 'IPv6 packets are not forwarded',
    why: 'Pods would reach nothing outside their node.',
  },
  {
    id: 'bridge-nf-ipv6',
    key: 'net/bridge/bridge-nf-call-ip6tables',
    value: '1',
    what: 'bridged IPv6 packets pass by the rules of kube-proxy',
    why: 'A pod does not reach a Service whose pod is on the same node.',
  },
];

export const sysctls: Check = {
  id: 'sysctls',
  run: async (scene) => {
    const families = familiesOf(scene.request);
    const wanted = [...(families.has(4) ? V4 : []), ...(families.has(6) ? V6 : [])];
    const found = await Promise.all(wanted.map((one) => look(one, scene)));
    const problems = found.flatMap((finding) => finding ?? []);
    return problems.length > 0 ? problems : [fine('sysctls', 'packets for pods are forwarded')];
  },
};

async function look({ id, key, value, what, why }: Wanted, scene: Scene): Promise<Finding | undefined> {
  const now = (await scene.machine.read(sysctlPath(key)))?.trim();
  // Of the bridge: told by its module. Of IPv6: a kernel without it.
  if (now === value || (now === undefined && key.startsWith('net/bridge/'))) return undefined;
  const before = id === 'ipv6-forward' ? await keepAcceptingRouters(scene) : [];
  const settings = [...before, { key, value }];
  const lines = settings.map((one) => `${dotted(one.key)}=${one.value}`);
  return error(id, {
    what: now === undefined ? `${what} (there is no ${sysctlPath(key)})` : `${what} (${dotted(key)} is ${now})`,
    why,
    remedy: `sysctl -w ${lines.join(' ')} && printf '%s\\n' ${lines.join(' ')} >> ${SYSCTL_FILE}`,
    ...(now === undefined
      ? {}
      : {
          fix: {
            changes: settings.flatMap((one): Change[] => [
              { kind: 'sysctl', ...one },
              { kind: 'line', path: SYSCTL_FILE, line: `${dotted(one.key)} = ${one.value}` },
            ]),
          },
        }),
  });
}

/** A router takes no advice of routers (RFC 4861 §6.2.8) unless told to: the node would lose its way to the Internet. */
async function keepAcceptingRouters({ machine, lan }: Scene): Promise<{ key: string; value: string }[]> {
  const keys = lanLinks(lan.links()).map(({ name }) => `net/ipv6/conf/${name}/accept_ra`);
  const values = await Promise.all(keys.map((key) => machine.read(sysctlPath(key))));
  return keys.filter((_, i) => values[i]?.trim() === '1').map((key) => ({ key, value: '2' }));
}

/** Interface names with dots (VLANs) keep them, as sysctl(8) understands slashes for the others. */
function dotted(key: string): string {
  return key.split('/').some((part) => part.includes('.')) ? key : key.replaceAll('/', '.');
}
