/** The rules of egress, in the language of nft(8). */
import type { Egress, EgressRule } from '../exposure/egress/port.ts';
import { familyOf, parseIp, type Family } from '../model/ip.ts';

const WORDS = { 4: ['ip', 'ipv4_addr'], 6: ['ip6', 'ipv6_addr'] } as const;

/**
 * Of the rules, unless they are set again; as nft writes it. An agent that was killed leaves its address for two seconds at
 * most, and what leaves in its name after that is not answered.
 */
export const EGRESS_LIFETIME = '6s';

/**
 * Replaces the tables called `table`, in the families ip and ip6, in one transaction. A family without rules has no table
 * afterwards.
 *
 * - Ahead of the detours (99) and of kube-proxy's and the network plugins' masquerading (100): of the chains for NAT at one
 *   hook the first that changes a connection is the last that is asked.
 * - What has been translated to its destination already goes to a Service of the cluster, wherever its pods are.
 * - Pods on the network of their host have the node's own address, and the node itself is not meant.
 * - Chains for NAT see only the first packet of a connection, so answers to what came in are not touched.
 */
export function egressScript(table: string, { rules, inside }: Egress): string {
  return [clearEgress(table), ...([4, 6] as const).flatMap((family) => tableOf(family, table, rules, inside)), ''].join(
    '\n',
  );
}

/** Removes the tables; none there is not an error. */
export function clearEgress(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return ['ip', 'ip6'].map((family) => `table ${family} ${table}\ndelete table ${family} ${table}`).join('\n');
}

function tableOf(family: Family, table: string, rules: readonly EgressRule[], inside: readonly string[]): string[] {
  const own = rules.filter(({ address }) => familyOf(address) === family);
  if (own.length === 0) return [];
  const [name, type] = WORDS[family];
  const cluster = inside.filter((network) => networkFamily(network) === family);
  const pods = own.flatMap((rule, i) => rule.pods.map((pod) => `${pod} : goto rule-${i}`));
  return [
    `table ${name} ${table} {`,
    ...own.flatMap((rule, i) => [`chain rule-${i} {`, ...ruleLines(rule, name), '}']),
    'map pods {',
    `type ${type} : verdict`,
    'flags timeout',
    `timeout ${EGRESS_LIFETIME}`,
    `elements = { ${pods.join(', ')} }`,
    '}',
    'set inside {',
    `type ${type}`,
    'flags interval',
    ...(cluster.length === 0 ? [] : [`elements = { ${cluster.join(', ')} }`]),
    '}',
    'chain postrouting {',
    'type nat hook postrouting priority 98; policy accept;',
    'ct status dnat return',
    'fib saddr type local return',
    `${name} daddr @inside return`,
    `${name} saddr vmap @pods`,
    '}',
    '}',
  ];
}

function ruleLines({ address, ports, allowed, denied }: EgressRule, name: 'ip' | 'ip6'): string[] {
  const open = ports.map(({ protocol, port }) => `${protocol} . ${port}`);
  return [
    ...(denied.length === 0 ? [] : [`${name} daddr { ${denied.join(', ')} } return`]),
    ...(allowed.length === 0 ? [] : [`${name} daddr != { ${allowed.join(', ')} } return`]),
    ...(open.length === 0 ? [] : [`meta l4proto . th dport != { ${[...new Set(open)].join(', ')} } return`]),
    `snat to ${address}`,
  ];
}

/** Of a prefix, or of an address. */
function networkFamily(network: string): Family | undefined {
  const ip = parseIp(network.replace(/\/\d+$/, ''));
  return ip && familyOf(ip);
}
