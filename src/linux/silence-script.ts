/** The rules of the silence filter, in the language of nft(8). */
import { ipToBytes, type Ip } from '../model/ip.ts';

export const SILENT_SET = 'silent';

/** An address of the node itself from which the kernel may ask for neighbours on a link. */
export interface Source {
  readonly link: string;
  readonly ip: Ip;
  readonly prefixLength: number;
}

/**
 * Replaces the tables called `table`, in the families arp and inet, in one transaction.
 *
 * - Requests for a silent address are dropped before the kernel can answer. Only requests: what answers a question of
 *   the kernel's own that was asked from a silent address has to come through.
 * - The kernel asks for neighbours in the name of the address it wants to send from. Everyone who hears that learns
 *   this node's MAC for it, which would undo a takeover; so it asks in the name of the node's own address.
 * - IPv6: neighbour solicitations whose target (8 bytes into ICMPv6) is a silent address.
 */
export function silenceScript(table: string, v4: readonly Ip[], v6: readonly Ip[], sources: readonly Source[]): string {
  const elements = v4.length === 0 ? '' : `elements = { ${v4.join(', ')} }`;
  const rewrites = sources.map(
    ({ link, ip, prefixLength }) =>
      `oifname "${link}" arp daddr ip ${ip}/${prefixLength} arp saddr ip @${SILENT_SET} arp saddr ip set ${ip}`,
  );
  const targets = v6.map((address) => `0x${Buffer.from(ipToBytes(address)).toString('hex')}`);
  const solicitations =
    targets.length === 0 ? [] : [`icmpv6 type nd-neighbor-solicit @th,64,128 { ${targets.join(', ')} } drop`];
  return [
    clearScript(table),
    `table arp ${table} {`,
    `set ${SILENT_SET} {`,
    'type ipv4_addr',
    elements,
    '}',
    'chain input {',
    'type filter hook input priority 0; policy accept;',
    `arp operation request arp daddr ip @${SILENT_SET} drop`,
    '}',
    'chain output {',
    'type filter hook output priority 0; policy accept;',
    ...rewrites,
    '}',
    '}',
    ...(solicitations.length === 0 ? [] : inetTable(table, solicitations)),
    '',
  ].join('\n');
}

/** Removes the tables; none there is not an error. */
export function clearScript(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return ['arp', 'inet'].map((family) => `table ${family} ${table}\ndelete table ${family} ${table}`).join('\n');
}

function inetTable(table: string, rules: readonly string[]): string[] {
  return [
    `table inet ${table} {`,
    'chain input {',
    'type filter hook input priority 0; policy accept;',
    ...rules,
    '}',
    '}',
  ];
}
