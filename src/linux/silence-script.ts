/** The rules of the silence filter, in the language of nft(8). */
import { familyOf, ipToBytes, type Ip } from '../model/ip.ts';

/** In both tables. */
export const SILENT_SET = 'silent';

/** An address of the node itself from which the kernel may ask for neighbours on a link. */
export interface Source {
  readonly link: string;
  readonly ip: Ip;
  readonly prefixLength: number;
}

/** nft knows no name for the target of a Neighbor Solicitation or Advertisement: 8 bytes into ICMPv6, 16 long. */
const TARGET = '@th,64,128';
/** The IPv6 source address, in the type of the set that holds targets. */
const SOURCE = '@nh,64,128';

/**
 * Replaces the tables called `table`, in the families arp and inet, in one transaction.
 *
 * - Questions for a silent address are dropped before the kernel can answer. Only questions: what answers a question
 *   of the kernel's own that was asked from a silent address has to come through.
 * - The kernel asks for neighbours in the name of the address it wants to send from. Everyone who hears that learns
 *   this node's MAC for it, which would undo a takeover; so it asks in the name of the node's own address.
 * - IPv6: the kernel announces addresses by itself when the sysctl `ndisc_notify` says so. Not those.
 */
export function silenceScript(table: string, silent: readonly Ip[], sources: readonly Source[]): string {
  const ofFamily = <T>(items: readonly T[], family: 4 | 6, ip: (item: T) => Ip): T[] =>
    items.filter((item) => familyOf(ip(item)) === family);
  const v4 = ofFamily(silent, 4, (ip) => ip);
  const v6 = ofFamily(silent, 6, (ip) => ip).map((ip) => `0x${Buffer.from(ipToBytes(ip)).toString('hex')}`);
  const arpRewrites = ofFamily(sources, 4, ({ ip }) => ip).map(
    ({ link, ip, prefixLength }) =>
      `oifname "${link}" arp daddr ip ${ip}/${prefixLength} arp saddr ip @${SILENT_SET} arp saddr ip set ${ip}`,
  );
  const ndpRewrites = ofFamily(sources, 6, ({ ip }) => ip).map(
    ({ link, ip }) => `oifname "${link}" icmpv6 type nd-neighbor-solicit ${SOURCE} @${SILENT_SET} ip6 saddr set ${ip}`,
  );
  return [
    clearScript(table),
    ...tableLines('arp', table, 'type ipv4_addr', v4, {
      input: [`arp operation request arp daddr ip @${SILENT_SET} drop`],
      output: arpRewrites,
    }),
    ...tableLines('inet', table, `typeof ${TARGET}`, v6, {
      input: [`icmpv6 type nd-neighbor-solicit ${TARGET} @${SILENT_SET} drop`],
      output: [`icmpv6 type nd-neighbor-advert ${TARGET} @${SILENT_SET} drop`, ...ndpRewrites],
    }),
    '',
  ].join('\n');
}

/** Removes the tables; none there is not an error. */
export function clearScript(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return ['arp', 'inet'].map((family) => `table ${family} ${table}\ndelete table ${family} ${table}`).join('\n');
}

function tableLines(
  family: 'arp' | 'inet',
  table: string,
  setType: string,
  elements: readonly string[],
  rules: { readonly input: readonly string[]; readonly output: readonly string[] },
): string[] {
  const chain = (hook: 'input' | 'output'): string[] => [
    `chain ${hook} {`,
    `type filter hook ${hook} priority 0; policy accept;`,
    ...rules[hook],
    '}',
  ];
  return [
    `table ${family} ${table} {`,
    `set ${SILENT_SET} {`,
    setType,
    elements.length === 0 ? '' : `elements = { ${elements.join(', ')} }`,
    '}',
    ...chain('input'),
    ...chain('output'),
    '}',
  ];
}
