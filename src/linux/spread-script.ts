/** The rules that spread the VIP's traffic over the API servers, in the language of nft(8). */
import type { ApiBackend, Spread } from '../exposure/control-plane/balance/port.ts';
import { hostPort, type Family } from '../model/ip.ts';

interface Words {
  readonly name: 'ip' | 'ip6';
  readonly addressType: 'ipv4_addr' | 'ipv6_addr';
}

const WORDS: Readonly<Record<Family, Words>> = {
  4: { name: 'ip', addressType: 'ipv4_addr' },
  6: { name: 'ip6', addressType: 'ipv6_addr' },
};
/** How long the rules apply, unless they are set again; as nft writes it. */
export const SPREAD_LIFETIME = '20s';

/**
 * Replaces the tables called `table`, in the families ip and ip6, in one transaction. A family that nothing is to be
 * spread in has no table afterwards.
 *
 * Chains for NAT see only the first packet of a connection: each stays where it began, whatever the rules become, and
 * also when they go. The set of addresses empties itself after {@link SPREAD_LIFETIME}, so that nothing is led anywhere
 * by an agent that is gone. What is for this node's own API server is not translated, and so comes from its client;
 * what is for another one goes there in the name of this node, since its answers have to come back this way.
 */
export function spreadScript(table: string, spreads: readonly Spread[]): string {
  return [clearSpreads(table), ...spreads.flatMap((spread) => tableLines(table, spread)), ''].join('\n');
}

/** Removes the tables; none there is not an error. */
export function clearSpreads(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return (['ip', 'ip6'] as const)
    .map((family) => `table ${family} ${table}\ndelete table ${family} ${table}`)
    .join('\n');
}

function tableLines(table: string, spread: Spread): string[] {
  const { name, addressType } = WORDS[spread.family];
  const backends = [...new Map([...spread.outside, ...spread.inside].map((one) => [chainOf(one), one])).values()];
  return [
    `table ${name} ${table} {`,
    'set vips {',
    `type ${addressType}`,
    'flags timeout',
    `timeout ${SPREAD_LIFETIME}`,
    `elements = { ${spread.vips.join(', ')} }`,
    '}',
    ...backends.flatMap((backend) => [`chain ${chainOf(backend)} {`, ...leadTo(backend, spread, name), '}']),
    ...entry('prerouting', spread.outside, spread, name),
    ...entry('output', spread.inside, spread, name),
    ...nameForOthers(backends, name),
    '}',
  ];
}

function nameForOthers(backends: readonly ApiBackend[], name: string): string[] {
  const others = backends.filter(({ here }) => !here).map(({ ip, port }) => `${ip} . ${port}`);
  if (others.length === 0) return [];
  return [
    'chain postrouting {',
    'type nat hook postrouting priority 99; policy accept;',
    // nft knows no type for the port that a connection was made to, so it is told by where it leads.
    `ct status dnat ct original ${name} daddr @vips ${name} daddr . tcp dport { ${others.join(', ')} } masquerade fully-random`,
    '}',
  ];
}

function entry(hook: 'prerouting' | 'output', backends: readonly ApiBackend[], spread: Spread, name: string): string[] {
  if (backends.length === 0) return [];
  const choices = backends.map((backend, i) => `${i} : goto ${chainOf(backend)}`).join(', ');
  return [
    `chain ${hook} {`,
    // One step ahead of kube-proxy: the first of the chains for NAT that changes a connection is the last that is asked.
    `type nat hook ${hook} priority -101; policy accept;`,
    `${name} daddr @vips tcp dport ${spread.port} numgen inc mod ${backends.length} vmap { ${choices} }`,
    '}',
  ];
}

function leadTo(backend: ApiBackend, { vips, port, herePort }: Spread, name: string): string[] {
  if (!backend.here) return [`meta l4proto tcp dnat to ${hostPort(backend.ip, backend.port)}`];
  if (herePort === port) return ['accept'];
  return vips.map((vip) => `${name} daddr ${vip} meta l4proto tcp dnat to ${hostPort(vip, herePort)}`);
}

function chainOf({ ip, port, here }: ApiBackend): string {
  return here ? 'here' : `to-${ip.replace(/[:.]/g, '-')}-${port}`;
}
