/** The rules that lead traffic of tunnels, in the language of nft(8). */
import { SPEECH_SECONDS, type TunnelWay } from '../exposure/announcement/tunnel/port.ts';
import { familyOf } from '../model/ip.ts';

/** The UDP ports that may be spoken from. It empties itself. */
export const SPEAKING_SET = 'speaking';
/** Behind the rules of others that mark packets, and before addresses are translated. */
const PRIORITY = -149;
/** Headers of TCP and IP without options. */
const HEADERS = { 4: 40, 6: 60 } as const;

/**
 * Replaces the table in one transaction; without ways there is none afterwards.
 *
 * A connection that comes in by a tunnel is marked, and what answers it leaves by the rule for that mark, wherever its
 * client is by other routes. Only the tunnel's own address can be reached that way. Segments are made to fit.
 */
export function tunnelScript(table: string, mark: number, ways: readonly TunnelWay[]): string {
  if (ways.length === 0) return clearTunnels(table);
  const ports = ways.map(({ listenPort }) => listenPort).join(', ');
  const marks = ways.map(({ slot }) => hex(mark + slot)).join(', ');
  return [
    clearTunnels(table),
    `table inet ${table} {`,
    `set ${SPEAKING_SET} {`,
    'type inet_service',
    'flags timeout',
    `timeout ${SPEECH_SECONDS}s`,
    `elements = { ${ports} }`,
    '}',
    'chain speech {',
    'type filter hook output priority 0; policy accept;',
    `udp sport { ${ports} } udp sport != @${SPEAKING_SET} drop`,
    '}',
    ...ways.flatMap((way) => arrivals(way, mark)),
    'chain prerouting {',
    `type filter hook prerouting priority ${PRIORITY}; policy accept;`,
    `iifname vmap { ${ways.map(({ name, slot }) => `"${name}" : goto from-${slot}`).join(', ')} }`,
    `ct direction reply ct mark { ${marks} } meta mark set ct mark`,
    '}',
    'chain output {',
    `type route hook output priority ${PRIORITY}; policy accept;`,
    `ct mark { ${marks} } meta mark set ct mark`,
    '}',
    'chain postrouting {',
    `type filter hook postrouting priority ${PRIORITY}; policy accept;`,
    ...ways.map((way) => `oifname "${way.name}" ${fitting(way)}`),
    '}',
    '}',
    '',
  ].join('\n');
}

/** Removes the table; none there is not an error. */
export function clearTunnels(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

function arrivals(way: TunnelWay, mark: number): string[] {
  const { ip, slot } = way;
  const [family, words] = familyOf(ip) === 4 ? ['ipv4', 'ip'] : ['ipv6', 'ip6'];
  return [
    `chain from-${slot} {`,
    `meta nfproto != ${family} drop`,
    `${words} daddr != ${ip} drop`,
    fitting(way),
    `ct direction original ct mark set ${hex(mark + slot)}`,
    '}',
  ];
}

function fitting({ ip, mtu }: TunnelWay): string {
  const size = mtu - HEADERS[familyOf(ip)];
  return `tcp flags & (syn | rst) == syn tcp option maxseg size > ${size} tcp option maxseg size set ${size}`;
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}
