/** The rules of service security, in the language of nft(8). */
import type { GuardedAddress } from '../exposure/security/port.ts';
import { familyOf, type Family } from '../model/ip.ts';

export const GUARDED: Readonly<Record<Family, string>> = { 4: 'guarded4', 6: 'guarded6' };
const OPEN: Readonly<Record<Family, string>> = { 4: 'open4', 6: 'open6' };
const WORDS: Readonly<Record<Family, readonly [name: string, type: string]>> = {
  4: ['ip', 'ipv4_addr'],
  6: ['ip6', 'ipv6_addr'],
};

/**
 * Replaces the table called `table` in one transaction; without addresses there is none afterwards.
 *
 * - Before kube-proxy (whose chains are at -100 and decide by the address that was asked for) and after the kernel knows
 *   the connection: so node ports, which are open at every address of a node, are closed at these.
 * - ICMP passes: echo, errors that path MTU discovery lives on, neighbour discovery.
 * - What answers a connection that began here passes: the agent asks routers from these addresses.
 * - The node itself passes.
 */
export function portFilterScript(table: string, addresses: readonly GuardedAddress[]): string {
  if (addresses.length === 0) return clearPortFilter(table);
  const sets = ([4, 6] as const).flatMap((family) => {
    const own = addresses.filter(({ address }) => familyOf(address) === family);
    const [, type] = WORDS[family];
    const open = own.flatMap(({ address, ports }) =>
      ports.map(({ protocol, port }) => `${address} . ${protocol.toLowerCase()} . ${port}`),
    );
    return [
      ...set(
        GUARDED[family],
        type,
        own.map(({ address }) => address),
      ),
      ...set(OPEN[family], `${type} . inet_proto . inet_service`, open),
    ];
  });
  return [
    clearPortFilter(table),
    `table inet ${table} {`,
    ...sets,
    'chain guard {',
    'meta l4proto { icmp, icmpv6 } accept',
    'ct direction reply accept',
    ...([4, 6] as const).map((family) => `${WORDS[family][0]} daddr . meta l4proto . th dport @${OPEN[family]} accept`),
    'counter drop',
    '}',
    'chain prerouting {',
    'type filter hook prerouting priority -150; policy accept;',
    'iif lo accept',
    ...([4, 6] as const).map((family) => `${WORDS[family][0]} daddr @${GUARDED[family]} goto guard`),
    '}',
    '}',
    '',
  ].join('\n');
}

/** Removes the table; none there is not an error. */
export function clearPortFilter(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

function set(name: string, type: string, elements: readonly string[]): string[] {
  return [
    `set ${name} {`,
    `type ${type}`,
    ...(elements.length === 0 ? [] : [`elements = { ${elements.join(', ')} }`]),
    '}',
  ];
}
