/** What has to be known of the machine before kubeadm can be told: its name, its addresses, its control groups. */
import { cidr, contains } from '../model/cidr.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { familyOf, isLinkLocal, type Family, type Ip } from '../model/ip.ts';
import type { Link } from '../model/wire.ts';

export interface NodeIpRequest {
  readonly links: readonly Link[];
  /** Families of the cluster, that of its Services first. */
  readonly families: readonly Family[];
  /** Addresses near which the node's own are looked for: the VIP, or where the cluster answers. */
  readonly near: readonly Ip[];
  /** Only on this interface. */
  readonly link?: string | undefined;
  /** Given by the user: taken for its family as it is. */
  readonly wanted?: Ip | undefined;
}

/**
 * The machine's own address of each family: on the interface whose subnet holds the VIP, else on that of the default
 * route. @throws KubevipError NO_NODE_IP (exit 3)
 */
export function chooseNodeIps(request: NodeIpRequest): readonly [Ip, ...Ip[]] {
  const [first = 4, ...others] = request.families;
  const ips = [first, ...others].map((family) => chooseNodeIp(request, family));
  return ips as [Ip, ...Ip[]];
}

function chooseNodeIp({ links, near, link: name, wanted }: NodeIpRequest, family: Family): Ip {
  if (wanted !== undefined && familyOf(wanted) === family) return wanted;
  const usable = links
    .filter((link) => (name === undefined ? link.name !== 'lo' : link.name === name))
    .map((link) => ({ link, addresses: link.addresses.filter((address) => isOwn(address, family, near)) }))
    .filter(({ addresses }) => addresses.length > 0);
  const beside = usable.flatMap(({ addresses }) =>
    addresses.filter(({ ip, prefixLength }) => {
      const subnet = cidr(ip, prefixLength);
      return subnet !== undefined && near.some((address) => contains(subnet, address));
    }),
  );
  const routed = usable.filter(({ link }) => link.up && link.gateway[family === 4 ? 'v4' : 'v6'] !== undefined);
  const chosen = beside[0] ?? routed[0]?.addresses[0] ?? (usable.length === 1 ? usable[0]?.addresses[0] : undefined);
  if (chosen !== undefined) return chosen.ip;
  throw new KubevipError(
    `this machine has no IPv${family} address ${name === undefined ? 'that could be its own in the cluster' : `on ${name}`}`,
    {
      code: 'NO_NODE_IP',
      exit: EXIT.preflight,
      hints: ['`ip -brief address` lists what there is.', 'To say which: --node-ip ADDRESS, or --interface NAME.'],
    },
  );
}

/** Not one that is there for others, or on every link the same. */
function isOwn({ ip, prefixLength }: Link['addresses'][number], family: Family, near: readonly Ip[]): boolean {
  const isHost = prefixLength === (family === 4 ? 32 : 128);
  return familyOf(ip) === family && !isHost && !isLinkLocal(ip) && !near.includes(ip);
}
